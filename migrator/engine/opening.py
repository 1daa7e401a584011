"""Opening an upload: one whose answer is lost stays open and nobody has its id, so it is looked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from migrator.engine.errors import (
    NOTHING_DONE,
    AnswerUnreadable,
    EndpointUnreachable,
    EngineError,
    StoreBusy,
    UploadGone,
)
from migrator.engine.stores import ListedUpload, Store, WriteHeaders

# These may hide an upload that was opened, where others say that nothing was done. What remains is a fault of the
# store's own, which hides one or none.
_LOST = (EndpointUnreachable, AnswerUnreadable)


@dataclass(slots=True)
class Opening:
    """One upload that is being opened: its id, how many answers were lost on the way, and since when."""

    store: Store
    bucket: str
    key: str
    upload_id: str = ""
    _lost: int = 0
    _faults: int = 0
    _began: float = field(default_factory=time.monotonic)

    def open(self, headers: WriteHeaders, algorithm: str) -> str:
        """Create the upload, in several tries where the store is busy, and return its id."""
        tried = 0
        while not self.upload_id:
            tried += 1
            try:
                self.upload_id = self.store.create_upload(
                    self.bucket, self.key, headers=headers, algorithm=algorithm, repeat=False
                )
            except StoreBusy as exc:
                if not isinstance(exc, NOTHING_DONE):
                    self._lost += isinstance(exc, _LOST)
                    self._faults += not isinstance(exc, _LOST)
                if tried >= self.store.patience.tries:
                    raise
                self.store.repeats("CreateMultipartUpload", exc)
                self.store.patience.wait(tried)
        return self.upload_id

    def strays(self) -> Sequence[str] | None:
        """Return the ids of the other uploads that were opened here; None where it cannot be told whose they are.

        Ours are of this key, begun by the same account since our first try (to the second), without a part, and no more
        than the answers that were lost: where there are more, one of them is somebody else's. Where no id came in the
        end, nothing tells our account: then they must be as many, and all begun by one. After a fault of the store's
        own none is taken for ours.
        """
        if not self._lost and not self._faults:
            return ()
        try:
            listed = self.store.uploads_since(self.bucket, self.key, self._began)
            found = [each for each in self._alike(listed) if self._is_empty(each)]
        except EngineError:
            return None
        return [each.upload_id for each in found] if self._are_ours(found) else None

    def _are_ours(self, found: Sequence[ListedUpload]) -> bool:
        if not found:
            return True
        if self.upload_id:
            return not self._faults and len(found) <= self._lost
        return not self._faults and len(found) == self._lost and len({each.initiator for each in found}) == 1

    def _alike(self, listed: Sequence[ListedUpload]) -> Sequence[ListedUpload]:
        """Return the others that were begun by whom ours was begun; all of them where no id came in the end."""
        if not self.upload_id:
            return listed
        own = next((each for each in listed if each.upload_id == self.upload_id), None)
        if own is None:
            raise UploadGone("not listed, though it is open")
        return [each for each in listed if each is not own and each.initiator == own.initiator]

    def _is_empty(self, upload: ListedUpload) -> bool:
        try:
            return not self.store.list_parts(self.bucket, self.key, upload.upload_id)
        except UploadGone:
            return False
