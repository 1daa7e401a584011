"""What boto3 is made to send besides what it makes itself."""

from __future__ import annotations

import pytest

from migrator.engine.addresses import AddressRule
from migrator.engine.errors import WrongRegion
from migrator.engine.messages import SentPart
from migrator.engine.stores import Store
from migrator.engine.transport import Endpoint
from tests.engine.scripted import answering

ELSEWHERE = b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n"


def _endpoint(url: str) -> Endpoint:
    return Endpoint(
        url=url, access_key_id="example", secret_access_key="example-secret", rule=AddressRule(allow_private=True)
    )


def test_a_complete_that_is_redirected_is_asked_once_and_nothing_besides() -> None:
    """Sent to another region, botocore would ask where the bucket is, and be redirected again."""
    with answering(ELSEWHERE, ELSEWHERE) as told:
        store = Store(_endpoint(told.url))
        with pytest.raises(WrongRegion):
            store.complete_upload("bucket", "key", "id", [SentPart(1, '"0123"')])
        store.close()

    (complete,) = told.requests
    assert complete.startswith(b"POST ")
    assert b"<PartNumber>1</PartNumber>" in complete
