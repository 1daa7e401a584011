"""What travels beside the bytes: content headers, user metadata, tags, storage class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from integrity.evidence import CARRIED_HEADERS, Encryption, Reason, Statement
from migrator.engine.errors import (
    AccessDenied,
    ConnectionProblem,
    EngineError,
    ObjectMissing,
    StoreBusy,
)
from migrator.engine.stores import Store, WriteHeaders

LARGEST_METADATA = 2048
_SENDABLE = re.compile(r"[\x20-\x7e]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_REDIRECT = "x-amz-website-redirect-location"


@dataclass(frozen=True, slots=True)
class Tags:
    """An object's tags, or why they are not known."""

    values: Mapping[str, str] | None
    reason: Reason = Reason.NOT_COPIED


def read_tags(store: Store, bucket: str, key: str, said: Statement) -> Tags:
    """Return the tags of an object whose headers said `said`; asks only where the reply leaves it open."""
    if said.tag_count == 0:
        return Tags({})
    try:
        return Tags(store.get_tags(bucket, key, version_id=said.version_id))
    except EngineError as problem:
        return untold(problem)


def untold(problem: EngineError) -> Tags:
    """Return why the tags are not known; raise what says nothing about them."""
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
    redirect: bool = False,
) -> WriteHeaders:
    """Return what the write asks for. What cannot be sent as it is, is left out: the check then names the loss."""
    names = (*CARRIED_HEADERS, _REDIRECT) if redirect else CARRIED_HEADERS
    content = {name: source.content_headers[name] for name in names if source.content_headers.get(name)}
    if "content-encoding" in content:
        content["content-encoding"] = _without_framing(content["content-encoding"])
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


def wanted_encryption(kind: str) -> Encryption | None:
    """Return what HEAD must report for the encryption that a write asked for; None without a wish."""
    if not kind:
        return None
    return Encryption.SSE_KMS if kind.startswith("aws:kms") else Encryption.SSE_S3


def _without_framing(coding: str) -> str:
    """The framing of an upload is no encoding of the object."""
    kept = [each.strip() for each in coding.split(",") if each.strip().lower() != "aws-chunked"]
    return ", ".join(kept)


def _sendable_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    sendable = {
        name.lower(): value
        for name, value in metadata.items()
        if _TOKEN.fullmatch(name.lower()) and _SENDABLE.fullmatch(value) and value == value.strip()
    }
    size = sum(len(name) + len(value) for name, value in sendable.items())
    return sendable if size <= LARGEST_METADATA else {}
