"""What a task asks for, in words, and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrity.evidence import never_carried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
