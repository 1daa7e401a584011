"""One S3 endpoint as the engine sees it: a handful of verbs, statements back, one tree of errors.

Objects, parts and listings go over `transport`, the rest through boto3 (`control`), on the same lines. Each method
says what it promises; transient refusals are asked again here (`Patience`), and each one that says "slow down"
halves what may be in flight at this endpoint (`Pace`).
"""

from __future__ import annotations

from migrator.engine.messages import Body, ListedObject, ListedPart, ListedUpload, ListPage, SentPart, WriteHeaders
from migrator.engine.stores.buckets import BucketVerbs
from migrator.engine.stores.objects import ObjectVerbs
from migrator.engine.stores.uploads import UploadVerbs
from migrator.engine.transport import Endpoint

__all__ = [
    "Body",
    "Endpoint",
    "ListPage",
    "ListedObject",
    "ListedPart",
    "ListedUpload",
    "SentPart",
    "Store",
    "WriteHeaders",
]


class Store(BucketVerbs, ObjectVerbs, UploadVerbs):
    """One endpoint with its credentials. Make it once in a process, after the fork; threads may share it."""
