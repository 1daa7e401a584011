"""The objects of the demo: the same ones every time, with friendly names, odd ones, and two that go wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_KIB = 1024
_MIB = 1024 * 1024
# 2019-01-01, and how far apart the objects were stored.
_FIRST_STORED = 1_546_300_800
_APART_SECONDS = 86_400 / 3

DAMAGED = "contracts/2021/contract-017.pdf"
UNPROVABLE = "payroll/2022/salaries (encrypted).xlsx"


@dataclass(frozen=True, slots=True)
class Sample:
    """One object as it lies at the source. `described` is what the sandbox keeps beside the bytes."""

    key: str
    size: int
    described: Mapping[str, object] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return bytes that depend on the key alone."""
        return random.Random(self.key).randbytes(self.size)  # noqa: S311  sample data, no secret


def samples() -> Iterator[Sample]:
    """Return every object of the demo's source: some 420, about 155 MiB."""
    for number, sample in enumerate(_all()):
        stored = {"modified": _FIRST_STORED + number * _APART_SECONDS}
        yield Sample(sample.key, sample.size, {**stored, **sample.described})


def _all() -> Iterator[Sample]:
    yield from _photos()
    yield from _papers()
    yield from _oddities()
    yield from _large()


def _photos() -> Iterator[Sample]:
    for number in range(220):
        year = 2015 + number // 44
        size = 24 * _KIB + (number * 7919) % (96 * _KIB)
        yield Sample(
            f"photos/{year}/IMG_{1000 + number}.jpg",
            size,
            {"headers": {"Content-Type": "image/jpeg"}, "metadata": {"camera": f"camera-{number % 5}"}},
        )


def _papers() -> Iterator[Sample]:
    for number in range(80):
        key = f"contracts/{2018 + number // 16}/contract-{number % 16 + 1:03}.pdf"
        yield Sample(key, 8 * _KIB + (number * 4127) % (60 * _KIB), _PDF)
    yield Sample(DAMAGED, 41_337, _PDF)
    for number in range(100):
        key = f"invoices/{2020 + number // 25}/{number % 12 + 1:02}/invoice-{20_000 + number}.xml"
        yield Sample(key, 900 + (number * 331) % (6 * _KIB), {"headers": {"Content-Type": "application/xml"}})
    # A key service encrypts it and nothing says what it should be: copied, but not provable.
    yield Sample(UNPROVABLE, 18_204, {"encryption": "aws:kms", "algorithm": "none"})


_PDF: Mapping[str, object] = {
    "headers": {"Content-Type": "application/pdf"},
    "tags": {"keep-until": "2031", "department": "legal"},
}


def _oddities() -> Iterator[Sample]:
    names = (
        "photos/2019/Strand bei Kühlungsborn.jpg",
        "photos/2019/Été à la plage.jpg",
        "photos/2019/夏の海.jpg",
        "photos/2019/🏖️ beach day 🌊.jpg",
        "letters/To whom it may concern.txt",
        "letters/100% done & dusted.txt",
        "letters/a+b=c.txt",
        "letters/looks%20encoded.txt",
        "letters/<not a tag>.txt",
        "letters/quote \"this\" and 'that'.txt",
        "letters/trailing blank .txt",
        "letters/deep/er/and/deep/er/still.txt",
        "letters/.hidden",
        "letters/Übergrößenträger.txt",
    )
    for number, key in enumerate(names):
        yield Sample(key, 500 + number * 777)
    yield Sample("letters/empty.txt", 0)
    yield Sample("photos/2019/", 0)


def _large() -> Iterator[Sample]:
    for number, size in enumerate((6, 8, 11, 14, 17, 20)):
        key = f"recordings/{2020 + number // 2}/meeting-{number + 1:02}.mp3"
        # Every second one came up in parts, as most tools do from some size on.
        parts: Mapping[str, object] = {"part_size": 5 * _MIB} if number % 2 else {}
        yield Sample(key, size * _MIB + number * 12_345, {"headers": {"Content-Type": "audio/mpeg"}, **parts})
    yield Sample(
        "recordings/2023/company-film.mp4",
        60 * _MIB + 4321,
        {"headers": {"Content-Type": "video/mp4"}, "part_size": 8 * _MIB},
    )
