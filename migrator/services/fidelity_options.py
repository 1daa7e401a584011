"""The options that say how a copy is stored: its storage class and its encryption, checked at their fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from migrator.engine.carrying import EVERY_OTHER, OF_THE_DESTINATION
from migrator.engine.planning import ARCHIVE_CLASSES
from migrator.models import Connection
from migrator.services.refusal import Problem

ENCRYPTION_TYPES = ("AES256", "aws:kms", "aws:kms:dsse")
# What a PUT to Amazon S3 may name. Other services have classes of their own, and some let anyone make more.
AWS_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
    "OUTPOSTS",
    "SNOW",
    "EXPRESS_ONEZONE",
    "FSX_OPENZFS",
)
MOST_CLASSES = 100
LONGEST_KEY_ID = 2048
_CLASS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# No blank and nothing beyond ASCII: it goes into a header as it is.
_KEY_ID = re.compile(r"[!-~]+")
_MAP, _ENCRYPTION = "options.storage_class_map", "options.encryption"


def class_map_sentence(value: Any) -> str:
    """Return what is wrong with a map of storage classes; empty if nothing is."""
    if not isinstance(value, dict):
        return 'storage_class_map is a map of names such as {"STANDARD_IA": "STANDARD"}.'
    if len(value) > MOST_CLASSES:
        return f"storage_class_map names at most {MOST_CLASSES} classes."
    for source, destination in value.items():
        if source != EVERY_OTHER and not _is_class(source):
            return (
                f'"{source}" is not the name of a storage class. Names are such as STANDARD_IA; '
                f"{EVERY_OTHER} stands for every class that is not named."
            )
        if destination != OF_THE_DESTINATION and not _is_class(destination):
            return (
                f'"{destination}" is not the name of a storage class, to which {source} could go. Names are such as '
                f"GLACIER_IR; {OF_THE_DESTINATION} leaves the choice to the destination."
            )
    return ""


def encryption_problems(value: Any) -> list[Problem]:
    """Return what is wrong with a wish for an encryption, each at its field."""
    if value is None:
        return []
    if not isinstance(value, dict) or not set(value) <= {"type", "key_id"}:
        words = 'encryption is null, or a map of type and key_id such as {"type": "aws:kms", "key_id": "…"}.'
        return [Problem(_ENCRYPTION, words)]
    kind, key_id = value.get("type"), value.get("key_id")
    if kind not in ENCRYPTION_TYPES:
        words = f"The type of an encryption is one of {', '.join(ENCRYPTION_TYPES)}."
        return [Problem(f"{_ENCRYPTION}.type", words)]
    if key_id is None:
        return []
    if kind == "AES256":
        words = (
            "A key belongs to encryption with a key service (aws:kms, aws:kms:dsse). With AES256 the storage service "
            "has a key of its own: leave this out."
        )
        return [Problem(f"{_ENCRYPTION}.key_id", words)]
    if not (isinstance(key_id, str) and len(key_id) <= LONGEST_KEY_ID and _KEY_ID.fullmatch(key_id)):
        words = "The key is its ARN, its id or its alias (alias/…): letters, digits and signs without a blank."
        return [Problem(f"{_ENCRYPTION}.key_id", words)]
    return []


def clashes(options: Mapping[str, Any]) -> list[Problem]:
    """Return what a map of storage classes rules out; `options` holds every option, each valid by itself."""
    chosen = set(options["storage_class_map"].values())
    archives = sorted(name for name in chosen if name.upper() in ARCHIVE_CLASSES)
    if archives and (options["policy"] == "strict" or options["read_back_percent"]):
        why = "a strict task reads every copy" if options["policy"] == "strict" else "the task reads copies"
        words = f"{why[0].upper()}{why[1:]} back, and what lies in {archives[0]} cannot be read. Choose another class"
        return [Problem(_MAP, f"{words}, or do not read back.")]
    if OF_THE_DESTINATION in chosen and options["fidelity"] == "required":
        words = "cannot be compared, and this task fails what differs. Name a class, or only report differences."
        return [Problem(_MAP, f"A class that is left to the destination ({OF_THE_DESTINATION}) {words}")]
    return []


def unknown_class(options: Mapping[str, Any], destination: Connection) -> list[Problem]:
    """Return the first class that the destination is known not to have; only of Amazon S3 all are known."""
    if destination.kind != Connection.Kind.AWS:
        return []
    known = {*AWS_CLASSES, OF_THE_DESTINATION}
    wrong = next((name for name in options.get("storage_class_map", {}).values() if name not in known), None)
    if wrong is None:
        return []
    return [Problem(_MAP, f"Amazon S3 has no storage class {wrong}. It has {', '.join(AWS_CLASSES)}.")]


def _is_class(name: Any) -> bool:
    return isinstance(name, str) and name != OF_THE_DESTINATION and _CLASS_NAME.fullmatch(name) is not None
