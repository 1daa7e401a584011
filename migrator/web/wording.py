"""The words and signs of the pages: states, outcomes, causes, grades and headlines.

What an error means is said by its class in `engine.errors`, what a check shows by `integrity`; here are the
short names that stand as titles, since a code never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrity.evidence import never_carried
from integrity.layouts import GIB, MIB, TIB, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from migrator.models import Run
    from migrator.models.progress import Progress


@dataclass(frozen=True, slots=True)
class Shown:
    """A state as a person sees it: word, icon of `icons.html`, and the tone of its colour."""

    word: str
    icon: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class BookLine:
    """One count of the books, with what it means."""

    name: str
    word: str
    icon: str
    count: int
    means: str


_SHOWN: dict[str, dict[str, Shown]] = {
    "run": {
        "planning": Shown("Planning", "list", "info"),
        "ready": Shown("Ready", "flag", "info"),
        "running": Shown("Running", "running", "info"),
        "paused": Shown("Paused", "pause", "unverified"),
        "finished": Shown("Finished", "finish"),
        "incomplete": Shown("Incomplete", "broken", "failed"),
        "cancelled": Shown("Cancelled", "slash"),
    },
    "verdict": {
        "verified": Shown("Verified", "verified", "verified"),
        "unverified": Shown("Unverified", "unverified", "unverified"),
        "failed": Shown("Failed", "failed", "failed"),
        "": Shown("Skipped", "skipped"),
        "skipped": Shown("Skipped", "skipped"),
        "pending": Shown("Pending", "pending"),
    },
    "outcome": {
        "match": Shown("Equal", "check", "verified"),
        "mismatch": Shown("Different", "failed", "failed"),
        "not_comparable": Shown("Not comparable", "not-comparable"),
        "": Shown("Not compared", "dash"),
    },
    "step": {
        "passed": Shown("Passed", "check", "verified"),
        "failed": Shown("Failed", "failed", "failed"),
        "not_tried": Shown("Not tried", "dash"),
        "unknown": Shown("Not known", "unverified", "unverified"),
    },
    "review": {
        "open": Shown("Open", "unverified", "unverified"),
        "decided": Shown("Decided", "person", "info"),
        "retry": Shown("Retry asked for", "retry", "info"),
        "accept": Shown("Accepted by a person", "person", "info"),
        "waive": Shown("Waived by a person", "slash", "info"),
    },
}


def shown(kind: str, value: str) -> Shown:
    """Return how a state is shown; one that is not known is shown as it is."""
    return _SHOWN[kind].get(value) or Shown(value.replace("_", " ").capitalize(), "dash")


CAUSE_TITLES = {
    # why an item failed
    "source_size_mismatch": "The size at the source differs",
    "short_read": "The source stopped too early",
    "source_etag_mismatch": "Damaged between the source and us",
    "source_checksum_mismatch": "Damaged between the source and us",
    "source_reads_disagree": "Two readings of the source differ",
    "part_etag_mismatch": "A part arrived damaged",
    "part_checksum_mismatch": "A part arrived damaged",
    "digest_rejected": "Damaged on the way to the destination",
    "dest_size_mismatch": "The size at the destination differs",
    "dest_etag_mismatch": "The destination states another checksum",
    "dest_checksum_mismatch": "The destination states another checksum",
    "dest_readback_mismatch": "What was read back differs",
    "pair_digest_mismatch": "Source and destination state different checksums",
    "source_changed": "Changed in the source after the plan",
    "dest_changed_after_write": "Changed at the destination meanwhile",
    "content_headers_mismatch": "Content headers differ",
    "user_metadata_mismatch": "Metadata differs",
    "tags_mismatch": "Tags differ",
    "storage_class_mismatch": "The storage class differs",
    "encryption_mismatch": "The encryption differs",
    "source_gone": "No longer in the source",
    "listed_not_found": "Listed by the source, but not there",
    "archived": "In an archive",
    "transcoded_by_store": "Changed by the store while reading",
    "range_mismatch": "The source sent another range",
    "source_timeout": "The source did not answer in time",
    "too_slow": "Too slow to go on",
    "complete_failed": "The destination did not put the parts together",
    "dest_missing": "Not there at the destination",
    "dest_exists": "The key is taken at the destination",
    "dest_locked": "Locked at the destination",
    "dest_config": "Not known to the destination",
    "key_too_long": "The key is too long for the destination",
    "key_invalid": "The destination does not take this key",
    "object_too_large": "Too large for the destination",
    "access_denied": "Access denied",
    "throttled": "The storage service asked us to slow down",
    "store_error": "A fault of the storage service",
    "endpoint_unreachable": "The storage service did not answer",
    "endpoint_blocked": "This address is not allowed",
    "tls_error": "The certificate is not trusted",
    "local_memory_corruption": "Our own memory is not reliable",
    "version_before_failed": "An older version was not copied",
    "worker_crash": "A worker stopped on this object again and again",
    "internal_error": "A fault of our own",
    # why an item could not be proven
    "etag_absent": "No ETag stated",
    "etag_opaque": "The ETag is not made from the bytes",
    "etag_semantics_unknown": "Not known what the ETag means",
    "etag_semantics_disproved": "The ETag is not what it looks like",
    "sse_kms": "Encrypted with a key service",
    "sse_c": "Encrypted with a key of the customer",
    "layout_unknown": "Not known how the object was cut into parts",
    "layouts_differ": "Cut into parts in different ways",
    "checksum_absent": "No checksum stated",
    "checksum_type_unknown": "Unclear what the checksum covers",
    "algorithm_unavailable": "A checksum we cannot compute here",
    "store_unproven": "The store has not shown that it checks",
    "not_supported": "The store cannot tell",
    "not_permitted": "The store may not tell us",
    "not_requested": "Not asked for by the task",
    "not_copied": "Not copied by choice",
    "not_reached": "The object ended before this check",
    "incomplete_at_source": "The source could not give all of it",
    "already_verified": "Proven by an earlier run",
    # why a run stands still or ended
    "person": "By a person",
    "canary": "A look at the first objects is wanted",
    "credentials_expired": "The credentials have run out",
    "credentials_refused": "The credentials are refused",
    "wrong_region": "The region is another",
    "clock_skew": "The clocks differ",
    "bucket_missing": "The bucket is not there",
    "destination_full": "The destination is full",
    "local_disk_full": "The disk of a worker is full",
    "repeated_errors": "The same problem again and again",
    "listing_invalid": "The listing makes no sense",
    "listing_incomplete": "The listing is not complete",
    "versions_not_kept": "The destination does not keep versions",
    "versions_not_listed": "The versions cannot be listed",
    "too_many_versions": "A key has too many versions",
    "plan_unreadable": "The plan cannot be read",
    "books_unbalanced": "The books do not close",
    "seal_failed": "The ledger could not be sealed",
    "same_place": "Source and destination are the same place",
    "bucket_name_invalid": "Not the name of a bucket",
    "empty_plan": "Nothing to copy",
}


def cause_title(cause: str) -> str:
    """Return the title of a cause or reason; a code is never a title."""
    return CAUSE_TITLES.get(cause, cause.replace("_", " ").capitalize())


CHECK_TITLES = {
    "source_identity": "The object read is the one in the plan",
    "source_size": "The source states the size of the plan",
    "read_length": "All bytes reached our checksums",
    "source_etag": "The source's ETag and our checksum",
    "source_checksum": "The source's checksum and ours",
    "source_reread": "A second reading of the source",
    "source_unchanged": "The source did not change while we read",
    "part_etags": "The ETag of each part",
    "part_checksums": "The checksum of each part",
    "write_digest": "The checksum sent along was accepted",
    "dest_size": "The destination states the right size",
    "dest_etag": "The destination's ETag and our checksum",
    "dest_checksum": "The destination's checksum and ours",
    "dest_identity": "What is at the destination is what we wrote",
    "dest_readback": "What was read back from the destination",
    "pair_digest": "What both sides state",
    "content_headers": "Content headers",
    "user_metadata": "Metadata",
    "tags": "Tags",
    "storage_class": "Storage class",
    "encryption": "Encryption",
}
# The same where nothing was read, and the identities reach back to the record that did read.
CHECK_TITLES_SINCE = CHECK_TITLES | {
    "source_identity": "The source's object is the one in the plan",
    "read_length": "All bytes reached our checksums when they were read",
    "source_unchanged": "The source's object is the one that was read then",
    "dest_identity": "The destination's object is the one that was confirmed then",
}

SOURCE_GRADES = {
    "S3": "The source states a checksum of the whole object, and it equals ours.",
    "S2": "The source states a checksum made from the parts, and it equals ours.",
    "S1 reread": "Two full readings of the source gave the same checksum; the source states none to compare.",
    "S1": "The size is right and nothing changed while we read; the source states no checksum to compare.",
    "S0": "It was not shown that we read what the source holds.",
}
# The same of a run that read nothing, where they would say that it did.
SOURCE_GRADES_SINCE = SOURCE_GRADES | {
    "S1": "Size and identity are those of the object that was read then; the source states no checksum to compare.",
}
DEST_GRADES = {
    "D4": "We read the object back from the destination, and its SHA-256 equals ours.",
    "D3": "After the write the destination states a checksum of the whole object, and it equals ours.",
    "D2": "The destination checked all bytes as they arrived; it states no checksum of the whole object.",
    "D1": "The size is right; the destination states no checksum that counts as proof.",
    "D0": "Nothing was shown about what the destination holds.",
}

NOTES = {
    "recovered": "passed after an attempt that failed",
    "source_replaced_since": "the source holds another object than an earlier run read, so that was set aside",
    "dest_replaced_since": "the destination holds another object than an earlier run confirmed",
    "version_named": "this record is about one version of the object",
    "copy_not_known": "no record says which version at the destination is the copy of this one, and none states its "
    "ETag; so nothing was compared",
    "already_there": "the object was already at the destination, with the same bytes",
    "unequal_parts": "its parts are not equal, as asking for every one of them showed; it was compared by these",
    "md5_left_out": "MD5 left out by the task",
    "sha256_left_out": "SHA-256 left out by the task",
    "crc32_left_out": "CRC32 left out by the task",
    "crc32c_left_out": "CRC32C left out by the task",
    "crc64nvme_left_out": "CRC64NVME left out by the task",
}

ORIGINS = {
    "listing": "the listing",
    "get": "the reading request",
    "head": "a request for the headers",
    "attributes": "a request for the attributes",
    "part_reply": "the replies to the parts",
    "put_reply": "the reply to the write",
    "complete_reply": "the reply to the last part",
    "readback": "reading it back",
}

READ = {
    "nothing": "nothing",
    "source": "the source's object, once",
    "both": "the source's object once, and the destination's once",
}

HAZARDS = {
    "archived": "in an archive: they must be restored at the source before they can be read, else they will fail",
    "key_too_long": "with a key that is too long for the destination: they will fail",
    "key_invalid": "with a key that the destination does not take: they will fail",
    "twins": "with keys that differ from another only in case or Unicode form; "
    "a file system that does not tell them apart would lose some",
    "delete_markers": "deleted at the source, where a delete marker is on top. The versions below it are copied and "
    "the marker is not, so at the destination the newest of them is what the key holds",
}

OPTION_WORDS = {
    "if_exists": {
        "fail_if_exists": "If the key is taken at the destination: do not replace, say so",
        "skip_if_verified_identical": "If the key is taken: skip what an earlier run proved, if it is still as asked",
        "replace_if_matches": "If the key is taken: replace what the preview showed",
    },
    "versions": {
        "latest": "Versions: the latest of each object",
        "all": "Versions: every one, the oldest first; delete markers are not carried over",
    },
    "policy": {
        "standard": "How sure to be: standard (checksums stated by both stores)",
        "strict": "How sure to be: strict (a checksum of the whole object, and each copy is read back)",
    },
    "fidelity": {
        "report": "Headers, metadata and tags: differences are reported",
        "required": "Headers, metadata and tags: a difference fails the object",
    },
}

VERIFY_DEPTHS = {
    "auto": "first what both stores state, with what an earlier run computed; what that does not settle is read once "
    "at the source and once at the destination",
    "both": "every object is read once at the source and once at the destination",
    "source": "every object is read at the source and compared with what the destination states",
    "statements": "only what both stores state, with what an earlier run computed; no object is read, so one that no "
    "earlier run read cannot become verified",
}

_OPTION_LABELS = {
    "double_read": "Read the source twice where it states no checksum",
    "read_back_percent": "Read back at the destination (percent)",
    "leave_out_digests": "Checksums left out by the task",
    "tags": "Carry tags over",
    "storage_class_map": "Storage classes",
    "encryption": "Encryption at the destination",
    "probe": "Let the destination prove that it refuses damaged data",
    "requester_pays": "We pay for reading the source",
    "include": "Only keys like",
    "exclude": "Not keys like",
    "min_size": "At least so many bytes",
    "max_size": "At most so many bytes",
    "modified_after": "Modified after",
    "modified_before": "Modified before",
    "bytes_per_s": "Speed limit (bytes a second)",
    "canary": "The riskiest objects go first",
}


def option_lines(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a task asks for, in words: label and value, what says nothing left out."""
    lines = []
    for name, choices in OPTION_WORDS.items():
        label, _, words = choices.get(str(options.get(name)), ": ").partition(": ")
        lines.append((label, words))
    for name, label in _OPTION_LABELS.items():
        value = options.get(name)
        if not value or name == "canary":
            continue
        lines.append((label, _OPTION_TEXTS.get(name, _value_text)(value)))
    return lines + _verify_lines(options)


