"""What boto3 is made to send besides what it makes itself."""

from __future__ import annotations

import pytest

from migrator.engine.addresses import AddressRule
from migrator.engine.errors import AnswerUnreadable, DestinationFull, WrongRegion
from migrator.engine.messages import SentPart
from migrator.engine.pacing import Patience
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


def _says(document: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(document)}\r\n\r\n{document}".encode()


FULL = _says("<Error><Code>QuotaExceeded</Code><Key>bell&#x7;</Key></Error>", "403 Forbidden")


def test_a_refusal_that_repeats_a_key_which_is_no_xml_is_understood() -> None:
    with answering(FULL, FULL) as told:
        store = Store(_endpoint(told.url))
        with pytest.raises(DestinationFull):
            store.create_upload("bucket", "bell\x07", repeat=False)
        with pytest.raises(DestinationFull):
            store.put("bucket", "bell\x07", b"body")
        store.close()


def test_a_key_that_is_no_xml_is_not_read_from_a_list_of_uploads() -> None:
    """It might be taken for the upload of another key."""
    with answering(
        _says("<ListMultipartUploadsResult><Upload><Key>o&#x7;</Key></Upload></ListMultipartUploadsResult>")
    ) as told:
        store = Store(_endpoint(told.url), patience=Patience(tries=1))
        with pytest.raises(AnswerUnreadable):
            store.list_uploads("bucket", "o")
        store.close()


@pytest.mark.parametrize(
    "upload",
    [
        "<Key>o</Key><Initiated>2026-11-25T08:33:21.000Z</Initiated>",
        "<Key>o</Key><UploadId>1</UploadId><Initiated>0001-01-01T00:00:00+01:00</Initiated>",
    ],
    ids=["no id", "a time that is none"],
)
def test_a_list_of_uploads_that_makes_no_sense_is_an_answer_that_cannot_be_read(upload: str) -> None:
    said = _says(f"<ListMultipartUploadsResult><Upload>{upload}</Upload></ListMultipartUploadsResult>")
    with answering(said, said) as told:
        store = Store(_endpoint(told.url), patience=Patience(tries=1))
        with pytest.raises(AnswerUnreadable):
            store.list_uploads("bucket")
        with pytest.raises(AnswerUnreadable):
            store.uploads_since("bucket", "o", 0)
        store.close()


# The last is what a store says that does not know the question, and it has no versions either.
@pytest.mark.parametrize(
    ("document", "keeps"),
    [
        ("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", True),
        ("<VersioningConfiguration/>", False),
        ("<ListBucketResult/>", False),
    ],
)
def test_a_bucket_keeps_versions_where_the_store_says_so(document: str, keeps: bool) -> None:
    with answering(_says(document)) as told:
        store = Store(_endpoint(told.url))
        assert store.keeps_versions("bucket") is keeps
        store.close()


@pytest.mark.parametrize("document", ["", "  ", "<html><body>Welcome</body></html>"])
def test_what_says_nothing_is_no_answer_to_a_question(document: str) -> None:
    with answering(*[_says(document)] * 2) as told:
        store = Store(_endpoint(told.url), patience=Patience(tries=1))
        with pytest.raises(AnswerUnreadable):
            store.keeps_versions("bucket")
        with pytest.raises(AnswerUnreadable):
            store.list_buckets()
        store.close()


def test_a_bucket_of_which_no_time_can_be_read_is_a_bucket() -> None:
    times = ("2024-01-31T10:20:30Z", "", "none", "1e400", "99999999999999999999")
    rows = "".join(
        f"<Bucket><Name>of-{n}</Name><CreationDate>{time}</CreationDate></Bucket>" for n, time in enumerate(times)
    )
    nameless = "<Bucket><CreationDate>2024-01-31T10:20:30Z</CreationDate></Bucket>"
    with answering(
        _says(f"<ListAllMyBucketsResult><Buckets>{rows}{nameless}</Buckets></ListAllMyBucketsResult>")
    ) as told:
        store = Store(_endpoint(told.url))
        assert store.list_buckets() == ("of-0", "of-1", "of-2", "of-3", "of-4")
        store.close()
