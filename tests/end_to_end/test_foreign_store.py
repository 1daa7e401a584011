"""The same migration through the API, between servers that are not ours."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.benchmarks.places import Place
from tests.benchmarks.product import Product, started
from tests.servers import client_of, started_server

pytestmark = pytest.mark.extras

MIB = 1024 * 1024
SIZES = {
    "nothing": 0,
    "one byte": 1,
    "a/b c+d%.txt": 33_000,
    "größe/ümlaut.bin": MIB,
    "emoji-😀": 77,
    "sixteen": 16 * MIB,
    "sixteen-and-one": 16 * MIB + 1,
    "large": 41 * MIB + 17,
}
IN_PARTS = {
    "parts/of-5": (12 * MIB + 3, 5 * MIB),
    "parts/of-8": (24 * MIB, 8 * MIB),
    "parts/odd": (20 * MIB + 1, 7_340_045),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A versitygw over a folder."""
    with started_server("versitygw", tmp_path_factory.mktemp("gateway"), ["from-here", "to-there"]) as place:
        yield place


@pytest.fixture(scope="module")
def client(gateway: Place) -> Any:
    """Another client than ours, to fill the source and to look at the destination."""
    return client_of(gateway)


@pytest.fixture(scope="module")
def bodies(client: Any) -> dict[str, bytes]:
    """What the source holds."""
    chance, filled = random.Random(7), dict[str, bytes]()
    for key, size in SIZES.items():
        filled[key] = chance.randbytes(size)
        client.put_object(Bucket="from-here", Key=key, Body=filled[key], Metadata={"colour": "blue"})
    for key, (size, part_size) in IN_PARTS.items():
        filled[key] = chance.randbytes(size)
        _put_in_parts(client, key, filled[key], part_size)
    return filled


@pytest.fixture(scope="module")
def records(
    gateway: Place, bodies: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The records of one run through the API, by key."""
    with started(tmp_path_factory.mktemp("product")) as product:
        ends = product.connect("old", gateway), product.connect("new", gateway)
        measured = product.measure(product.task("move", (ends[0], "from-here"), (ends[1], "to-there")))
        assert (measured.state, measured.counts["planned"]) == ("finished", len(bodies))
        return _records(product)


def test_every_object_is_verified_with_the_right_digests(
    records: dict[str, dict[str, Any]], bodies: dict[str, bytes]
) -> None:
    assert {key: record["verdict"] for key, record in records.items()} == dict.fromkeys(bodies, "verified")
    assert {key: record["sha256"] for key, record in records.items()} == {
        key: hashlib.sha256(body).hexdigest() for key, body in bodies.items()
    }


def test_every_byte_arrived(records: dict[str, dict[str, Any]], bodies: dict[str, bytes], client: Any) -> None:
    arrived = {key: client.get_object(Bucket="to-there", Key=key)["Body"].read() for key in records}

    assert [key for key in bodies if arrived[key] != bodies[key]] == []


def test_etags_are_as_recorded_and_mirrored_where_the_source_has_parts(
    records: dict[str, dict[str, Any]], client: Any
) -> None:
    stated = {key: client.head_object(Bucket="to-there", Key=key)["ETag"].strip('"') for key in records}

    assert stated == {key: record["calculated_etag"] for key, record in records.items()}
    assert [key for key in IN_PARTS if records[key]["source_etag"] != stated[key]] == []


def test_nothing_is_left_behind(records: dict[str, dict[str, Any]], client: Any) -> None:
    assert client.list_multipart_uploads(Bucket="to-there").get("Uploads", []) == []
    assert {entry["Key"] for entry in client.list_objects_v2(Bucket="to-there")["Contents"]} == set(records)


def _put_in_parts(client: Any, key: str, body: bytes, part_size: int) -> None:
    upload_id = client.create_multipart_upload(Bucket="from-here", Key=key)["UploadId"]
    named = {"Bucket": "from-here", "Key": key, "UploadId": upload_id}
    parts = []
    for number, start in enumerate(range(0, len(body), part_size), start=1):
        reply = client.upload_part(**named, PartNumber=number, Body=body[start : start + part_size])
        parts.append({"PartNumber": number, "ETag": reply["ETag"]})
    client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})


def _records(product: Product) -> dict[str, dict[str, Any]]:
    run = product.call("GET", "/runs")["items"][0]
    listed = product.call("GET", f"/runs/{run['id']}/integrity/records?limit=500")["items"]
    return {record["object_key"]: record for record in listed}
