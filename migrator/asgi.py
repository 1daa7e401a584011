"""The ASGI application: pages, API and websockets."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")

pages = get_asgi_application()

# Only now: these need the apps to be ready.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.core import checks  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402

from migrator.urls import websocket_urlpatterns  # noqa: E402


def _refuse_what_is_wrong() -> None:
    """Refuse to serve a wrong installation: `manage.py` runs the system checks, a server would not."""
    errors = [found for found in checks.run_checks() if found.level >= checks.ERROR]
    if errors:
        raise ImproperlyConfigured("\n".join(f"{found.id}: {found.msg} {found.hint or ''}" for found in errors))


_refuse_what_is_wrong()

application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
