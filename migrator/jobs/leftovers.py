"""Multipart uploads that are open and nobody sends to them: continued or aborted. Only ids we know, never others."""

from __future__ import annotations

import uuid
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.db.models import F
from django.utils import timezone

from migrator.credentials import CredentialsUnreadable
from migrator.engine.copying import KeptUpload
from migrator.engine.errors import EngineError
from migrator.jobs.sides import copy_options, store_of
from migrator.models import OpenUpload, Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from migrator.engine.planning import Item
    from migrator.models import Batch

_UPLOADS_A_ROUND = 100
_AGAIN_AFTER = timedelta(minutes=10)

log = structlog.get_logger(__name__)


def kept_uploads(run: Run, batch: Batch, pending: Iterable[Item]) -> Mapping[str, Sequence[KeptUpload]]:
    """Return what an attempt at this batch may go on with: the open uploads by the key they are to make.

    What earlier attempts left of other objects, or of small ones, is aborted.
    """
    earlier = OpenUpload.objects.filter(run=run, batch_number=batch.number, batch_attempt__lt=batch.attempt)
    found = list(earlier.select_related("connection"))
    if not found:
        return {}
    worth = copy_options(run).keep_above
    large = {item.dest_key for item in pending if item.size > worth}
    kept: dict[str, list[KeptUpload]] = defaultdict(list)
    for upload in found:
        if upload.dest_key in large:
            kept[upload.dest_key].append(KeptUpload(upload.upload_id, upload.purpose))
        else:
            _abort(upload)
    return kept


def abort_leftovers(run: Run, batch: Batch) -> None:
    """Abort what is still open of a batch that is settled."""
    for upload in OpenUpload.objects.filter(run=run, batch_number=batch.number).select_related("connection"):
        _abort(upload)


def sweep() -> None:
    """Abort uploads whose run has ended. Where one cannot be, nothing is asked of its connection for a while.

    A worker waits long for a store that is away, and must have time for the others.
    """
    ended = OpenUpload.objects.filter(run__state__in=Run.ENDED).select_related("connection")
    in_vain = ended.filter(tried_at__gt=timezone.now() - _AGAIN_AFTER).values("connection")
    due = ended.exclude(connection__in=in_vain).order_by(F("tried_at").asc(nulls_first=True))
    left_alone = set[uuid.UUID]()
    for upload in due[:_UPLOADS_A_ROUND]:
        if upload.connection_id in left_alone:
            continue
        OpenUpload.objects.filter(pk=upload.pk).update(tried_at=timezone.now())
        if not _abort(upload, rounds=1):
            left_alone.add(upload.connection_id)


def _abort(upload: OpenUpload, rounds: int = 5) -> bool:
    """Abort one, and forget it where it is gone. A store that is away keeps nothing else from being done."""
    try:
        gone = store_of(upload.connection).abort_until_gone(
            upload.bucket, upload.dest_key, upload.upload_id, rounds=rounds
        )
    except (EngineError, CredentialsUnreadable) as exc:
        log.warning("upload_not_aborted", upload=upload.pk, error=type(exc).__name__)
        return False
    if gone:
        upload.delete()
    return gone
