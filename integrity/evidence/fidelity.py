"""Fidelity and the extra check: what travels beside the bytes, and the two stores' statements side by side.

Pure. None of these checks raises a grade.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from integrity.etags import EtagForm, kind, normalise
from integrity.evidence.checks import Check, CheckName, Origin, Reason
from integrity.evidence.comparisons import (
    UNCLEAR,
    Witness,
    encryption_reason,
    etag_form_reason,
    meaning_of,
    without_framing,
)
from integrity.evidence.statements import Encryption

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from integrity.evidence.profiles import Profile
    from integrity.evidence.statements import AskedEncryption, Statement
    from integrity.layouts import Layout

CARRIED_HEADERS = (
    "content-type",
    "content-encoding",
    "content-language",
    "content-disposition",
    "cache-control",
    "expires",
    "x-amz-website-redirect-location",
)
# The one list of what no copy takes along. Records of today are shown with it for good: if one day something of it
# is carried, its line must say from which version on.
NOT_CARRIED = (
    "acl",
    "object_lock",
    "legal_hold",
    "versions",
    "last_modified",
    "replication_state",
    "annotations",
)
# What a copy of every version leaves in place of "versions before the latest".
OF_ALL_VERSIONS = ("delete_markers", "version_ids")
# Noted in the records of a run that copies every version: each of them is about one version.
VERSION_NAMED = "version_named"
# What a task can leave behind besides.
_BY_CHOICE = (CheckName.TAGS, CheckName.STORAGE_CLASS)


def never_carried(*, all_versions: bool) -> tuple[str, ...]:
    """Return what no copy takes along, where only the latest versions are copied or all of them."""
    if not all_versions:
        return NOT_CARRIED
    place = NOT_CARRIED.index("versions")
    return (*NOT_CARRIED[:place], *OF_ALL_VERSIONS, *NOT_CARRIED[place + 1 :])


def not_carried(checks: Iterable[Mapping[str, str | int | None]] = (), notes: Collection[str] = ()) -> tuple[str, ...]:
    """Return what was not carried: what never is, and what the checks of a record say was left behind by choice."""
    left = {check["name"] for check in checks if check.get("reason") == Reason.NOT_COPIED}
    never = never_carried(all_versions=VERSION_NAMED in notes)
    return (*never, *(name.value for name in _BY_CHOICE if name in left))


def fidelity_checks(
    source: Statement,
    dest: Statement | None,
    *,
    write_reply: Statement | None = None,
    first_seen: Statement | None = None,
    source_tags: Mapping[str, str] | None = None,
    dest_tags: Mapping[str, str] | None = None,
    tags_reason: Reason = Reason.NOT_COPIED,
    storage_class: str | None = "STANDARD",
    encryption: AskedEncryption | None = None,
    attempt: int = 1,
) -> tuple[Check, ...]:
    """Compare what should have been carried with what the destination reports.

    `dest` is a HEAD or GET of the destination; a listing states none of this. `source_tags` is None where tags were
    not copied or not read, and `tags_reason` says which. `storage_class` and `encryption` are what the write asked
    for; a class of None was not carried, and without a wish the encryption must be what the reply to the write said.
    `first_seen` stands for that reply where there is none or it leaves that out, as in the identity: the object as it
    was seen before `dest`. Never raises.
    """
    witness = Witness.of(dest, attempt)
    if dest is None:
        return _all_absent(witness, Reason.NOT_REACHED, Reason.NOT_REACHED, Reason.NOT_REACHED)
    if dest.origin is Origin.LISTING:
        tags = Reason.NOT_REQUESTED if source_tags is not None else tags_reason
        kept = Reason.NOT_REQUESTED if storage_class is not None else Reason.NOT_COPIED
        return _all_absent(witness, Reason.NOT_REQUESTED, tags, kept)
    before = None if leaves_encryption_out(write_reply, dest) else write_reply
    return (
        _headers(witness, source, dest),
        _metadata(witness, source, dest),
        _tags(witness, source_tags, dest_tags, tags_reason),
        _storage_class(witness, storage_class, source, dest),
        _encryption(witness, encryption, first_seen or before, dest),
    )


def leaves_encryption_out(reply: Statement | None, later: Statement) -> bool:
    """Say whether a reply to a write is silent about the encryption that is stated later: MinIO's to a Complete is."""
    return reply is None or (reply.encryption is Encryption.NONE and later.encryption is not Encryption.NONE)


def pair_check(
    source: Statement,
    dest: Statement,
    source_profile: Profile,
    dest_profile: Profile,
    *,
    source_layout: Layout | None = None,
    dest_layout: Layout | None = None,
    attempt: int = 1,
) -> Check:
    """Compare the two stores' statements, same algorithm and layout. `expected` is the source's statement."""
    witness, name = Witness.of(dest, attempt), CheckName.PAIR_DIGEST
    common = _common_checksum(source, dest)
    if common is not None:
        return witness.compared(name, source.checksums[common], dest.checksums[common], common)
    ours, theirs = normalise(source.etag or ""), normalise(dest.etag or "")
    reason = (
        encryption_reason((source, dest))
        or etag_form_reason(source)
        or etag_form_reason(dest)
        or _layout_reason(ours, theirs, source_layout, dest_layout)
    )
    if reason is None and ours != theirs:
        reason = _unclear(ours, source_profile) or _unclear(theirs, dest_profile)
    if reason is not None:
        return witness.not_comparable(name, reason, ours or None, theirs or None, "MD5")
    return witness.compared(name, ours, theirs, "MD5")


