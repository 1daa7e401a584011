"""One S3 operation in progress."""

from __future__ import annotations

from dataclasses import dataclass

from migrator.sandbox.access import AccessKey
from migrator.sandbox.errors import S3Error
from migrator.sandbox.faults import Strike
from migrator.sandbox.messages import Request
from migrator.sandbox.payload import Payload
from migrator.sandbox.rows import Bucket, Version
from migrator.sandbox.store import Store
from migrator.sandbox.traits import Traits


@dataclass(slots=True)
class Call:
    """What an operation needs to know. strike: the fault that hits this call, if any."""

    operation: str
    bucket_name: str
    key: str
    part: int | None
    request: Request
    payload: Payload
    access: AccessKey
    store: Store
    region: str
    strike: Strike | None = None

    @property
    def owner(self) -> str:
        """The account that asks."""
        return self.access.owner

    @property
    def traits(self) -> Traits:
        return self.store.traits

    def header(self, name: str) -> str:
        return self.request.headers.get(name, "")

    def query(self, name: str) -> str:
        return self.request.query.get(name, "")

    def bucket(self) -> Bucket:
        expected = self.header("x-amz-expected-bucket-owner")
        if expected and expected != self.owner:
            raise S3Error("AccessDenied")
        return self.store.bucket(self.bucket_name, self.owner)

    def version(self) -> Version:
        return self.store.find(self.bucket_name, self.key, self.request.query.get("versionId"))

    def check(self, operation: str, bucket: str, key: str) -> None:
        """AccessDenied unless this access key may do that."""
        self.access.check(operation, bucket, key)

    def struck(self, action: str) -> Strike | None:
        """The strike, if it is of that action."""
        return self.strike if self.strike is not None and self.strike.action == action else None

    def number(self, name: str, usual: int, most: int) -> int:
        """A whole number from the query, cut at most; InvalidArgument for anything else."""
        text = self.query(name)
        if not text:
            return min(usual, most)
        if not text.isdecimal() or int(text) > 2**31 - 1:
            raise S3Error("InvalidArgument", f"Provided {name} not an integer or within integer range")
        return min(int(text), most)
