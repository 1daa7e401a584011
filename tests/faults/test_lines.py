"""Rows 66, 74, 75 and 76: the line to a store, and answers without end."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.httpsession import get_cert_path
from cryptography import x509

from integrity.evidence import CheckName
from migrator.engine.addresses import AddressRule
from migrator.engine.errors import (
    AnswerUnreadable,
    EndpointBlocked,
    EndpointUnreachable,
    NameNotFound,
    NotConnected,
    RedirectedToHttp,
    Stopped,
    TlsProblem,
    WrongRegion,
)
from migrator.engine.pacing import Patience
from migrator.engine.probing import try_connection
from migrator.engine.stores import Endpoint, Store
from migrator.engine.trust import Trust, system_trust
from migrator.sandbox import Sandbox
from tests.engine.scripted import hanging_up
from tests.faults.conftest import Make
from tests.faults.small_objects import filled
from tests.faults.two_stores import IMPATIENT, SOURCE, Settled

GET = {"side": "source", "operation": "GetObject"}
ENDLESS = {"calls": "all", "action": "huge_body", "value": 50_000_000}


@pytest.fixture
def system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Have the system trust one authority alone, which it keeps in a file, or in a folder by the hash of its name."""
    file, folder = tmp_path / "authorities.pem", tmp_path / "authorities"
    folder.mkdir()

    def trust(ca_pem: str, kept_in: str) -> None:
        if kept_in == "file":
            file.write_text(ca_pem)
        if kept_in == "folder":
            (folder / f"{hash_of_the_name(ca_pem)}.0").write_text(ca_pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        monkeypatch.setenv("SSL_CERT_DIR", str(folder))
        system_trust.cache_clear()

    yield trust
    system_trust.cache_clear()


def hash_of_the_name(ca_pem: str) -> str:
    """Return what OpenSSL files an authority under: of SHA-1 over the name in small letters the first four bytes."""
    subject = x509.load_pem_x509_certificate(ca_pem.encode()).subject
    small = x509.Name([x509.NameAttribute(each.oid, str(each.value).lower()) for each in subject])
    # Without the two bytes that say that a sequence begins.
    digest = hashlib.sha1(small.public_bytes()[2:], usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def endpoint(sandbox: Sandbox, **changes: object) -> Endpoint:
    plain = Endpoint(
        url=sandbox.url,
        access_key_id="sandbox",
        secret_access_key="sandbox-secret",
        rule=AddressRule(allow_private=True),
        connect_seconds=1,
        read_seconds=1,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_row_75_a_name_that_leads_to_loopback_is_blocked_before_a_byte_is_sent(two_stores: Make) -> None:
    pair = two_stores()
    pair.source.clear_log()
    port = pair.source.url.rpartition(":")[2]
    store = Store(endpoint(pair.source, url=f"http://localhost:{port}", rule=AddressRule()), patience=IMPATIENT)

    with pytest.raises(EndpointBlocked):
        store.list_page(SOURCE, "")

    assert pair.source.log == []


def test_row_75_a_name_that_turns_to_metadata_after_validation_is_blocked(
    two_stores: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = two_stores()
    store = Store(endpoint(pair.source, url="http://s3.example.com"), patience=IMPATIENT)
    rebound = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rebound)

    with pytest.raises(EndpointBlocked) as blocked:
        store.list_page(SOURCE, "")

    assert "may not reach s3.example.com" in blocked.value.advice


def test_row_75_what_is_dialled_is_the_address_that_was_checked(
    two_stores: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = two_stores()
    pair.seed("photo", b"body")
    port = int(pair.source.url.rpartition(":")[2])
    store = Store(endpoint(pair.source, url=f"http://s3.example.com:{port}"), patience=IMPATIENT)
    real, asked = socket.getaddrinfo, []

    def resolve(host: str, *more: object, **named: object) -> object:
        asked.append(host)
        return real("127.0.0.1" if host == "s3.example.com" else host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    assert [entry.key for entry in store.list_page(SOURCE, "").entries] == ["photo"]
    assert asked == ["s3.example.com"]


def test_row_76_a_name_without_address_is_not_found(two_stores: Make) -> None:
    store = Store(endpoint(two_stores().source, url="http://no-such-host.invalid"), patience=IMPATIENT)

    with pytest.raises(NameNotFound):
        store.list_page(SOURCE, "")


def test_row_76_a_resolver_that_is_silent_is_given_up(two_stores: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    pair, answers = two_stores(), threading.Event()
    store = Store(endpoint(pair.source, url="http://s3.example.com", connect_seconds=0.1), patience=Patience(tries=1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.wait(20) and [])

    began = time.monotonic()
    with pytest.raises(EndpointUnreachable) as refused:
        store.list_page(SOURCE, "")
    answers.set()

    assert time.monotonic() - began < 5
    assert refused.value.refuse_cause == "endpoint_unreachable"
    assert "No address is known for s3.example.com" in refused.value.advice


def test_row_76_many_small_objects_wait_for_a_silent_resolver_once_and_then_hear_a_stop(
    two_stores: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, answers, asked = filled(two_stores()), threading.Event(), []
    planned = pair.begin()
    pair.source_store.close()
    pair.source_store = Store(endpoint(pair.source, url="http://s3.example.com", connect_seconds=0.5))

    def resolve(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        pair.told.stop_at = time.monotonic()
        answers.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    with pytest.raises(Stopped):
        pair.copy_items(planned)
    answers.set()

    assert asked == ["s3.example.com"]


def test_row_76_a_slow_resolver_is_waited_for(two_stores: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = two_stores()
    port = int(pair.source.url.rpartition(":")[2])
    store = Store(endpoint(pair.source, url=f"http://s3.example.com:{port}", connect_seconds=5), patience=IMPATIENT)
    real = socket.getaddrinfo

    def resolve(host: str, *more: object, **named: object) -> object:
        time.sleep(0.3)
        return real("127.0.0.1" if host == "s3.example.com" else host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    assert store.list_page(SOURCE, "").name == SOURCE


def test_row_76_a_refused_connection_is_tried_again_then_unreachable(two_stores: Make) -> None:
    pair = two_stores()
    waits: list[float] = []
    patience = Patience(tries=3, first_seconds=0.001, sleep=waits.append)
    store = Store(endpoint(pair.source, url="http://127.0.0.1:1"), patience=patience)

    with pytest.raises(EndpointUnreachable):
        store.list_page(SOURCE, "")

    assert len(waits) == 2


def test_proxies_of_the_environment_are_not_used(two_stores: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    pair = two_stores()

    assert Store(endpoint(pair.source), patience=IMPATIENT).list_page(SOURCE, "").name == SOURCE


def test_credentials_of_the_environment_are_not_used(two_stores: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone-else")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    pair = two_stores()

    assert Store(endpoint(pair.source), patience=IMPATIENT).list_page(SOURCE, "").name == SOURCE


def test_a_secret_is_in_no_text_of_an_endpoint(two_stores: Make) -> None:
    assert "sandbox-secret" not in repr(endpoint(two_stores().source, session_token="a-token"))


def test_row_74_a_custom_authority_is_trusted(tmp_path: Path) -> None:
    with Sandbox(tmp_path, buckets=[SOURCE], tls=True) as sandbox:
        store = Store(endpoint(sandbox, ca_pem=sandbox.ca_pem), patience=IMPATIENT)

        assert store.list_page(SOURCE, "").name == SOURCE


@pytest.mark.parametrize("kept_in", ["file", "folder"])
def test_row_74_an_authority_of_the_system_is_trusted(
    tmp_path: Path, system_trusts: Callable[[str, str], None], kept_in: str
) -> None:
    with Sandbox(tmp_path / "store", buckets=[SOURCE], tls=True) as sandbox:
        system_trusts(sandbox.ca_pem, kept_in)

        assert Store(endpoint(sandbox), patience=IMPATIENT).list_page(SOURCE, "").name == SOURCE
        assert {step.name: step.outcome for step in try_connection(endpoint(sandbox))}[
            "certificate trusted"
        ] == "passed"


def test_row_74_a_folder_without_authorities_is_no_trust(
    tmp_path: Path, system_trusts: Callable[[str, str], None]
) -> None:
    system_trusts("", "nowhere")

    assert system_trust() == Trust(get_cert_path(True))


def test_row_74_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    with Sandbox(tmp_path, buckets=[SOURCE], tls=True) as sandbox:
        store = Store(endpoint(sandbox), patience=IMPATIENT)

        with pytest.raises(TlsProblem) as refused:
            store.list_page(SOURCE, "")

        assert "unknown issuer" in refused.value.advice
        assert sandbox.log == []


@pytest.mark.parametrize(("flaw", "words"), [("wrong_name", "other name"), ("expired", "expired")])
def test_row_74_a_flawed_certificate_is_refused(tmp_path: Path, flaw: str, words: str) -> None:
    faults = [{"action": "tls", "value": flaw}]
    with Sandbox(tmp_path, buckets=[SOURCE], tls=True, faults=faults) as sandbox:
        store = Store(endpoint(sandbox, ca_pem=sandbox.ca_pem), patience=IMPATIENT)

        with pytest.raises(TlsProblem) as refused:
            store.list_page(SOURCE, "")

        assert words in refused.value.advice


@pytest.mark.parametrize("linger_seconds", [None, 0], ids=["end", "reset"])
def test_row_74_a_line_that_is_lost_while_tls_begins_is_no_flaw_of_a_certificate(
    two_stores: Make, linger_seconds: int | None
) -> None:
    with hanging_up(linger_seconds) as told:
        store = Store(endpoint(two_stores().source, url=told.url), patience=IMPATIENT)

        # Over our own lines, and through boto3.
        for ask in (lambda: store.list_page(SOURCE, ""), lambda: store.list_parts(SOURCE, "a", "id")):
            with pytest.raises(NotConnected):
                ask()

    assert told.connections == 2 * IMPATIENT.tries


def test_row_74_what_speaks_no_tls_is_refused(two_stores: Make) -> None:
    plain = two_stores().source
    store = Store(endpoint(plain, url=plain.url.replace("http:", "https:")), patience=IMPATIENT)

    with pytest.raises(TlsProblem):
        store.list_page(SOURCE, "")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_row_74_a_redirect_to_plain_http_is_refused_and_not_followed(
    two_stores: Make, tmp_path: Path, status: int
) -> None:
    plain = two_stores().source
    plain.clear_log()
    leads = {"location": f"{plain.url}/{SOURCE}", "status": status}
    faults = [{"action": "redirect", "calls": "all", "value": leads}]
    with Sandbox(tmp_path / "tls", buckets=[SOURCE], tls=True, faults=faults) as sandbox:
        store = Store(endpoint(sandbox, ca_pem=sandbox.ca_pem), patience=IMPATIENT)

        # Over our own lines, and through boto3.
        for ask in (lambda: store.list_page(SOURCE, ""), lambda: store.list_parts(SOURCE, "a", "id")):
            with pytest.raises(RedirectedToHttp) as refused:
                ask()
            assert (refused.value.refuse_cause, refused.value.retryable) == ("tls_error", False)

        # Neither is asked again, nor is anything else asked for.
        assert [entry.operation for entry in sandbox.log] == ["ListObjectsV2", "ListParts"]
    assert plain.log == []


@pytest.mark.parametrize("status", [301, 307])
def test_row_57_a_redirect_is_an_answer_also_through_boto3(two_stores: Make, status: int) -> None:
    pair = two_stores()
    pair.source.plan_faults([{"action": "redirect", "calls": "all", "value": {"status": status}}])
    pair.source.clear_log()

    for ask in (lambda: pair.source_store.head_bucket(SOURCE), lambda: pair.source_store.list_parts(SOURCE, "a", "id")):
        with pytest.raises(WrongRegion):
            ask()

    assert [entry.operation for entry in pair.source.log] == ["HeadBucket", "ListParts"]


def test_row_66_a_body_without_end_is_left_at_the_planned_size(two_stores: Make) -> None:
    pair = two_stores({**GET, **ENDLESS})
    pair.seed("photo", os.urandom(1000))

    settled = pair.copy_one(most_attempts=1)

    assert settled.code == "source_size_mismatch"
    # One byte more shows that there is more.
    assert settled.finding.digests is not None
    assert settled.finding.digests.size == 1001


# What an object states: without any of it, it is no copy of ours that is there.
DATED = {"Last-Modified": "Sun, 01 Nov 2026 12:00:00 GMT"}
ENDLESS_COPY = {**ENDLESS, "value": {"bytes": 50_000_000, "headers": DATED}}


def bytes_read_back(settled: Settled) -> int:
    (read_back,) = (each for each in settled.finding.checks if each.name is CheckName.DEST_READBACK)
    return int((read_back.observed or "").split()[1])


def test_row_66_a_copy_without_end_is_read_back_up_to_its_size(two_stores: Make) -> None:
    pair = two_stores({**GET, **ENDLESS_COPY, "side": "destination"})
    pair.seed("photo", os.urandom(1000))

    settled = pair.copy_one(most_attempts=1, read_back_percent=100)

    assert settled.code == "dest_readback_mismatch"
    assert bytes_read_back(settled) == 1001


def test_row_66_a_copy_without_end_that_is_read_back_as_it_comes_is_left_too(streamed_stores: Make) -> None:
    pair = streamed_stores({**GET, **ENDLESS_COPY, "side": "destination"})
    pair.seed("photo", os.urandom(1000))

    settled = pair.copy_one(most_attempts=1, read_back_percent=100)

    assert settled.code == "dest_readback_mismatch"
    assert 1000 < bytes_read_back(settled) < 2_000_000


def test_row_66_a_page_without_end_is_refused(two_stores: Make) -> None:
    pair = two_stores()
    pair.source.plan_faults([{"operation": operation, **ENDLESS} for operation in ("ListObjectsV2", "ListParts")])

    store = pair.source_store
    # Over our own lines, and through boto3.
    for ask in (lambda: store.list_page(SOURCE, ""), lambda: store.list_parts(SOURCE, "a", "id")):
        with pytest.raises(AnswerUnreadable) as refused:
            ask()
        # Not that it makes no sense, which would be found out when all of it had come.
        assert "more than 8 MiB" in refused.value.advice


def test_row_66_an_error_of_50_mb_is_cut(two_stores: Make) -> None:
    pair = two_stores({**GET, **ENDLESS, "value": {"status": 500, "bytes": 50_000_000}})
    pair.seed("photo", b"body")

    settled = pair.copy_one()

    assert settled.verdict == "failed"
    assert len(settled.finding.error_message) < 500
