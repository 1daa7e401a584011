"""The words of a record's evidence: checks, grades, notes, what was asked again, and where a value comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migrator.web.wording.titles import cause_title

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "read_back_transcoded": "reading it back showed nothing: the destination sent it in another encoding than it is "
    "stored in",
    "upload_continued": "parts of it that had arrived before a stop were not sent again; each has the MD5 "
    "of what we read",
    "read_by_ranges": "much of it was read by several requests at once, for a stretch each; the digests are of all its "
    "bytes in order",
    "ranges_refused": "the source did not answer a request for a stretch of the object as it should, so what was left "
    "was read by one request",
    "upload_left_open": "an upload of it at the destination could not be aborted; that is tried again",
    "upload_perhaps_left_open": "opening an upload failed before it succeeded, and it could not be told whether one is "
    "still open at the destination",
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
    "part_listing": "the list of the parts",
    "put_reply": "the reply to the write",
    "complete_reply": "the reply to the last part",
    "readback": "reading it back",
}

READ = {
    "nothing": "nothing",
    "source": "the source's object, once",
    "both": "the source's object once, and the destination's once",
}

# What a side did that a request to it was made again, by the reason that a record keeps.
_DID = {
    "throttled": "was busy and asked us to go slower",
    "store_error": "had a fault of its own",
    "endpoint_unreachable": "did not answer, or the connection broke off",
    "source_timeout": "went silent",
    "digest_rejected": "refused what had been damaged on the way",
    "part_etag_mismatch": "stated another checksum than ours",
    "part_checksum_mismatch": "stated another checksum than ours",
    "dest_missing": "did not show the object yet",
    "source_gone": "said that there is no such object",
    "source_changed": "said that this is another object than planned",
    "access_denied": "denied us access",
    "credentials_refused": "did not accept our signature",
    "listing_invalid": "sent a list that makes no sense",
}
_WHEN = {
    "GetObject": "when we read the object",
    "PutObject": "when we wrote the object",
    "HeadObject": "when we asked what it holds",
    "UploadPart": "when we sent a part of the object",
    "CreateMultipartUpload": "when we began to send the object in parts",
    "CompleteMultipartUpload": "when the parts were to be put together",
    "AbortMultipartUpload": "when we removed parts that are not needed",
    "ListParts": "when we looked for parts that were left",
    "ListMultipartUploads": "when we looked for parts that were left",
    "ListObjectsV2": "when we listed what it holds",
    "ListObjectVersions": "when we listed the versions that it holds",
    "GetObjectTagging": "when we asked for the tags",
    "GetObjectAttributes": "when we asked how the object is cut into parts",
    "DeleteObject": "when we removed the copy",
}
_SENT = frozenset({"PutObject", "UploadPart"})


def repeat_words(repeat: Mapping[str, Any]) -> str:
    """Return in one sentence what was asked again in an attempt, of whom, why, and how often."""
    reason, operation, count = repeat["reason"], repeat["operation"], repeat["count"]
    did = _DID.get(reason, f"met a problem ({cause_title(reason)})")
    done = "sent again" if operation in _SENT else "asked again"
    often = "once" if count == 1 else f"{count:,} times"
    return f"The {repeat['side']} {' '.join(filter(None, (did, _WHEN.get(operation))))}; {done} {often}."
