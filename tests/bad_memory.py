"""Memory that changes what it holds, in this very process."""

from __future__ import annotations

import gc

from migrator.engine.buffers import MemoryPart


def change_each_part(*_: object) -> None:
    """Change a byte of whatever waits to be sent; doing it again does not undo it."""
    for each in gc.get_objects():
        if type(each) is MemoryPart and each.body:
            each.body[0] = (each.body[0] + 1) % 256
