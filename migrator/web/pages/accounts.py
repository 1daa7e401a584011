"""Getting in and out: sign-in, sign-out, the first admin, and the colours of the pages."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from migrator import services
from migrator.web import live
from migrator.web.access import THEMES, for_roles
from migrator.web.forms import FirstAdmin, SignIn, show_refusal

YEAR_SECONDS = 365 * 24 * 3600


class SignInPage(LoginView):
    """`/login/`: user and password."""

    template_name = "accounts/login.html"
    authentication_form = SignIn
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Show the form; before anyone exists, the setup."""
        if services.setup_is_open():
            return redirect("setup")
        return super().get(request, *args, **kwargs)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session, and the live pages that hang on it."""
    person = request.user.pk
    end_session(request)
    if person is not None:
        live.recheck_rights(person)
    return redirect("login")


@never_cache
@sensitive_post_parameters()
def setup(request: HttpRequest) -> HttpResponse:
    """Make the first admin with the code that the terminal printed; closed for good afterwards."""
    if not services.setup_is_open():
        return render(request, "accounts/setup_closed.html", status=410)
    form = FirstAdmin(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.create_first_admin(data["code"], data["username"], data["password"])
        except services.Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, "You are the first admin. Sign in to go on.")
            return redirect("login")
    return render(request, "accounts/setup.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@for_roles()
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen colours in a cookie, so that no page flashes."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        target = "/"
    response = redirect(target)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=YEAR_SECONDS, samesite="Lax", httponly=True)
    return response
