"""The forecast of a run in sentences, made from the numbers of its plan and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrity.evidence import ErrorCode, Reason
from integrity.forecast import Help
from integrity.wording import SHORT_REASONS
from migrator.web.tags import size_text

_UNVERIFIED_BECAUSE = {
    Reason.ETAG_ABSENT: "without an ETag and without a checksum",
    Reason.ETAG_OPAQUE: "with an ETag that is not made from the bytes and without a checksum",
    Reason.ETAG_SEMANTICS_UNKNOWN: "nothing shows yet what their ETags mean, and they carry no checksum",
    Reason.ETAG_SEMANTICS_DISPROVED: "with ETags that are not made from the bytes and without a checksum",
    Reason.SSE_KMS: "encrypted with a key service and without a checksum",
    Reason.SSE_C: "encrypted with a customer's key and without a checksum",
    Reason.LAYOUT_UNKNOWN: "uploaded in parts whose sizes the source may not tell, and without a checksum",
    Reason.STORE_UNPROVEN: "the destination has not shown that it checks what it receives",
    Reason.NOT_REQUESTED: "this needs a checksum that the task leaves out, so it is not requested",
    Reason.NOT_SUPPORTED: "their tags are to be compared, but one of the stores does not know tags",
    Reason.NOT_COPIED: "their tags or storage class are to be compared, but the task does not carry them over",
}
_OF_THE_WHOLE = "a checksum of the whole object"

_FAILED_BECAUSE = {
    ErrorCode.ARCHIVED: "in an archive, from which they must be restored first",
    ErrorCode.KEY_TOO_LONG: "with a key that is too long for the destination",
    ErrorCode.KEY_INVALID: "with a key that the destination does not take",
    ErrorCode.OBJECT_TOO_LARGE: "larger than the destination takes",
    ErrorCode.DEST_CONFIG: "in a storage class that the task's list of classes does not name",
    ErrorCode.DEST_EXISTS: "another object has their key at the destination",
}

_ENOUGH = {
    (Help.DOUBLE_READ,): "A second reading at the source would be enough",
    (Help.READ_BACK,): "Reading every copy back at the destination would be enough",
    (
        Help.DOUBLE_READ,
        Help.READ_BACK,
    ): "A second reading at the source, and reading every copy back at the destination, would be enough",
}
_CARRYING_HELPS = "Carrying them over would help."
_COMPUTING_HELPS = "Computing it again would help."
_NOTHING_HELPS = "Neither a second reading nor reading the destination back would be enough."


_OTHER_HELPS = {Reason.NOT_COPIED.value: _CARRYING_HELPS, Reason.NOT_REQUESTED.value: _COMPUTING_HELPS}


def summary_line(forecast: Mapping[str, Any]) -> str:
    """Return how many objects can be proven as the task asks."""
    total, provable = forecast["objects"], forecast["provable"]["objects"]
    noun = "object" if total == 1 else "objects"
    if provable["at_most"] == 0:
        return f"None of {total:,} {noun} can be proven as this task asks."
    if forecast["assumed"]:
        # A sample is no proof for the rest, so the first words say what it rests on.
        others = f"If the others are like the {forecast['looked_at']:,} we looked at"
        return f"{others}, {_range(provable, start=False)} of {total:,} {noun} can be proven as this task asks."
    return f"{_range(provable, start=True)} of {total:,} {noun} can be proven as this task asks."


def shortfall_lines(forecast: Mapping[str, Any]) -> list[str]:
    """Return why the others cannot, each with what would be enough."""
    return [_shortfall(each, forecast["policy"]) for each in forecast["unprovable"]]


def basis_line(forecast: Mapping[str, Any]) -> str:
    """Return what all this rests on."""
    looked, assumed = forecast["looked_at"], forecast["assumed"]
    line = f"This comes from both listings, both profiles and a look at {_objects(looked)} at the source"
    if not assumed:
        return f"{line}."
    others = "other is" if assumed == 1 else "others are"
    return f"{line}; {assumed:,} {others} taken to be like these; what turns out otherwise ends unverified."


def helps_of(forecast: Mapping[str, Any]) -> list[str]:
    """Return the options of a task that would help, in a fixed order."""
    named = {name for each in forecast["unprovable"] for name in each["helps"]}
    return [each.value for each in Help if each.value in named]


def _shortfall(short: Mapping[str, Any], policy: str) -> str:
    count = _range(short["objects"], start=True)
    if short["reason"] in _FAILED:
        return f"{count} will fail: {_FAILED_BECAUSE.get(ErrorCode(short['reason']), short['reason'])}."
    helps = tuple(Help(name) for name in short["helps"])
    line = f"{count} cannot: {_reason(Reason(short['reason']), policy, helps)}."
    if not helps:
        return f"{line} {_OTHER_HELPS.get(short['reason'], _NOTHING_HELPS)}"
    return f"{line} {_ENOUGH[helps]} ({_more(short['extra_bytes'])})."


_FAILED = frozenset(code.value for code in ErrorCode)


def _reason(reason: Reason, policy: str, helps: tuple[Help, ...]) -> str:
    if policy == "strict" and helps == (Help.READ_BACK,):
        return "their copies are not read back"
    words = _UNVERIFIED_BECAUSE.get(reason, SHORT_REASONS[reason])
    return words.replace("a checksum", _OF_THE_WHOLE) if policy == "strict" else words


def _range(counts: Mapping[str, int], *, start: bool = False) -> str:
    lower, upper = counts["at_least"], counts["at_most"]
    if lower == upper:
        return f"{lower:,}"
    words = f"up to {upper:,}" if lower == 0 else f"between {lower:,} and {upper:,}"
    return words.capitalize() if start else words


def _more(sizes: Mapping[str, int]) -> str:
    """Return what more would be read: in short, and exactly, since what is short is rounded."""
    lower, upper = sizes["at_least"], sizes["at_most"]
    if upper < 1024:
        return f"{_range(sizes)} bytes more to read"
    words = size_text(upper)
    if lower != upper:
        words = f"up to {words}" if lower == 0 else f"between {size_text(lower)} and {words}"
    return f"{words} more to read, {_range(sizes)} bytes"


def _objects(count: int) -> str:
    return f"{count:,} object" if count == 1 else f"{count:,} objects"
