"""Who signs in, the first admin, and keys to the API."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UsernameField

from migrator.services import people


class SignIn(AuthenticationForm):
    """User and password; which of the two was wrong is not said."""

    # Django's own field takes a name of any length, and the failure then finds no room where failures are counted.
    username = UsernameField(max_length=people.LONGEST_NAME, widget=forms.TextInput(attrs={"autofocus": True}))

    error_messages = {
        "invalid_login": "This name and password do not fit together. Try again; both are case-sensitive.",
        "inactive": "This name and password do not fit together. Try again; both are case-sensitive.",
    }


class FirstAdmin(forms.Form):
    """The first person of an installation, with the one-time code of the terminal."""

    code = forms.CharField(
        label="One-time code",
        help_text="The terminal that started Truecopy has printed it.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )
    username = forms.CharField(
        label="Your user name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        label="Password",
        help_text="At least 12 characters.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
        strip=False,
    )


class TokenForm(forms.Form):
    """A key to the JSON API."""

    name = forms.CharField(label="What is it for?", max_length=100, help_text="Such as “nightly report”.")
    days = forms.TypedChoiceField(
        label="It ends after",
        coerce=int,
        initial=90,
        choices=[(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year")],
    )
