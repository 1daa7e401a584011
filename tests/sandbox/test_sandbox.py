"""The sandbox as a whole: seeding, oracle, log, restart, process."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrator.sandbox import Sandbox, SandboxProblem
from migrator.sandbox.checksums import checksum_of, composite, multipart_etag
from migrator.sandbox.config import sandbox_from
from tests.sandbox import wire

MIB = 1024 * 1024
BODY = os.urandom(3 * MIB)
Make = Callable[..., Sandbox]


def test_a_seeded_object_is_like_a_put_one(sandbox: Sandbox, s3: Any) -> None:
    described = {"headers": {"Content-Type": "text/odd"}, "metadata": {"who": "me"}, "tags": {"a": "b"}}
    etag = sandbox.seed("photos", "seeded", BODY, **described)
    put = s3.put_object(
        Bucket="photos", Key="put", Body=BODY, ContentType="text/odd", Metadata={"who": "me"}, Tagging="a=b"
    )
    one, other = (s3.head_object(Bucket="photos", Key=key, ChecksumMode="ENABLED") for key in ("seeded", "put"))
    for seen in (one, other):
        del seen["ResponseMetadata"], seen["LastModified"]

    assert f'"{etag}"' == put["ETag"]
    assert one == other


@pytest.mark.parametrize("parts", [{"part_size": MIB}, {"part_sizes": [MIB, 2 * MIB]}])
def test_a_seeded_object_may_have_come_in_parts(sandbox: Sandbox, parts: dict[str, Any]) -> None:
    sizes = parts.get("part_sizes", [MIB] * 3)
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    pieces = [BODY[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    etag = sandbox.seed("photos", "a", BODY, algorithm="SHA256", **parts)

    assert etag == multipart_etag([hashlib.md5(piece).digest() for piece in pieces])
    seen = wire.ask(sandbox, "HEAD", "/photos/a?partNumber=2")
    assert seen.headers["content-length"] == str(sizes[1])
    whole = wire.ask(sandbox, "HEAD", "/photos/a", headers={"x-amz-checksum-mode": "ENABLED"})
    assert whole.headers["x-amz-checksum-sha256"] == composite("SHA256", [checksum_of("SHA256", p) for p in pieces])


def test_a_file_can_be_seeded_and_stays_where_it_is(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(BODY)
    sandbox.seed("photos", "a", file)

    assert sandbox.stored_bytes("photos", "a") == BODY == file.read_bytes()


def test_an_empty_object_can_be_seeded(sandbox: Sandbox) -> None:
    assert sandbox.seed("photos", "a", b"") == "d41d8cd98f00b204e9800998ecf8427e"
    assert sandbox.stored_bytes("photos", "a") == b""


@pytest.mark.parametrize(
    "described",
    [
        {"colour": "red"},
        {"part_sizes": [1, 2]},
        {"part_size": 5 * MIB, "algorithm": "SHA512", "checksum_type": "FULL_OBJECT"},
    ],
)
def test_a_seed_that_makes_no_sense_is_a_problem(sandbox: Sandbox, described: dict[str, Any]) -> None:
    with pytest.raises(SandboxProblem):
        sandbox.seed("photos", "a", BODY, **described)


def test_an_object_above_five_gibibytes_takes_hardly_any_room(sandbox: Sandbox) -> None:
    size = 5 * 1024 * MIB + 1
    sandbox.seed_sparse("photos", "huge", size, part_size=64 * MIB)
    used = sum(file.stat().st_blocks * 512 for file in (sandbox._root / "data").rglob("*") if file.is_file())

    assert wire.ask(sandbox, "HEAD", "/photos/huge").headers["content-length"] == str(size)
    assert used < MIB


def test_many_empty_objects_are_seeded_at_once(sandbox: Sandbox, s3: Any) -> None:
    sandbox.seed_keys("photos", (f"{number:05}" for number in range(3000)))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="photos")

    assert sum(page["KeyCount"] for page in pages) == 3000
    assert s3.get_object(Bucket="photos", Key="02999")["Body"].read() == b""


def test_above_five_gibibytes_there_is_no_single_put(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxProblem, match="part_size"):
        sandbox.seed_sparse("photos", "huge", 5 * 1024 * MIB + 1)


def test_a_sparse_object_stays_sparse_when_it_is_sent_back(sandbox: Sandbox, s3: Any) -> None:
    sandbox.seed_sparse("photos", "a", 32 * MIB)
    body = sandbox.stored_bytes("photos", "a")
    s3.put_object(Bucket="photos", Key="b", Body=body)
    used = sum(file.stat().st_blocks * 512 for file in (sandbox._root / "data").rglob("*") if file.is_file())

    assert sandbox.stored_bytes("photos", "b") == body
    assert used < 16 * MIB


@pytest.mark.parametrize("body", [bytes(2 * MIB), b"x" + bytes(2 * MIB), bytes(2 * MIB) + b"x"])
def test_a_body_of_zeros_keeps_its_length(sandbox: Sandbox, s3: Any, body: bytes) -> None:
    s3.put_object(Bucket="photos", Key="a", Body=body)

    assert sandbox.stored_bytes("photos", "a") == body


def test_the_oracle_knows_what_is_not_there(sandbox: Sandbox) -> None:
    with pytest.raises(KeyError):
        sandbox.stored_bytes("photos", "none")


def test_the_log_tells_what_was_asked(sandbox: Sandbox) -> None:
    wire.ask(sandbox, "PUT", "/photos/a", b"x", {"Content-MD5": "AAAA"})
    wire.ask(sandbox, "GET", "/photos/none")

    assert [(entry.operation, entry.key, entry.status, entry.code) for entry in sandbox.log] == [
        ("PutObject", "a", 400, "InvalidDigest"),
        ("GetObject", "none", 404, "NoSuchKey"),
    ]
    assert sandbox.log[0].headers["content-md5"] == "AAAA"
    assert "authorization" not in sandbox.log[0].headers


def test_objects_uploads_and_settings_survive_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path, buckets=["photos"], seed=7) as first:
        first.seed("photos", "a", b"bytes", metadata={"who": "me"})
        s3 = wire.client(first)
        upload = s3.create_multipart_upload(Bucket="photos", Key="b")["UploadId"]
        s3.upload_part(Bucket="photos", Key="b", UploadId=upload, PartNumber=1, Body=b"part")
        s3.close()

    with Sandbox(tmp_path, buckets=["photos"], seed=7) as second:
        assert second.stored_bytes("photos", "a") == b"bytes"
        assert wire.ask(second, "HEAD", "/photos/a").headers["x-amz-meta-who"] == "me"
        assert [entry.id for entry in second.open_uploads("photos")] == [upload]
        assert wire.ask(second, "POST", "/photos/c?uploads=").status == 200


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    Sandbox(tmp_path, buckets=["photos"]).stop()
    stray = [tmp_path / "incoming" / "half", tmp_path / "data" / "ab" / "abandoned"]
    for file in stray:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    Sandbox(tmp_path).stop()

    assert [file.exists() for file in stray] == [False, False]


def test_a_port_that_is_taken_is_an_error(sandbox: Sandbox, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "other", port=sandbox.port)

    with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
        other.start()
    other.stop()


def test_stopping_twice_is_fine(make: Make) -> None:
    sandbox = make()
    sandbox.stop()
    sandbox.stop()


def test_the_same_seed_gives_the_same_ids(make: Make) -> None:
    bodies = [wire.ask(make(seed=11), "POST", "/photos/a?uploads=").body for _ in range(2)]

    assert bodies[0] == bodies[1]


# As a process


def config(folder: Path, **given: object) -> Path:
    file = folder / "sandbox.json"
    file.write_text(json.dumps({"root": "objects", "port": 0, "buckets": ["photos"], **given}))
    return file


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    file = config(tmp_path, fired_log="fired.jsonl", faults=[{"operation": "GetObject", "action": "flip"}])
    command = [sys.executable, "-m", "migrator.sandbox", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_says_where_it_listens_and_ends_on_a_signal(process: subprocess.Popen[str], number: int) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(number)

    assert line.startswith("sandbox listening on http://127.0.0.1:")
    assert process.wait(timeout=10) == 0


def test_a_process_writes_down_the_faults_it_fires(process: subprocess.Popen[str], tmp_path: Path) -> None:
    assert process.stdout is not None
    port = int(process.stdout.readline().rpartition(":")[2])
    elsewhere = Sandbox(tmp_path / "unused", port=port)
    wire.ask(elsewhere, "PUT", "/photos/a", b"x")
    wire.ask(elsewhere, "GET", "/photos/a")
    elsewhere.stop()

    lines = [json.loads(line) for line in (tmp_path / "fired.jsonl").read_text().splitlines()]
    assert lines == [{"action": "flip", "operation": "GetObject", "key": "a", "part": None, "call": 1}]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"colour": "red"}, "no field colour"),
        ({"traits": {"colour": "red"}}, "unknown trait"),
        ({"faults": [{"action": "explode"}]}, "unknown action"),
        ({"keys": [{"access_key_id": "a"}]}, "secret_access_key"),
        ({"keys": []}, "at least one access key"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(SandboxProblem, match=words):
        sandbox_from(config(tmp_path, **given))


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "sandbox.json").write_text(text)

    with pytest.raises(SandboxProblem):
        sandbox_from(tmp_path / "sandbox.json")


def test_a_process_with_a_bad_configuration_ends_with_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "migrator.sandbox", str(config(tmp_path, colour="red"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "no field colour" in done.stderr