def _verify_lines(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a run that only compares was told beside the options of its task."""
    if "verify_depth" not in options:
        return []
    lines = [("What is compared", VERIFY_DEPTHS[options["verify_depth"]])]
    if options.get("sample_percent"):
        words = f"{options['sample_percent']} percent of the keys, drawn with the seed {options['seed']}"
        lines.append(("Sample", words))
    return lines


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def classes_in_order(classes: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return a map of storage classes by name, what covers all others last: not every database keeps an order."""
    return sorted(classes.items(), key=lambda pair: (pair[0] == "*", pair[0]))


def _classes_text(classes: Mapping[str, str]) -> str:
    named = classes_in_order(classes)
    return "; ".join(f"{_CLASS_WORDS.get(name, name)} → {_CLASS_WORDS.get(there, there)}" for name, there in named)


def _encryption_text(wish: Mapping[str, str | None]) -> str:
    words = _ENCRYPTIONS.get(str(wish["type"]), str(wish["type"]))
    return f"{words}, key {wish['key_id']}" if wish.get("key_id") else words


_CLASS_WORDS = {"*": "every other", "default": "the destination's choice"}
_ENCRYPTIONS = {
    "AES256": "with a key of the storage service (AES256)",
    "aws:kms": "with a key service (aws:kms)",
    "aws:kms:dsse": "with a key service, in two layers (aws:kms:dsse)",
}
_OPTION_TEXTS: dict[str, Callable[[Any], str]] = {
    "storage_class_map": _classes_text,
    "encryption": _encryption_text,
}

NOT_CARRIED = {
    "acl": "access lists (ACLs)",
    "object_lock": "object lock",
    "legal_hold": "legal hold",
    "versions": "versions before the latest",
    "delete_markers": "delete markers",
    "version_ids": "the ids of versions",
    "last_modified": "the time of the last change",
    "replication_state": "replication state",
    "annotations": "annotations",
    "tags": "tags, by choice of the task",
    "storage_class": "the storage class, where it is left to the destination",
}


def not_carried_words(names: Iterable[str]) -> str:
    """Return what was not carried over as one list in words."""
    return ", ".join(NOT_CARRIED[name] for name in names)


def not_carried_by(options: Mapping[str, Any]) -> list[str]:
    """Return what a task with these options leaves behind, as far as the task alone tells."""
    classes = options.get("storage_class_map") or {"*": "default"}
    by_choice = {"tags": not options.get("tags"), "storage_class": "default" in classes.values()}
    never = never_carried(all_versions=options.get("versions") == "all")
    return [*never, *(name for name, is_left in by_choice.items() if is_left)]


_MEANS = {
    "verified": "proven equal, by the evidence shown",
    "unverified": "copied, but not proven",
    "failed": "not copied, or proven different",
    "skipped": "proven by an earlier run and unchanged since, so not copied again",
    "pending": "still to do",
}


_MEANS_COMPARED = {
    "unverified": "compared, but not proven",
    "failed": "missing, not readable, or proven different",
}


def books(run: Run) -> list[BookLine]:
    """Return the five counts that add up to the plan, in their fixed order."""
    counts = {
        "verified": run.verified,
        "unverified": run.unverified,
        "failed": run.failed,
        "skipped": run.skipped,
        "pending": run.pending,
    }
    means = _MEANS | (_MEANS_COMPARED if is_verify(run) else {})
    return [
        BookLine(name, shown("verdict", name).word, shown("verdict", name).icon, count, means[name])
        for name, count in counts.items()
    ]


def is_verify(run: Run) -> bool:
    """Say whether a run only compares: then no word may claim that it copies."""
    return run.kind == "verify"


def objects(count: int) -> str:
    """Return a count of objects in words."""
    return f"{count:,} object" if count == 1 else f"{count:,} objects"


def headline(run: Run) -> str:
    """Return in one sentence how a run stands. `All … verified` only where the books say so."""
    if run.state == "planning":
        return "We list both sides and freeze what this run will do. Nothing is copied yet."
    if run.state == "ready":
        return _ready(run)
    if run.state == "running":
        return f"{run.settled:,} of {objects(run.planned)} are settled."
    if run.state == "paused":
        return run.cause_text or f"Paused: {cause_title(run.cause)}."
    if run.state == "cancelled":
        return f"{run.cause_text or 'Cancelled.'} {objects(run.pending)} of the plan were not reached."
    if run.state == "incomplete":
        return f"{cause_title(run.cause)}. {run.cause_text}".strip()
    return _finished(run)


def _ready(run: Run) -> str:
    if is_verify(run):
        return _ready_to_compare(run)
    if run.planned == 0:
        return "Nothing to copy: the prefix holds no object."
    return f"The plan is frozen: {objects(run.planned)}. Nothing is copied until someone starts this run."


def _ready_to_compare(run: Run) -> str:
    if run.planned == 0:
        return "Nothing to compare: no object of the source is in this plan."
    return f"The plan is frozen: {objects(run.planned)} to compare. This run copies nothing."


def _finished(run: Run) -> str:
    if run.planned == 0:
        verb = "compare" if is_verify(run) else "copy"
        return f"Finished with an empty plan: there was no object to {verb}, and a person confirmed that."
    if run.not_verified:
        verb = "is" if run.not_verified == 1 else "are"
        return f"{run.not_verified:,} of {objects(run.planned)} {verb} not verified."
    if run.skipped == run.planned:
        return f"All {objects(run.planned)} were proven by an earlier run and are unchanged since; nothing was copied."
    if run.skipped:
        return (
            f"{objects(run.verified)} are copied and verified; {run.skipped:,} were skipped, "
            "proven by an earlier run and unchanged since."
        )
    if is_verify(run):
        sampled = " of the sample" if run.options.get("sample_percent") else ""
        return f"All {objects(run.planned)}{sampled} are verified by comparing; nothing was copied."
    if run.planned == 1:
        return "The one object of this run is copied and verified."
    return f"All {objects(run.planned)} are copied and verified."


def status_line(run: Run, percent: int) -> str:
    """Return what a screen reader is told: it changes only with the state, each tenth, and the first bad item."""
    if run.state != "running":
        return f"{shown('run', run.state).word}. {headline(run)}"
    alarm = " Some objects are not verified." if run.not_verified else ""
    return f"Running. {percent // 10 * 10} percent done.{alarm}"


def time_left(run: Run, progress: Progress, running_seconds: float) -> str:
    """Return a range for what is left, hidden at first and while nothing moves."""
    if run.state != "running" or progress.eta_seconds is None:
        return ""
    if running_seconds < 30:
        return ""
    low, high = progress.eta_seconds * 0.9, progress.eta_seconds * 1.4 + 5
    if high < 90:
        return f"about {max(5, round(high / 5) * 5)} s"
    if high < 3600:
        return f"{max(1, round(low / 60))} to {round(high / 60) + (round(high / 60) <= round(low / 60))} min"
    if high < 24 * 3600:
        return f"{low / 3600:.1f} to {high / 3600:.1f} h"
    return f"{low / 86400:.1f} to {high / 86400:.1f} days"


_ETAG_MEANINGS = {
    "md5": "is the MD5 of the bytes",
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


def profile_words(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the main facts of a profile in words, with its date; `not known` is said as such."""
    single = _ETAG_MEANINGS.get(str(facts.get("etag_single")), "is not known to mean anything")
    parts = _ETAG_MEANINGS.get(str(facts.get("etag_multipart")), "is not known to mean anything")
    proof = _PROOFS.get(str(facts.get("content_md5")), "")
    return {
        "probed_at": str(facts.get("probed_at") or ""),
        "etag": f"The ETag of an object {single}; of one in parts it {parts}.",
        "limits": _limits_words(facts.get("limits")),
        "proof": f"The store {proof}." if proof else "It is not known whether the store refuses damaged data.",
    }


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
