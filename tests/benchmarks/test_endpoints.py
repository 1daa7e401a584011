"""Two stores of two owners: each end has its own credentials, region and addressing, whoever talks to it."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.benchmarks.endpoints import add_endpoints, named_ends
from tests.benchmarks.peers import DEFAULTS, Rclone, S5cmd, unfit_for
from tests.benchmarks.places import Addressing, Ends, Place, bucket, client_of
from tests.benchmarks.product import Product

_HERE = Place("https://here.example", "key-here", "secret-here", "eu-one")
_THERE = Place("https://there.example", "key-there", "secret-there", "eu-two", Addressing.VIRTUAL)
_ENDS = Ends(_HERE, _THERE)
_ADDRESSES = ("--source", "https://here.example/", "--dest", "https://there.example")


def _named(*flags: str) -> Ends:
    parser = argparse.ArgumentParser()
    add_endpoints(parser)
    ends = named_ends(parser.parse_args([*_ADDRESSES, *flags]))
    assert ends is not None
    return ends


class _Heard(ThreadingHTTPServer):
    """A server that takes everything and remembers what was sent to it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", 0), _Taking)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Taking(BaseHTTPRequestHandler):
    server: _Heard

    def do_POST(self) -> None:
        self._take(b'{"id": "1"}')

    def do_PUT(self) -> None:
        self._take(b"")

    def do_GET(self) -> None:
        self._take(b"<ListBucketResult/>")

    def do_DELETE(self) -> None:
        self._take(b"")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _take(self, answer: bytes) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.heard.append((f"{self.command} {self.path}", body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def heard() -> Iterator[_Heard]:
    with _Heard() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that writes down its arguments and what of its environment names a store."""
    script = tmp_path / "program"
    script.write_text('#!/bin/sh\n{ echo "called: $*"; env | grep -E "^(AWS|RCLONE)_"; } >> "$0.log"\n')
    script.chmod(0o700)
    return script


def _calls(program: Path) -> list[str]:
    return program.with_suffix(".log").read_text().split("called: ")[1:]


def test_what_is_said_of_both_holds_for_both() -> None:
    ends = _named("--key", "id", "--secret", "hidden", "--region", "eu-one", "--addressing", "virtual")

    assert ends.source == Place("https://here.example", "id", "hidden", "eu-one", Addressing.VIRTUAL)
    assert ends.dest == Place("https://there.example", "id", "hidden", "eu-one", Addressing.VIRTUAL)


def test_each_end_may_have_its_own() -> None:
    here = ("--key", "key-here", "--secret", "secret-here", "--source-region", "eu-one")
    there = ("--dest-key", "key-there", "--dest-secret", "secret-there", "--dest-region", "eu-two")

    assert _named(*here, *there, "--dest-addressing", "virtual") == _ENDS


def test_secrets_are_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUECOPY_BENCH_SECRET", "of-both")
    monkeypatch.setenv("TRUECOPY_BENCH_DEST_SECRET", "of-the-destination")

    ends = _named()

    assert [place.secret_access_key for place in (ends.source, ends.dest)] == ["of-both", "of-the-destination"]


def test_without_addresses_there_are_no_ends() -> None:
    parser = argparse.ArgumentParser()
    add_endpoints(parser)

    assert named_ends(parser.parse_args([])) is None


def test_rclone_gets_what_belongs_to_each_end(program: Path) -> None:
    Rclone(str(program), _ENDS, DEFAULTS).turn("photos", "copies")

    for call in _calls(program):
        for side, place, by_path in (("SOURCE", _HERE, "true"), ("DEST", _THERE, "false")):
            assert f"RCLONE_CONFIG_{side}_ACCESS_KEY_ID={place.access_key_id}\n" in call
            assert f"RCLONE_CONFIG_{side}_SECRET_ACCESS_KEY={place.secret_access_key}\n" in call
            assert f"RCLONE_CONFIG_{side}_REGION={place.region}\n" in call
            assert f"RCLONE_CONFIG_{side}_FORCE_PATH_STYLE={by_path}\n" in call


def test_s5cmd_goes_each_way_with_what_belongs_to_that_end(program: Path) -> None:
    S5cmd(str(program), _ENDS).turn("photos", "copies")

    down, up = _calls(program)
    for call, place in ((down, _HERE), (up, _THERE)):
        assert f"--endpoint-url {place.url} " in call
        assert f"AWS_ACCESS_KEY_ID={place.access_key_id}\n" in call
        assert f"AWS_SECRET_ACCESS_KEY={place.secret_access_key}\n" in call
        assert f"AWS_REGION={place.region}\n" in call


def test_s5cmd_has_no_place_where_the_bucket_stands_in_the_host_name() -> None:
    assert unfit_for(Ends(_HERE, _HERE)) == {}
    assert list(unfit_for(_ENDS)) == ["s5cmd"]


def test_our_connection_gets_what_belongs_to_its_end(heard: _Heard) -> None:
    Product(heard.url, "token", 0).connect("dest", _THERE)

    ((asked, body),) = heard.heard
    assert asked == "POST /api/v1/connections"
    assert json.loads(body) == {
        "name": "dest",
        "kind": "generic",
        "endpoint_url": "https://there.example",
        "region": "eu-two",
        "addressing_style": "virtual",
        "access_key_id": "key-there",
        "secret_access_key": "secret-there",
    }


@pytest.mark.parametrize(("region", "named"), [("us-east-1", False), ("eu-one", True)])
def test_a_bucket_is_made_in_the_region_of_its_store(heard: _Heard, region: str, named: bool) -> None:
    with bucket(Place(heard.url, "key", "secret", region), "photos"):
        pass

    asked, body = heard.heard[0]
    assert asked == "PUT /photos"
    assert (f"<LocationConstraint>{region}</LocationConstraint>".encode() in body) is named


@pytest.mark.parametrize(
    ("place", "address"),
    [
        (_HERE, "https://here.example/photos/one"),
        (_THERE, "https://photos.there.example/one"),
        (Place("https://first.example", "key", "secret"), "https://first.example/photos/one"),
    ],
    ids=["path", "host name", "first region"],
)
def test_the_bucket_stands_where_its_store_wants_it(place: Place, address: str) -> None:
    signed = client_of(place).generate_presigned_url("put_object", Params={"Bucket": "photos", "Key": "one"})

    assert signed.startswith(f"{address}?")
    assert f"%2F{place.region}%2Fs3%2Faws4_request" in signed
