"""Every address of Truecopy."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from migrator.web.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("migrator.web.health")),
    path("api/v1/", api.urls),
]
