"""`make bench`: what the whole product does, measured through its API on this machine, on servers of your choice.

    python -m tests.benchmarks                       against two sandboxes (slow servers: they check everything)
    python -m tests.benchmarks --source URL --dest URL --key ID --secret SECRET
    python -m tests.benchmarks --memory              the memory of a worker at 64 MiB and at 4 GiB
    python -m tests.benchmarks --pass                the hashing pass beside a bare loop over the same digests
    python -m tests.benchmarks --quick               small figures, for a look whether it works

Where rclone is on the path the same objects are copied with it in the same minute: ratios count, not seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tests import environment  # noqa: F401  before anything reads the settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")

import boto3
import django

django.setup()

from migrator.sandbox import Sandbox  # noqa: E402
from tests.benchmarks import one_pass  # noqa: E402
from tests.benchmarks.product import Measured, Place, Product, started  # noqa: E402

MIB = 1024 * 1024


def main() -> None:
    """Measure and print."""
    wish = _wish()
    if wish.one_pass:
        print(json.dumps({"pass": one_pass.measure(wish.pairs)}, indent=2))
        return
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tc-bench-")))
        source, dest = _places(wish, home, stack)
        product = stack.enter_context(started(home / "product"))
        ends = product.connect("source", source), product.connect("destination", dest)
        results = (
            _memory(product, ends, source, dest, wish) if wish.memory else _speed(product, ends, source, dest, wish)
        )
    print(json.dumps(results, indent=2))


def _wish() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--source", help="address of the source; without it two sandboxes are started")
    parser.add_argument("--dest", help="address of the destination")
    parser.add_argument("--key", default="sandbox")
    parser.add_argument("--secret", default="sandbox-secret")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--pass", action="store_true", dest="one_pass")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--pairs", type=int, default=3, help="how often each figure is taken")
    return parser.parse_args()


def _places(wish: argparse.Namespace, home: Path, stack: ExitStack) -> tuple[Place, Place]:
    if wish.source and wish.dest:
        return Place(wish.source, wish.key, wish.secret), Place(wish.dest, wish.key, wish.secret)
    print("against two sandboxes in threads: these are slow servers that check everything they are told")
    places = []
    for side in ("source", "dest"):
        sandbox = stack.enter_context(Sandbox(home / side))
        places.append(Place(sandbox.url, sandbox.key.access_key_id, sandbox.key.secret_access_key))
    return places[0], places[1]


def _memory(
    product: Product, ends: tuple[str, str], source: Place, dest: Place, wish: argparse.Namespace
) -> dict[str, object]:
    sizes = (16 * MIB, 256 * MIB) if wish.quick else (64 * MIB, 4096 * MIB)
    peaks = {}
    for size in sizes:
        bucket = f"bench-{size // MIB}-mib"
        _upload(source, bucket, {"one.bin": size})
        _client(dest).create_bucket(Bucket=bucket)
        measured = product.measure(product.task(bucket, (ends[0], bucket), (ends[1], bucket)))
        _must_be_verified(measured, 1)
        peaks[f"{size // MIB} MiB"] = asdict(measured)
        print(f"{size // MIB:>6} MiB: worker peak {measured.peak_mib:.1f} MiB, {measured.seconds:.1f} s")
    return {"memory": peaks}


def _speed(
    product: Product, ends: tuple[str, str], source: Place, dest: Place, wish: argparse.Namespace
) -> dict[str, object]:
    scale = 20 if wish.quick else 1
    sets = {
        "small, 4 KiB": {f"dir{n % 10}/{n:06}": 4096 for n in range(4000 // scale)},
        "256 KiB": {f"{n:06}": 256 * 1024 for n in range(800 // scale)},
        "large, 256 MiB": {f"{n}.bin": 256 * MIB // scale for n in range(4)},
    }
    results: dict[str, object] = {}
    for title, objects in sets.items():
        name = f"bench-{len(results)}"
        _upload(source, name, objects)
        ours, theirs = [], []
        for turn in range(wish.pairs):
            bucket = f"{name}-{turn}"
            _client(dest).create_bucket(Bucket=bucket)
            measured = product.measure(product.task(f"{title} {turn}", (ends[0], name), (ends[1], bucket)))
            _must_be_verified(measured, len(objects))
            ours.append(measured.seconds)
            if shutil.which("rclone"):
                theirs.append(_rclone(source, dest, name, f"{bucket}-rclone"))
        results[title] = _row(title, objects, ours, theirs)
    return results


def _row(title: str, objects: dict[str, int], ours: list[float], theirs: list[float]) -> dict[str, object]:
    size, seconds = sum(objects.values()), statistics.median(ours)
    row: dict[str, object] = {
        "objects": len(objects),
        "bytes": size,
        "seconds": ours,
        "objects_per_s": len(objects) / seconds,
        "mb_per_s": size / 1e6 / seconds,
    }
    if theirs:
        row |= {"rclone_seconds": theirs, "ratio_to_rclone_copy": statistics.median(theirs) / seconds}
    shown = f"{title:<16} {row['objects_per_s']:8.0f} objects/s {row['mb_per_s']:8.1f} MB/s"
    print(shown + (f"   {row['ratio_to_rclone_copy']:.2f} times rclone copy" if theirs else ""))
    return row


def _must_be_verified(measured: Measured, objects: int) -> None:
    if measured.state != "finished" or measured.counts["verified"] != objects:
        raise SystemExit(f"the run did not verify everything: {measured}")


def _rclone(source: Place, dest: Place, source_bucket: str, dest_bucket: str) -> float:
    remotes = [
        f":s3,provider=Other,access_key_id={place.access_key_id},secret_access_key={place.secret_access_key},"
        f"endpoint='{place.url}':{bucket}"
        for place, bucket in ((source, source_bucket), (dest, dest_bucket))
    ]
    began = time.monotonic()
    subprocess.run(["rclone", "copy", "--config", os.devnull, *remotes], check=True, capture_output=True)
    return time.monotonic() - began


def _client(place: Place):  # type: ignore[no-untyped-def]
    return boto3.client(
        "s3",
        endpoint_url=place.url,
        region_name=place.region,
        aws_access_key_id=place.access_key_id,
        aws_secret_access_key=place.secret_access_key,
    )


def _upload(place: Place, bucket: str, objects: dict[str, int]) -> None:
    client = _client(place)
    client.create_bucket(Bucket=bucket)
    for key, size in objects.items():
        # A fresh file for each: the client closes what it has sent.
        with tempfile.TemporaryFile() as file:
            file.write(key.encode()[:size])
            file.truncate(size)
            file.seek(0)
            client.upload_fileobj(file, bucket, key)


if __name__ == "__main__":
    main()
