"""What need not be copied again: the last record verified it, names the very identities both listings show now, and
shows that it is stored as the task asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from integrity.etags import normalise
from integrity.evidence import CheckName, Finding, Origin, Outcome, Statement
from migrator.engine.carrying import STANDARD, asked_encryption, class_of_copy
from migrator.jobs.sides import copy_options, places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integrity.evidence import AskedEncryption
    from integrity.models import IntegrityRecord
    from migrator.engine.planning import Item
    from migrator.models import Run

KEYS_A_QUERY = 500
_IDENTITY = ("object_key", "dest_key", "source_size", "source_etag", "dest_etag", "verdict")
_HOW_IT_IS_STORED = ("checks", "dest_facts")


def proven_earlier(run: Run, items: Sequence[Item]) -> Iterator[Finding]:
    """Yield a skipped finding for each item that the last record of the same two places still covers."""
    if run.kind == run.Kind.VERIFY or run.options["if_exists"] != "skip_if_verified_identical":
        return
    wish = _Wish.of(run)
    candidates = [item for item in items if item.existing_size == item.size and item.etag and item.existing_etag]
    for start in range(0, len(candidates), KEYS_A_QUERY):
        group = candidates[start : start + KEYS_A_QUERY]
        last = _last_records(run, [item.key for item in group], wish)
        for item in group:
            record = last.get((item.key, item.dest_key))
            if record is not None and _is_of(record, item) and wish.is_met(record, item):
                yield _skipped(item)


@dataclass(frozen=True, slots=True)
class _Wish:
    """How the task asks copies to be stored now. What it does not ask for is as the destination has it."""

    classes: Mapping[str, str]
    encryption: AskedEncryption | None

    @classmethod
    def of(cls, run: Run) -> Self:
        options = copy_options(run)
        return cls(options.storage_class_map, asked_encryption(options.encryption, options.kms_key_id))

    @property
    def is_empty(self) -> bool:
        return not self.classes and self.encryption is None

    def is_met(self, record: IntegrityRecord, item: Item) -> bool:
        """Say whether the record shows the copy as it is asked for; what it leaves open is compared anew."""
        return self.is_empty or (self._has_class(record.dest_facts, item) and self._is_encrypted(record.checks))

    def _has_class(self, stated: Mapping[str, Any], item: Item) -> bool:
        if not self.classes:
            return True
        chosen = class_of_copy(item.storage_class, self.classes)
        if chosen is None:
            # The map does not say where this class goes, and the copy is to fail with just that.
            return False
        return chosen.expected is None or chosen.expected == _class_in(stated)

    def _is_encrypted(self, checks: Sequence[Mapping[str, Any]]) -> bool:
        """Say whether the copy was compared with this very wish, and nothing else was stated."""
        if self.encryption is None:
            return True
        wanted = self.encryption.expected
        return any(
            check["name"] == CheckName.ENCRYPTION
            and check["expected"] == wanted
            and check["outcome"] != Outcome.MISMATCH
            for check in checks
        )


def _class_in(stated: Mapping[str, Any]) -> str | None:
    """Return the class that the destination stated. A HEAD leaves STANDARD unsaid; a listing's silence says nothing."""
    unsaid = None if stated.get("origin") == Origin.LISTING else STANDARD
    return stated.get("storage_class") or unsaid


def _last_records(run: Run, keys: list[str], wish: _Wish) -> dict[tuple[str, str], IntegrityRecord]:
    """Return the last record that judged each object: where it failed no older one speaks for the object any more."""
    fields = _IDENTITY if wish.is_empty else (*_IDENTITY, *_HOW_IT_IS_STORED)
    judged = places_of(run).records().filter(verdict__in=["verified", "failed"], object_key__in=keys)
    return {(record.object_key, record.dest_key): record for record in judged.order_by("created_at").only(*fields)}


def _is_of(record: IntegrityRecord, item: Item) -> bool:
    named = (record.verdict, record.source_size, record.source_etag, record.dest_etag)
    return named == ("verified", item.size, normalise(item.etag), normalise(item.existing_etag))


def _skipped(item: Item) -> Finding:
    return Finding(
        index=item.index,
        key=item.key,
        dest_key=item.dest_key,
        planned_size=item.size,
        planned_etag=item.etag,
        planned_version_id=item.version_id,
        planned_last_modified=item.last_modified,
        source=Statement(origin=Origin.LISTING, size=item.size, etag=item.etag, last_modified=item.last_modified),
        dest=Statement(origin=Origin.LISTING, size=item.existing_size, etag=item.existing_etag),
        skipped=True,
    )
