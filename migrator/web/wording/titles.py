"""States, causes and hazards: the short names that stand as titles, since a code never does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """A state as a person sees it: word, icon of `icons.html`, and the tone of its colour."""

    word: str
    icon: str
    tone: str = ""


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


HAZARDS = {
    "archived": "in an archive: they must be restored at the source before they can be read, else they will fail",
    "key_too_long": "with a key that is too long for the destination: they will fail",
    "key_invalid": "with a key that the destination does not take: they will fail",
    "twins": "with keys that differ from another only in case or Unicode form; "
    "a file system that does not tell them apart would lose some",
    "delete_markers": "deleted at the source, where a delete marker is on top. The versions below it are copied and "
    "the marker is not, so at the destination the newest of them is what the key holds",
}
