"""What must be computed so that what a source states about an object can be compared.

Pure. The usual digests are computed of every object; whoever states nothing else costs nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from integrity.algorithms import ALL, FOR_PARTS, USUAL, Algorithm
from integrity.checksums import ChecksumType, type_of
from integrity.values import plain_value

if TYPE_CHECKING:
    from integrity.evidence.statements import Statement


@plain_value
class Demand:
    """The digests to compute: of the whole object, and of each part of every layout that is known."""

    whole: frozenset[Algorithm] = USUAL
    parts: frozenset[Algorithm] = FOR_PARTS

    @classmethod
    def of(cls, said: Statement, left_out: frozenset[Algorithm] = frozenset()) -> Self:
        """Return the usual digests and those that are stated besides, without what the task leaves out.

        A checksum whose type is not told may be one of the whole object, and is read as such.
        """
        whole, parts = set(USUAL), set(FOR_PARTS)
        for name, text in said.checksums.items():
            if name in ALL:
                is_composite = type_of(name, text, said.checksum_type) is ChecksumType.COMPOSITE
                (parts if is_composite else whole).add(Algorithm(name))
        return cls(frozenset(whole - left_out), frozenset(parts - left_out))
