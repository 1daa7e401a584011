"""The integrity app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class IntegrityConfig(AppConfig):
    """What happened to the bytes."""

    name = "integrity"
    verbose_name = "Integrity"

    def ready(self) -> None:
        """Have the rule over the checks made anew after each change of the tables."""
        from integrity.guards import renew_triggers

        post_migrate.connect(renew_triggers, sender=self, dispatch_uid="integrity.guards")
