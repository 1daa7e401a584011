"""A person's own keys to the JSON API."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from migrator import services
from migrator.models import ApiToken
from migrator.web.access import for_roles, found_or_404, person_of
from migrator.web.forms import TokenForm


@for_roles()
def tokens(request: HttpRequest) -> HttpResponse:
    """`/tokens/`: those of the person; a new one is shown this once, in the answer to its making."""
    person = person_of(request)
    form = TokenForm(request.POST or None)
    text = ""
    if request.method == "POST" and form.is_valid():
        ends = timezone.now() + timedelta(days=form.cleaned_data["days"])
        _, text = services.create_token(person, form.cleaned_data["name"], expires_at=ends, by=person)
        form = TokenForm()
    own = ApiToken.objects.filter(user=person)
    context = {"form": form, "tokens": own, "new_text": text, "now": timezone.now()}
    return render(request, "tokens/list.html", context, status=422 if form.errors else 200)


@require_POST
@for_roles()
def token_revoke(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End one's own token at once."""
    person = person_of(request)
    found = found_or_404(ApiToken.objects.filter(user=person), pk)
    services.revoke_token(person, found)
    messages.success(request, f"“{found.name}” is revoked and no longer works.")
    return redirect("tokens")
