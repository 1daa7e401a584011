"""Write the committed OpenAPI document anew: `python -m tests.api.schema_file`."""

from __future__ import annotations

import json
import os
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"


def document() -> str:
    """Return the document as it is committed."""
    from migrator.web.api import api

    return json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")
    import django

    django.setup()
    FILE.write_text(document(), encoding="utf-8")
