"""What is known of a bucket, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrity.layouts import GIB, MIB, TIB, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ETAG_MEANINGS = {
    "md5": "is the MD5 of the bytes",
    "mixed": "is not always the MD5 of the bytes, as a person has marked",
    "formula": "follows the formula over the parts",
    "echo": "only repeats what it is told",
    "opaque": "is not made from the bytes",
    "disproved": "was seen not to fit the bytes",
}
_PROOFS = {
    "rejects": "refuses data that does not fit its checksum",
    "ignores": "does not look at the checksum sent along",
    "echoes": "repeats a wrong checksum as if it were right",
    "refuses": "does not take checksums",
}
_OF_SIZES = {
    "rejects": "It refuses an upload that is to end with another size than its parts have.",
    "ignores": "It does not look at the size that an upload is to have in the end.",
}

_OF_TAGS: dict[bool | None, str] = {True: "It knows tags.", False: "It does not know tags, so none are carried over."}


def profile_words(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the main facts of a profile in words, with its date; `not known` is said as such.

    The last four are empty where there is nothing to say.
    """
    single = _ETAG_MEANINGS.get(str(facts.get("etag_single")), "is not known to mean anything")
    parts = _ETAG_MEANINGS.get(str(facts.get("etag_multipart")), "is not known to mean anything")
    proof = _PROOFS.get(str(facts.get("content_md5")), "")
    return {
        "probed_at": str(facts.get("probed_at") or ""),
        "etag": f"The ETag of an object {single}; of one in parts it {parts}.",
        "proof": f"The store {proof}." if proof else "It is not known whether the store refuses damaged data.",
        "limits": _limits_words(facts.get("limits")),
        "sizes": _OF_SIZES.get(str(facts.get("complete_size")), ""),
        "shown": _shown_words(facts.get("read_after_write_seconds")),
        "tags": _OF_TAGS.get(facts.get("tagging"), ""),
    }


def _shown_words(seconds: int | None) -> str:
    """Return how soon a new object is to be seen, as far as it was measured."""
    if seconds is None:
        return ""
    if seconds == 0:
        return "It shows a new object at once, by HEAD and in listings."
    return f"It shows a new object late: HEAD and a listing had it within {seconds:,} s."


def _limits_words(limits: Mapping[str, Any] | None) -> str:
    """Return in one sentence where the store's limits are not those of AWS; empty where they are."""
    usual, given = Limits(), limits or {}
    said = [
        words(given[name])
        for name, words in _LIMIT_WORDS.items()
        if name in given and given[name] != getattr(usual, name)
    ]
    return f"It takes {', '.join(said)}." if said else ""


def _bytes(size: int) -> str:
    """Return a limit in the largest unit that it reaches, as limits are written: `64 MiB`, `4.5 TiB`."""
    unit, name = next(((unit, name) for unit, name in ((TIB, "TiB"), (GIB, "GiB")) if size >= unit), (MIB, "MiB"))
    return f"{size / unit:,.1f} {name}".replace(".0 ", " ")


_LIMIT_WORDS: dict[str, Callable[[Any], str]] = {
    "equal_parts": lambda _: "parts of one size only",
    "smallest_part": lambda size: "parts of any size" if size < MIB else f"parts from {_bytes(size)} on",
    "largest_part": lambda size: f"parts of at most {_bytes(size)}",
    "most_parts": lambda count: f"at most {count:,} parts",
    "single_put": lambda size: f"at most {_bytes(size)} in one request",
    "largest_object": lambda size: f"objects of at most {_bytes(size)}",
}
