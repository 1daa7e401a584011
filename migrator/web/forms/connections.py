"""A connection, and trying one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User

from migrator import services
from migrator.models import Connection, Role


class ConnectionForm(forms.Form):
    """An address and its keys. A stored secret is never put into the page."""

    name = forms.CharField(
        label="Name", max_length=100, help_text="What people will see, such as “Archive, read only”."
    )
    kind = forms.ChoiceField(label="Kind of service", choices=Connection.Kind.choices, initial=Connection.Kind.GENERIC)
    endpoint_url = forms.CharField(
        label="Address",
        max_length=500,
        help_text="With https:// and, if it has one, its port. Bucket and folder come later, with the task.",
        widget=forms.URLInput(attrs={"placeholder": "https://s3.example.com", "spellcheck": "false"}),
    )
    region = forms.CharField(
        label="Region", max_length=60, initial="us-east-1", help_text="Leave us-east-1 if the service has no regions."
    )
    addressing_style = forms.ChoiceField(
        label="How a bucket is addressed",
        choices=Connection.Addressing.choices,
        initial=Connection.Addressing.AUTO,
        help_text="Automatic fits nearly always.",
    )
    access_key_id = forms.CharField(
        label="Access key",
        max_length=200,
        help_text="The public half of the pair of keys.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    secret_access_key = forms.CharField(
        label="Secret key",
        required=False,
        strip=False,
        help_text="The secret half. It is stored sealed and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}, render_value=False),
    )
    session_token = forms.CharField(
        label="Session token",
        required=False,
        help_text="Only for temporary credentials.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}, render_value=False),
    )
    expires_at = forms.DateTimeField(
        label="Credentials end at (UTC)",
        required=False,
        help_text="Only for temporary credentials.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    ca_pem = forms.CharField(
        label="Certificate of a private authority (PEM)",
        required=False,
        help_text="Only if the service's certificate is not signed by a public authority.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
    )
    shared_with = forms.MultipleChoiceField(
        label="Shared with",
        required=False,
        help_text="Operators who may pick this connection for a task. Admins always may.",
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, connection: Connection | None = None, **kwargs: Any) -> None:
        if connection is not None:
            kwargs.setdefault("initial", _connection_initial(connection))
        super().__init__(*args, **kwargs)
        operators = User.objects.filter(groups__name=Role.OPERATOR, is_active=True).order_by("username")
        shared = self.fields["shared_with"]
        assert isinstance(shared, forms.MultipleChoiceField)
        shared.choices = [(name, name) for name in operators.values_list("username", flat=True)]
        if connection is not None:
            secret = self.fields["secret_access_key"]
            secret.label = "Replace the secret key"
            secret.help_text = (
                f"A secret is stored; its access key ends in {connection.access_key_id[-4:]}. "
                "Leave this empty to keep it. If the address changes, it must be entered again."
            )

    def given(self) -> services.ConnectionInput:
        """Return what was filled in, for the services."""
        data = self.cleaned_data
        return services.ConnectionInput(**{name: data[name] for name in self.fields})


class TestForm(forms.Form):
    """Which bucket to try a connection with."""

    bucket = forms.CharField(
        label="Bucket",
        required=False,
        max_length=255,
        help_text="Empty: only the address and the keys are tried.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
    )
    write = forms.BooleanField(
        label="Also try to write",
        required=False,
        help_text="Writes, reads and removes a tiny object under .truecopy-probe/. For destinations.",
    )


def _connection_initial(connection: Connection) -> dict[str, Any]:
    plain = ("name", "kind", "endpoint_url", "region", "addressing_style", "access_key_id", "expires_at", "ca_pem")
    shared = list(connection.shared_with.values_list("username", flat=True))
    return {name: getattr(connection, name) for name in plain} | {"shared_with": shared}
