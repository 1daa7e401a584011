"""What boto3 is made to send besides what it makes itself."""

from __future__ import annotations

import hashlib

import pytest

from migrator.engine.addresses import AddressRule
from migrator.engine.errors import EngineError
from migrator.engine.messages import SentPart
from migrator.engine.stores import Store
from migrator.engine.transport import Endpoint
from tests.engine.scripted import answering

ELSEWHERE = b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _endpoint(url: str) -> Endpoint:
    return Endpoint(
        url=url, access_key_id="example", secret_access_key="example-secret", rule=AddressRule(allow_private=True)
    )


def test_the_body_of_a_complete_goes_into_no_other_request() -> None:
    """Sent to another region, botocore asks where the bucket is: that question has no body."""
    with answering(ELSEWHERE, NOT_FOUND) as told:
        store = Store(_endpoint(told.url))
        with pytest.raises(EngineError):
            store.complete_upload("bucket", "key", "id", [SentPart(1, '"0123"')])
        store.close()

    complete, question = told.requests
    assert complete.startswith(b"POST ")
    assert b"<PartNumber>1</PartNumber>" in complete
    assert question.startswith(b"HEAD ")
    assert hashlib.sha256(b"").hexdigest().encode() in question
