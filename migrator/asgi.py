"""The ASGI application: pages, API and websockets."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")

application = get_asgi_application()
