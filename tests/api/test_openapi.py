from __future__ import annotations

import json
import re
from pathlib import Path

from tests.api.caller import Caller
from tests.api.schema_file import FILE, document

PROMISED = """
    POST /connections
    GET /connections
    GET /connections/{connection_id}
    PATCH /connections/{connection_id}
    DELETE /connections/{connection_id}
    POST /connections/{connection_id}/actions/test
    POST /connections/{connection_id}/actions/mark_mixed
    POST /connections/{connection_id}/actions/unmark_mixed
    GET /tasks
    POST /tasks
    GET /tasks/{task_id}
    PATCH /tasks/{task_id}
    POST /tasks/{task_id}/runs
    GET /runs
    GET /runs/{run_id}
    GET /runs/{run_id}/preview
    POST /runs/{run_id}/actions/start
    POST /runs/{run_id}/actions/pause
    POST /runs/{run_id}/actions/resume
    POST /runs/{run_id}/actions/cancel
    POST /runs/{run_id}/actions/retry
    GET /runs/{run_id}/integrity
    GET /runs/{run_id}/integrity/records
    GET /runs/{run_id}/integrity/failures
    GET /runs/{run_id}/report
    GET /records/{record_id}
    POST /records/{record_id}/reviews
"""


def operations() -> dict[str, dict[str, object]]:
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}": operation
        for path, methods in json.loads(document())["paths"].items()
        for method, operation in methods.items()
    }


def test_the_committed_document_is_what_the_api_answers() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "run: python -m tests.api.schema_file"


def test_the_document_is_served(stranger: Caller) -> None:
    assert stranger.get("/openapi.json").json() == json.loads(document())


def test_every_promised_address_is_there_and_no_other() -> None:
    assert set(operations()) == {line.strip() for line in PROMISED.strip().splitlines()}


def test_every_operation_asks_who_it_is() -> None:
    assert [name for name, operation in operations().items() if not operation.get("security")] == []


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in operations().values()]

    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere() -> None:
    text = document()
    schemas = json.loads(text)["components"]["schemas"]

    assert set(re.findall(r"#/components/schemas/(\w+)", text)) - set(schemas) == set()


def test_every_address_in_the_guide_exists(project_root: Path) -> None:
    guide = (project_root / "docs" / "api.md").read_text(encoding="utf-8")
    known = [re.sub(r"\{\w+\}", r"[^/]+", name.split(" ")[1]) for name in operations()]

    named = {address.rstrip("/") for address in re.findall(r"/api/v1(/[\w/{}$-]+)", guide)} - {"/openapi"}

    assert {one for one in named if not any(re.fullmatch(pattern, one) for pattern in known)} == set()
