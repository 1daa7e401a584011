"""The sets of objects that are copied."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.places import Held, Place, client_of

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
_BLOCK = 8 * MIB
_THREADS = 4


@dataclass(frozen=True, slots=True)
class ObjectSet:
    """So many objects of one size, each uploaded by one PUT or in parts; of zeros where a store shall keep holes."""

    count: int
    size: int
    part_size: int | None = None
    of_zeros: bool = False

    @property
    def held(self) -> Held:
        """What a bucket holds that holds this set and nothing else."""
        return Held(self.count, self.count * self.size)

    @property
    def counts_objects(self) -> bool:
        """Whether objects rather than bytes are what takes the time."""
        return self.size < MIB

    def all_keys(self) -> list[str]:
        """Return the keys, spread over ten folders."""
        return [f"folder-{number % 10}/{number:06}" for number in range(self.count)]

    def speed(self, seconds: float) -> str:
        """Say how quick a copy of the whole set was."""
        if self.counts_objects:
            return f"{self.count / seconds:,.0f} objects/s"
        return f"{self.count * self.size / 1e6 / seconds:,.0f} MB/s"

    def cost(self, cpu_seconds: float) -> str:
        """Say what a copy of the whole set cost."""
        if self.counts_objects:
            return f"{cpu_seconds * 1e6 / self.count:,.0f} µs an object"
        return f"{cpu_seconds * 1e9 / (self.count * self.size):.2f} s a GB"


def fill(place: Place, bucket: str, objects: ObjectSet) -> None:
    """Upload a set; no two objects begin alike."""
    client = client_of(place)
    upload = _put if objects.part_size is None else _put_in_parts
    with ThreadPoolExecutor(_THREADS if objects.counts_objects else 1) as pool:
        jobs = [pool.submit(upload, client, bucket, key, objects) for key in objects.all_keys()]
        for job in jobs:
            job.result()
    client.close()


def _put(client: Any, bucket: str, key: str, objects: ObjectSet) -> None:
    client.put_object(Bucket=bucket, Key=key, Body=b"".join(content(key, objects.size)))


def _put_in_parts(client: Any, bucket: str, key: str, objects: ObjectSet) -> None:
    assert objects.part_size is not None
    where = {"Bucket": bucket, "Key": key}
    upload = client.create_multipart_upload(**where)["UploadId"]
    parts, left = list[dict[str, object]](), objects.size
    while left:
        number, size = len(parts) + 1, min(left, objects.part_size)
        body = bytes(size) if objects.of_zeros else b"".join(content(f"{key} {number}", size))
        said = client.upload_part(**where, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": said["ETag"]})
        left -= size
    client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})


def content(seed: str, size: int) -> Iterator[bytes]:
    """Yield the bytes of an object; no two begin alike."""
    block = random.Random(seed).randbytes(min(size, _BLOCK))
    for at in range(0, size, _BLOCK):
        yield block[: size - at]
