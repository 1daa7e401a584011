"""What travels beside the bytes: content headers, user metadata, tags, storage class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from integrity.evidence import CARRIED_HEADERS, AskedEncryption, Reason, Statement, without_framing
from integrity.values import plain_value
from migrator.engine.errors import (
    AccessDenied,
    ConnectionProblem,
    EngineError,
    ObjectMissing,
    StoreBusy,
    Untagged,
)
from migrator.engine.stores import Store, WriteHeaders

LARGEST_METADATA = 2048
_SENDABLE = re.compile(r"[\x20-\x7e]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
STANDARD = "STANDARD"
# In a map of storage classes: every class that it does not name, and the destination's own choice.
EVERY_OTHER, OF_THE_DESTINATION = "*", "default"


@plain_value
class Tags:
    """An object's tags, or why they are not known."""

    values: Mapping[str, str] | None
    reason: Reason = Reason.NOT_COPIED


def read_tags(store: Store, bucket: str, key: str, said: Statement, *, is_known: bool) -> Tags:
    """Return the tags of an object whose headers said `said`; asks only where the reply leaves it open.

    `is_known`: the store was seen to know the question.
    """
    if said.tag_count == 0:
        return Tags({})
    try:
        return Tags(store.get_tags(bucket, key, version_id=said.version_id, is_known=is_known))
    except EngineError as problem:
        return tags_by_refusal(problem)


def tags_by_refusal(problem: EngineError) -> Tags:
    """Return what a refusal says of the tags, mostly why they are not known; raise what says nothing about them."""
    if isinstance(problem, Untagged):
        return Tags({})
    if isinstance(problem, AccessDenied):
        return Tags(None, Reason.NOT_PERMITTED)
    if isinstance(problem, (ConnectionProblem, StoreBusy, ObjectMissing)):
        raise problem
    return Tags(None, Reason.NOT_SUPPORTED)


def write_headers(
    source: Statement,
    tags: Tags,
    *,
    storage_class: str = "",
    encryption: str = "",
    kms_key_id: str = "",
) -> WriteHeaders:
    """Return what the write asks for. What cannot be sent as it is, is left out: the check then names the loss."""
    content = {name: source.content_headers[name] for name in CARRIED_HEADERS if source.content_headers.get(name)}
    if "content-encoding" in content:
        content["content-encoding"] = without_framing(content["content-encoding"])
    return WriteHeaders(
        content={name: value for name, value in content.items() if value and _SENDABLE.fullmatch(value)},
        metadata=_sendable_metadata(source.metadata),
        tags=tags.values or {},
        storage_class=storage_class,
        encryption=encryption,
        kms_key_id=kms_key_id,
    )


def is_carried_whole(source: Statement, written: WriteHeaders) -> bool:
    """Say whether a write asks for all headers and metadata that the source states."""
    headers = [name for name in CARRIED_HEADERS if source.content_headers.get(name)]
    return source.missing_metadata == 0 and source.metadata == written.metadata and len(headers) == len(written.content)


@dataclass(frozen=True, slots=True)
class ClassOfCopy:
    """The storage class a write asks for (empty: none), and the one that must be stated afterwards.

    `expected` is None where the source's class is not carried, so that there is nothing to compare.
    """

    asked: str
    expected: str | None


_NOT_CARRIED, _STANDARD_UNASKED = ClassOfCopy("", None), ClassOfCopy("", STANDARD)


def class_of_copy(stated: str, classes: Mapping[str, str]) -> ClassOfCopy | None:
    """Return what becomes of an object of class `stated` (empty: STANDARD) under a task's map.

    None: the map names other classes and not this one, so the task does not say where it goes. An empty map says
    that classes are not carried. STANDARD needs no entry: it is what an object has that asks for none.
    """
    stated = stated or STANDARD
    chosen = classes.get(stated, classes.get(EVERY_OTHER))
    if chosen == OF_THE_DESTINATION:
        return _NOT_CARRIED
    if chosen is not None:
        return ClassOfCopy(chosen, chosen)
    if stated == STANDARD:
        return _STANDARD_UNASKED
    return None if classes else _NOT_CARRIED


def asked_encryption(word: str, key_id: str) -> AskedEncryption | None:
    """Return what a task asks for; None without a wish."""
    return AskedEncryption(word, key_id) if word else None


def _sendable_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    sendable = {
        name.lower(): value
        for name, value in metadata.items()
        if _TOKEN.fullmatch(name.lower()) and _SENDABLE.fullmatch(value) and value == value.strip()
    }
    size = sum(len(name) + len(value) for name, value in sendable.items())
    return sendable if size <= LARGEST_METADATA else {}
