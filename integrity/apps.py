"""The integrity app."""

from django.apps import AppConfig


class IntegrityConfig(AppConfig):
    """What happened to the bytes."""

    name = "integrity"
    verbose_name = "Integrity"
