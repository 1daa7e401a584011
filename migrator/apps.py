"""The migrator app."""

from django.apps import AppConfig


class MigratorConfig(AppConfig):
    """Who moves what, where."""

    name = "migrator"
    verbose_name = "Truecopy"

    def ready(self) -> None:
        """Register the system checks."""
        from migrator import checks  # noqa: F401
