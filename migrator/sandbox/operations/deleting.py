"""DeleteObject and DeleteObjects."""

from __future__ import annotations

from migrator.sandbox.call import Call
from migrator.sandbox.conditions import check_delete
from migrator.sandbox.errors import S3Error
from migrator.sandbox.markup import document, parse, text_of
from migrator.sandbox.messages import Answer, xml_answer


async def delete_object(call: Call) -> Answer:
    version_id = call.query("versionId")
    return Answer(204, _delete(call, call.key, version_id, dict(call.request.headers)))


def _delete(call: Call, key: str, version_id: str, conditions: dict[str, str]) -> dict[str, str]:
    """Delete one key or version, and the headers that say what happened."""
    bucket = call.bucket()
    index = call.store.index
    current = index.version(bucket.name, key, version_id) if version_id else call.store.current(bucket.name, key)
    check_delete(conditions, current)
    touched = call.store.delete(bucket, key, version_id or None)
    if touched is None:
        return {"x-amz-version-id": version_id} if version_id else {}
    headers = {"x-amz-version-id": touched.version_id}
    if touched.is_marker:
        headers["x-amz-delete-marker"] = "true"
    return headers


async def delete_objects(call: Call) -> Answer:
    tree = parse(await call.payload.document(needs_digest=True), "Delete")
    entries = tree.findall("Object")
    if not entries or len(entries) > 1000:
        raise S3Error("MalformedXML")
    deleted: list[dict[str, object]] = []
    errors: list[dict[str, object]] = []
    for entry in entries:
        key, version_id = text_of(entry, "Key"), text_of(entry, "VersionId")
        conditions = {
            header: text_of(entry, name)
            for header, name in (
                ("if-match", "ETag"),
                ("x-amz-if-match-last-modified-time", "LastModifiedTime"),
                ("x-amz-if-match-size", "Size"),
            )
            if text_of(entry, name)
        }
        try:
            headers = _delete(call, key, version_id, conditions)
        except S3Error as exc:
            errors.append({"Key": key, "VersionId": version_id or None, "Code": exc.code, "Message": exc.message})
            continue
        deleted.append(_deleted(key, version_id, headers))
    if text_of(tree, "Quiet") == "true":
        deleted = []
    return xml_answer(document("DeleteResult", {"Deleted": deleted, "Error": errors}))


def _deleted(key: str, version_id: str, headers: dict[str, str]) -> dict[str, object]:
    is_marker = "x-amz-delete-marker" in headers
    return {
        "Key": key,
        "VersionId": version_id or None,
        "DeleteMarker": True if is_marker else None,
        "DeleteMarkerVersionId": headers["x-amz-version-id"] if is_marker else None,
    }
