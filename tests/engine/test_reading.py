"""Each rule for the answer that a broken body goes on with: one that breaks it is no part of the object."""

from __future__ import annotations

import pytest

from integrity.evidence import ErrorCode
from migrator.engine.addresses import AddressRule
from migrator.engine.bodies import Pin
from migrator.engine.errors import EvidenceMismatch, RangeMismatch
from migrator.engine.pacing import Patience
from migrator.engine.planning import Item
from migrator.engine.reading import SourceReader
from migrator.engine.stores import Endpoint, Store
from tests.engine.scripted import Parting, answering

BODY = b"0123456789"
ITEM = Item(
    index=0, key="key", dest_key="key", size=len(BODY), etag='"etag"', last_modified="2026-01-01T00:00:00.000000Z"
)


def answer(status: str, body: bytes, etag: str = '"etag"', content_range: str = "") -> bytes:
    said = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"ETag: {etag}"]
    said += [f"Content-Range: {content_range}"] if content_range else []
    return "\r\n".join([*said, "", ""]).encode() + body


def broken_at(offset: int) -> bytes:
    """The answer to the first request, whose connection ends after so many bytes, or is silent before the first."""
    whole = answer("200 OK", BODY)
    cut = whole[: len(whole) - len(BODY) + offset]
    return Parting(cut) if offset else cut


def read(*answers: bytes) -> bytes:
    with answering(*answers) as told:
        keys, rule = (
            {"access_key_id": "example", "secret_access_key": "example-secret"},
            AddressRule(allow_private=True),
        )
        endpoint = Endpoint(url=told.url, rule=rule, read_seconds=0.2, **keys)
        store = Store(endpoint, patience=Patience(tries=1, first_seconds=0, longest_seconds=0))
        reader = SourceReader(Pin(store=store, bucket="bucket", key="key", etag='"etag"', size=len(BODY)))
        reader.open(ITEM)
        try:
            return b"".join(reader.chunks())
        finally:
            reader.close()
            store.close()


def test_a_body_goes_on_where_it_broke() -> None:
    assert read(broken_at(4), answer("206 Partial Content", BODY[4:], content_range="bytes 4-9/10")) == BODY


def test_a_body_that_broke_before_its_first_byte_begins_again() -> None:
    assert read(broken_at(0), answer("200 OK", BODY)) == BODY


@pytest.mark.parametrize(
    ("status", "content_range", "etag"),
    [
        pytest.param("206 Partial Content", "", '"etag"', id="no range"),
        pytest.param("206 Partial Content", "bytes 3-9/10", '"etag"', id="begins before"),
        pytest.param("206 Partial Content", "bytes 5-9/10", '"etag"', id="begins behind"),
        pytest.param("206 Partial Content", "bytes 4-8/10", '"etag"', id="ends before"),
        pytest.param("206 Partial Content", "bytes 4-9/11", '"etag"', id="of a longer one"),
        pytest.param("206 Partial Content", "bytes 4-9/*", '"etag"', id="of nobody knows how long a one"),
        pytest.param("206 Partial Content", "bytes 4-9/10", '"other"', id="of another object"),
        pytest.param("200 OK", "bytes 4-9/10", '"etag"', id="no part"),
        pytest.param("200 OK", "", '"etag"', id="the range is ignored"),
    ],
)
def test_what_is_not_the_rest_is_range_mismatch(status: str, content_range: str, etag: str) -> None:
    with pytest.raises(RangeMismatch):
        read(broken_at(4), answer(status, BODY[4:], etag, content_range))


@pytest.mark.parametrize(
    ("status", "content_range", "etag"),
    [
        pytest.param("206 Partial Content", "bytes 0-9/10", '"etag"', id="a part that nobody asked for"),
        pytest.param("200 OK", "", '"other"', id="another object"),
    ],
)
def test_what_is_not_the_whole_again_is_range_mismatch(status: str, content_range: str, etag: str) -> None:
    with pytest.raises(RangeMismatch):
        read(broken_at(0), answer(status, BODY, etag, content_range))


def test_row_8_a_body_of_no_announced_length_is_left_where_it_goes_on_behind_the_planned_size() -> None:
    longer = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "etag"\r\n\r\nb\r\n0123456789+\r\n0\r\n\r\n'

    # The second answer is to the question whether something on the way has unpacked it.
    with pytest.raises(EvidenceMismatch) as refused:
        read(Parting(longer), answer("200 OK", b""))

    assert refused.value.error_code is ErrorCode.SOURCE_SIZE_MISMATCH
