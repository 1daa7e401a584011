from __future__ import annotations

from typing import Any

import pytest

from integrity.evidence import ErrorCode, Reason
from migrator.web.foretold import basis_line, helps_of, shortfall_lines, summary_line


def between(lower: int, upper: int | None = None) -> dict[str, int]:
    return {"at_least": lower, "at_most": lower if upper is None else upper}


def short(reason: str = "sse_kms", **changed: Any) -> dict[str, Any]:
    return {"reason": reason, "objects": between(2), "helps": [], "extra_bytes": between(0), **changed}


def foretold(*unprovable: dict[str, Any], **changed: Any) -> dict[str, Any]:
    plain = {"policy": "standard", "objects": 10, "provable": {"objects": between(8)}, "looked_at": 1, "assumed": 0}
    return {**plain, "unprovable": list(unprovable), **changed}


@pytest.mark.parametrize(
    ("provable", "words"),
    [
        (between(8), "8 of 10 objects can be proven as this task asks."),
        (between(3, 8), "Between 3 and 8 of 10 objects can be proven as this task asks."),
        (between(0, 8), "Up to 8 of 10 objects can be proven as this task asks."),
        (between(0), "None of 10 objects can be proven as this task asks."),
    ],
)
def test_a_count_is_a_number_or_a_range(provable: dict[str, int], words: str) -> None:
    assert summary_line(foretold(provable={"objects": provable})) == words


@pytest.mark.parametrize(
    ("policy", "changed", "words"),
    [
        ("standard", short(), "2 cannot: encrypted with a key service and without a checksum. Neither a second reading"
         " nor reading the destination back would be enough."),
        ("standard", short(helps=["double_read"], extra_bytes=between(0, 900)),
         "2 cannot: encrypted with a key service and without a checksum. A second reading at the source would be enough"
         " (up to 900 bytes more to read)."),
        ("strict", short("not_requested", helps=["read_back"], extra_bytes=between(2048, 4096)),
         "2 cannot: their copies are not read back. Reading every copy back at the destination would be enough"
         " (between 2.0 KiB and 4.0 KiB more to read, between 2,048 and 4,096 bytes)."),
        ("strict", short(), "2 cannot: encrypted with a key service and without a checksum of the whole object. Neither"
         " a second reading nor reading the destination back would be enough."),
        ("standard", short("not_requested"), "2 cannot: this needs a checksum that the task leaves out, so it is not"
         " requested. Computing it again would help."),
        ("standard", short("not_copied"), "2 cannot: their tags or storage class are to be compared, but the task does"
         " not carry them over. Carrying them over would help."),
        ("standard", short("not_supported"), "2 cannot: their tags are to be compared, but one of the stores does not"
         " know tags. Neither a second reading nor reading the destination back would be enough."),
        ("standard", short("dest_config", objects=between(3)),
         "3 will fail: in a storage class that the task's list of classes does not name."),
        ("standard", short("archived", objects=between(1)),
         "1 will fail: in an archive, from which they must be restored first."),
    ],
)  # fmt: skip
def test_each_shortfall_has_its_reason_and_what_would_help(policy: str, changed: dict[str, Any], words: str) -> None:
    assert shortfall_lines(foretold(changed, policy=policy)) == [words]


@pytest.mark.parametrize("reason", [*Reason, *ErrorCode])
@pytest.mark.parametrize("policy", ["standard", "strict"])
def test_every_reason_has_words(reason: str, policy: str) -> None:
    (line,) = shortfall_lines(foretold(short(reason), policy=policy))

    assert "  " not in line
    assert line.endswith(".")


def test_what_was_taken_for_alike_is_said() -> None:
    assert basis_line(foretold()).endswith("a look at 1 object at the source.")
    assert basis_line(foretold(looked_at=20, assumed=1)).endswith(
        "1 other is taken to be like these; what turns out otherwise ends unverified."
    )


def test_the_options_that_help_are_named_once() -> None:
    found = foretold(short(helps=["double_read", "read_back"]), short(helps=["read_back"]))

    assert helps_of(found) == ["double_read", "read_back"]


def test_what_rests_on_a_sample_says_so_first() -> None:
    line = summary_line(foretold(provable={"objects": between(10)}, looked_at=2, assumed=8))

    assert line == "If the others are like the 2 we looked at, 10 of 10 objects can be proven as this task asks."
