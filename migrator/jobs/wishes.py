"""How a task asks its copies to be stored and proven, and whether a record shows one that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from integrity.evidence import CheckName, Origin, Outcome, checks_from_json
from integrity.verdicts import Policy, judge
from migrator.engine.carrying import STANDARD, asked_encryption, class_of_copy
from migrator.jobs.sides import copy_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from integrity.evidence import AskedEncryption
    from integrity.models import IntegrityRecord
    from migrator.engine.planning import Item
    from migrator.models import Run


@dataclass(frozen=True, slots=True)
class Wish:
    """How the task asks copies to be stored and proven now. What it does not ask for is as the destination has it."""

    classes: Mapping[str, str]
    encryption: AskedEncryption | None
    policy: Policy

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return what the options of a run ask for."""
        options = copy_options(run)
        encryption = asked_encryption(options.encryption, options.kms_key_id)
        return cls(options.storage_class_map, encryption, options.policy)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for but what each verified record shows."""
        return not self.classes and self.encryption is None and self.policy == Policy()

    def is_met(self, record: IntegrityRecord, item: Item) -> bool:
        """Say whether the record shows the copy as it is asked for; what it leaves open is compared anew."""
        if self.is_empty:
            return True
        is_stored = self._has_class(record.dest_facts, item) and self._is_encrypted(record.checks)
        return is_stored and self._is_proven(record.checks)

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

    def _is_proven(self, checks: Sequence[Mapping[str, Any]]) -> bool:
        """Say whether what was shown then suffices for what must be proven now."""
        return self.policy == Policy() or judge(checks_from_json(checks), self.policy).is_valid


def _class_in(stated: Mapping[str, Any]) -> str | None:
    """Return the class that the destination stated. A HEAD leaves STANDARD unsaid; a listing's silence says nothing."""
    unsaid = None if stated.get("origin") == Origin.LISTING else STANDARD
    return stated.get("storage_class") or unsaid
