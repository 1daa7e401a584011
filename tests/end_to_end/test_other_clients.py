"""What other clients uploaded, in their own parts, is proven from one reading and arrives with the same ETag."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrator.sandbox import Sandbox
from tests.benchmarks.places import Place
from tests.benchmarks.product import Product, started
from tests.servers import client_of, found_program, started_server

pytestmark = pytest.mark.extras

MIB = 1024 * 1024
SOURCE, DEST = "from-others", "to-there"
# Part size and object size, in bytes.
USUAL = [(5 * MIB, 12 * MIB + 3), (8 * MIB, 24 * MIB), (16 * MIB, 33 * MIB), (50 * MIB, 51 * MIB), (64 * MIB, 65 * MIB)]
# The odd one that each client can do: aws any number, rclone thousandths of a MiB, s5cmd whole MiB.
ODD = {"aws": 7 * MIB + 12_345, "rclone": 7 * MIB + MIB // 8, "s5cmd": 7 * MIB}


@dataclass(frozen=True, slots=True)
class Job:
    """One file for one client to upload in parts of so many bytes."""

    program: str
    part_size: int
    size: int

    @property
    def key(self) -> str:
        return f"{self.program}/in-parts-of-{self.part_size}"


JOBS = [Job(program, *sizes) for program, odd in ODD.items() for sizes in (*USUAL, (odd, 20 * MIB + 1))]


@dataclass(frozen=True, slots=True)
class Moved:
    """One store in which everything was moved from one bucket to another: the records by key, and the sandbox's log."""

    client: Any
    records: dict[str, dict[str, Any]]
    reads: list[str] | None


@pytest.fixture(scope="module", params=["sandbox", "versitygw"])
def moved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """A store that the three clients filled and the product emptied into another bucket."""
    home = tmp_path_factory.mktemp(request.param)
    sandbox: Sandbox | None = None
    with ExitStack() as stack:
        if request.param == "sandbox":
            sandbox = stack.enter_context(Sandbox(home / "sandbox", buckets=[SOURCE, DEST]))
            place = Place(sandbox.url, sandbox.key.access_key_id, sandbox.key.secret_access_key)
        else:
            place = stack.enter_context(started_server(request.param, home / "server", [SOURCE, DEST]))
        _fill(place, home)
        product = stack.enter_context(started(home / "product"))
        run = _planned(product, place)
        if sandbox is not None:
            sandbox.clear_log()
        records = _finished(product, run)
        reads = None
        if sandbox is not None:
            reads = sorted(entry.key for entry in sandbox.log if entry.operation == "GetObject")
        yield Moved(client_of(place), records, reads)


def test_the_clients_made_such_parts(moved: Moved) -> None:
    firsts = {job.key: moved.client.head_object(Bucket=SOURCE, Key=job.key, PartNumber=1) for job in JOBS}

    assert {key: (said["ContentLength"], said["PartsCount"]) for key, said in firsts.items()} == {
        job.key: (job.part_size, -(-job.size // job.part_size)) for job in JOBS
    }


def test_every_etag_is_proven_from_the_stream(moved: Moved) -> None:
    records = moved.records.values()
    checks = [check for record in records for check in record["checks"] if check["name"] == "source_etag"]

    assert {record["object_key"]: record["bytes_hashed"] for record in records} == {job.key: job.size for job in JOBS}
    assert {(each["verdict"], each["source_grade"], each["dest_grade"]) for each in records} == {
        ("verified", "S3", "D3")
    }
    assert [(check["outcome"], check["observed"]) for check in checks] == [
        ("match", record["source_etag"]) for record in records
    ]


def test_every_object_arrives_with_the_same_etag(moved: Moved) -> None:
    here, there = (
        {job.key: moved.client.head_object(Bucket=bucket, Key=job.key)["ETag"] for job in JOBS}
        for bucket in (SOURCE, DEST)
    )

    assert there == here


def test_every_object_was_read_once(moved: Moved) -> None:
    if moved.reads is None:
        pytest.skip("only the sandbox keeps a log of what it was asked")

    assert moved.reads == sorted(job.key for job in JOBS)


def _fill(place: Place, home: Path) -> None:
    """Let each client upload its files into the source."""
    most = random.Random(7).randbytes(max(job.size for job in JOBS))
    file = home / "file"
    for job in JOBS:
        # No two begin alike.
        file.write_bytes(job.key.encode() + most[len(job.key) : job.size])
        command, settings = _CLIENTS[job.program](place, job, file)
        env = os.environ | {
            "AWS_ACCESS_KEY_ID": place.access_key_id,
            "AWS_SECRET_ACCESS_KEY": place.secret_access_key,
            "AWS_REGION": place.region,
            "AWS_CONFIG_FILE": str(home / "aws.ini"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
            "RCLONE_CONFIG": str(home / "none"),
        }
        (home / "aws.ini").write_text(settings, encoding="ascii")
        done = subprocess.run([found_program(job.program), *command], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def _aws(place: Place, job: Job, file: Path) -> tuple[list[str], str]:
    settings = (
        "[default]\ns3 =\n  addressing_style = path\n"
        f"  multipart_threshold = {min(job.part_size, 8 * MIB)}\n  multipart_chunksize = {job.part_size}\n"
    )
    return ["s3", "cp", "--quiet", "--endpoint-url", place.url, str(file), f"s3://{SOURCE}/{job.key}"], settings


def _rclone(place: Place, job: Job, file: Path) -> tuple[list[str], str]:
    remote = f":s3,provider=Other,env_auth=true,endpoint='{place.url}':{SOURCE}/{job.key}"
    sizes = ["--s3-upload-cutoff", "5Mi", "--s3-chunk-size", f"{job.part_size}B"]
    return ["copyto", *sizes, str(file), remote], ""


def _s5cmd(place: Place, job: Job, file: Path) -> tuple[list[str], str]:
    size = ["--part-size", str(job.part_size // MIB)]
    return ["--endpoint-url", place.url, "cp", *size, str(file), f"s3://{SOURCE}/{job.key}"], ""


_CLIENTS: dict[str, Callable[[Place, Job, Path], tuple[list[str], str]]] = {
    "aws": _aws,
    "rclone": _rclone,
    "s5cmd": _s5cmd,
}


def _planned(product: Product, place: Place) -> str:
    """Plan a run, which reads a sample of the source, and return its id."""
    ends = product.connect("old", place), product.connect("new", place)
    task = product.task("move", (ends[0], SOURCE), (ends[1], DEST))
    run = product.call("POST", f"/tasks/{task}/runs", {"kind": "copy", "start": False})
    _wait(product, run["id"], "ready")
    return str(run["id"])


def _finished(product: Product, run: str) -> dict[str, dict[str, Any]]:
    """Start the run, wait for its end, and return its records by key."""
    product.call("POST", f"/runs/{run}/actions/start")
    _wait(product, run, "finished")
    listed = product.call("GET", f"/runs/{run}/integrity/records?limit=500")["items"]
    return {record["object_key"]: record for record in listed}


def _wait(product: Product, run: str, state: str) -> None:
    deadline = time.monotonic() + 120
    while (seen := product.call("GET", f"/runs/{run}"))["state"] != state:
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)