@lru_cache(maxsize=256)
def _all_absent(witness: Witness, reason: Reason, tags: Reason, storage_class: Reason) -> tuple[Check, ...]:
    """Return the five checks that a listing cannot answer; those of a whole page are the same."""
    return (
        witness.not_comparable(CheckName.CONTENT_HEADERS, reason),
        witness.not_comparable(CheckName.USER_METADATA, reason),
        witness.not_comparable(CheckName.TAGS, tags),
        witness.not_comparable(CheckName.STORAGE_CLASS, storage_class),
        witness.not_comparable(CheckName.ENCRYPTION, reason),
    )


def _headers(witness: Witness, source: Statement, dest: Statement) -> Check:
    expected, observed = _carried(source.content_headers), _carried(dest.content_headers)
    if "content-type" not in expected:
        # A store gives every object a type; one that nobody asked for is no loss.
        observed.pop("content-type", None)
    return witness.compared(CheckName.CONTENT_HEADERS, _text(expected), _text(observed))


def _carried(headers: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower().replace("_", "-"): value for name, value in headers.items()}
    carried = {name: lower[name] for name in CARRIED_HEADERS if lower.get(name)}
    if "content-encoding" in carried:
        kept = without_framing(carried.pop("content-encoding"))
        return carried | ({"content-encoding": kept} if kept else {})
    return carried


def _metadata(witness: Witness, source: Statement, dest: Statement) -> Check:
    name = CheckName.USER_METADATA
    expected, observed = _text(_lowered(source.metadata)), _text(_lowered(dest.metadata))
    if source.missing_metadata > 0:
        return witness.not_comparable(name, Reason.INCOMPLETE_AT_SOURCE, expected, observed)
    return witness.compared(name, expected, observed)


def _lowered(metadata: Mapping[str, str]) -> dict[str, str]:
    """Lower the names; two that collapse keep both values, so that the loss shows."""
    lowered: dict[str, str] = {}
    for name, value in sorted(metadata.items()):
        key = name.lower()
        lowered[key] = f"{lowered[key]}, {value}" if key in lowered else value
    return lowered


def _tags(witness: Witness, source: Mapping[str, str] | None, dest: Mapping[str, str] | None, reason: Reason) -> Check:
    if source is None or dest is None:
        values = (None if source is None else _text(source), None if dest is None else _text(dest))
        return witness.not_comparable(CheckName.TAGS, reason, *values)
    return witness.compared(CheckName.TAGS, _text(source), _text(dest))


def _storage_class(witness: Witness, asked: str | None, source: Statement, dest: Statement) -> Check:
    stated = dest.storage_class or "STANDARD"
    if asked is None:
        of_source = source.storage_class or "STANDARD"
        return witness.not_comparable(CheckName.STORAGE_CLASS, Reason.NOT_COPIED, of_source, stated)
    return witness.compared(CheckName.STORAGE_CLASS, asked, stated)


def _encryption(witness: Witness, asked: AskedEncryption | None, before: Statement | None, dest: Statement) -> Check:
    if asked:
        return _asked_encryption(witness, asked, dest)
    if before is None:
        return witness.not_comparable(CheckName.ENCRYPTION, Reason.NOT_REQUESTED, None, dest.encryption.value)
    return witness.compared(CheckName.ENCRYPTION, before.encryption.value, dest.encryption.value)


def _asked_encryption(witness: Witness, asked: AskedEncryption, dest: Statement) -> Check:
    """Compare in S3's own words. A key that was asked for and is not named leaves it open, a wrong word does not."""
    word = dest.encryption_word or dest.encryption.value
    expected = asked.expected
    if expected == asked.word or word != asked.word:
        return witness.compared(CheckName.ENCRYPTION, asked.word, word)
    if not dest.kms_key_id:
        return witness.not_comparable(CheckName.ENCRYPTION, Reason.NOT_SUPPORTED, expected, word)
    key = asked.key_id if _is_key(asked.key_id, dest.kms_key_id) else dest.kms_key_id
    return witness.compared(CheckName.ENCRYPTION, expected, f"{word} {key}")


def _is_key(asked: str, stated: str) -> bool:
    """Say whether a stated key is the one asked for: an id is the end of its ARN."""
    return stated == asked or stated.endswith((f"/{asked}", f":{asked}"))


def _text(values: Mapping[str, str]) -> str:
    return json.dumps(dict(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _common_checksum(source: Statement, dest: Statement) -> str | None:
    """Return a checksum that both state for the full object, the longest name first for a fixed choice."""
    if source.checksum_type != dest.checksum_type or source.checksum_type != "FULL_OBJECT":
        return None
    common = sorted(set(source.checksums) & set(dest.checksums), reverse=True)
    return common[0] if common else None


def _layout_reason(ours: str, theirs: str, source_layout: Layout | None, dest_layout: Layout | None) -> Reason | None:
    if kind(ours) != kind(theirs):
        return Reason.LAYOUTS_DIFFER
    if ours == theirs or kind(ours).form is EtagForm.MD5:
        return None
    if source_layout is None or dest_layout is None:
        return Reason.LAYOUT_UNKNOWN
    return None if source_layout == dest_layout else Reason.LAYOUTS_DIFFER


def _unclear(etag: str, profile: Profile) -> Reason | None:
    return UNCLEAR.get(meaning_of(profile, kind(etag).form))
