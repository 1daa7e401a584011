"""The JSON API under /api/v1: one module for each noun, and one way out for all that goes wrong."""

from __future__ import annotations

from migrator.web.api import connections, records, reports, runs, tasks
from migrator.web.api.bodies import StrictParser
from migrator.web.api.gate import GatedAPI
from migrator.web.api.people import Cookie, Token

api = GatedAPI(
    title="Truecopy",
    version="1",
    description="Move objects between S3 stores, and prove every copy. Errors are RFC 9457 problems.",
    openapi_url="/openapi.json",
    docs_url=None,
    parser=StrictParser(),
    auth=[Token(), Cookie()],
    urls_namespace="api-1",
)
api.add_router("/connections", connections.router)
api.add_router("/tasks", tasks.router)
api.add_router("/runs", runs.router)
api.add_router("", records.router)
api.add_router("", reports.router)

__all__ = ["api"]
