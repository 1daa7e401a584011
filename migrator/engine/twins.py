"""Keys that differ only in capitals or in their Unicode form, which many places take for one.

Counted in 4 MiB, whatever the number of keys. A set of as many numbers would take 20 MiB, for each is an object there.
"""

from __future__ import annotations

import unicodedata
from array import array

MOST_KEYS_COMPARED = 200_000

# More than twice as many as there are keys to place: whoever looks for a free one soon finds it.
_PLACES = 1 << 19
_64_BITS = (1 << 64) - 1


class Twins:
    """Counts keys that are alike to an earlier one, among the first 200,000 that are not alike."""

    def __init__(self) -> None:
        self.count = 0
        self.is_complete = True
        self._kept = 0
        # A hash of each key, at the first free place from where it belongs; 0 is a free place.
        self._hashes = array("Q", bytes(8 * _PLACES))

    def look(self, key: str) -> None:
        """Count a key if it is alike to one that was looked at before."""
        if self._kept >= MOST_KEYS_COMPARED:
            self.is_complete = False
            return
        alike = hash(unicodedata.normalize("NFC", key).casefold()) & _64_BITS or 1
        place = alike % _PLACES
        while self._hashes[place] not in (0, alike):
            place = (place + 1) % _PLACES
        if self._hashes[place]:
            self.count += 1
        else:
            self._hashes[place] = alike
            self._kept += 1
