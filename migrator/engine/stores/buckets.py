"""What is asked of a bucket: its listings, and whether it is there."""

from __future__ import annotations

from collections.abc import Mapping

from migrator.engine.errors import AccessDenied, NotSupported, UnknownAnswer
from migrator.engine.messages import ListPage, VersionPage, headers_of, rows_of
from migrator.engine.pages import page_of, version_page_of
from migrator.engine.requests import LIST, LIST_VERSIONS, Operation, list_request, list_versions_request
from migrator.engine.stores.asking import Asking


class BucketVerbs(Asking):
    """Buckets of one endpoint."""

    def list_page(
        self,
        bucket: str,
        prefix: str,
        *,
        token: str = "",
        start_after: str = "",
        most_keys: int = 1000,
        coded: bool = True,
        is_slow: bool = False,
        repeat: bool = True,
    ) -> ListPage:
        """One page of ListObjectsV2, keys decoded where they are asked for `coded`. Safe to repeat.

        `is_slow`: it is waited for as long as a store takes that walks over a million delete markers before it.
        """
        asked = self.asked(LIST, bucket)
        request = list_request(
            bucket,
            prefix,
            token=token,
            start_after=start_after,
            most_keys=most_keys,
            coded=coded,
            is_slow=is_slow,
        )
        return self._patiently(asked, lambda: page_of(self._answer(request, asked).body), repeat=repeat)

    def list_version_page(
        self,
        bucket: str,
        prefix: str,
        *,
        key_marker: str = "",
        version_marker: str = "",
        most_keys: int = 1000,
        repeat: bool = True,
    ) -> VersionPage:
        """One page of ListObjectVersions, keys decoded. Safe to repeat."""
        asked = self.asked(LIST_VERSIONS, bucket)
        request = list_versions_request(
            bucket,
            prefix,
            key_marker=key_marker,
            version_marker=version_marker,
            most_keys=most_keys,
        )
        return self._patiently(asked, lambda: version_page_of(self._answer(request, asked).body), repeat=repeat)

    def keeps_versions(self, bucket: str) -> bool:
        """Say whether a write to this bucket keeps what was there: versioning is on, and not suspended."""
        asked = self.asked(Operation("GetBucketVersioning", "ask for the versioning", "s3:GetBucketVersioning"), bucket)
        try:
            return self._call(asked, "get_bucket_versioning", {"Bucket": bucket}).get("Status") == "Enabled"
        except NotSupported:
            # Who does not know the question has no versions either.
            return False

    def list_buckets(self) -> tuple[str, ...]:
        """The names of the buckets these keys may see."""
        asked = self.asked(Operation("ListBuckets", "list the buckets", "s3:ListAllMyBuckets"), "")
        reply = self._call(asked, "list_buckets", {})
        return tuple(str(row["Name"]) for row in rows_of(reply, "Buckets") if row.get("Name"))

    def head_bucket(self, bucket: str) -> Mapping[str, str]:
        """Say that the bucket is there and ours to see; returns the reply's headers (`date`, region)."""
        asked = self.asked(Operation("HeadBucket", "list", "s3:ListBucket"), bucket)
        try:
            return headers_of(self._call(asked, "head_bucket", {"Bucket": bucket}))
        except (AccessDenied, UnknownAnswer):
            self._raise_what_is_behind(bucket)
            raise
