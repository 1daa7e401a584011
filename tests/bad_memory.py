"""Memory that changes what it holds, in this very process; and a disk that does."""

from __future__ import annotations

import gc

from migrator.engine.buffers import MemoryPart, SpooledPart


def change_each_part(*_: object) -> None:
    """Change a byte of whatever waits to be sent; doing it again does not undo it."""
    for each in gc.get_objects():
        if type(each) is MemoryPart and each.body:
            each.body[0] = (each.body[0] + 1) % 256


def change_each_spooled_part(*_: object) -> None:
    """Do the same to what waits on disk."""
    for each in gc.get_objects():
        if type(each) is SpooledPart:
            file = each.body
            changed = (file.read(1)[0] + 1) % 256
            file.seek(0)
            file.write(bytes([changed]))
            file.flush()
