"""GetObjectAttributes."""

from __future__ import annotations

from migrator.sandbox.call import Call
from migrator.sandbox.errors import S3Error
from migrator.sandbox.markup import document, http_time
from migrator.sandbox.messages import Answer, xml_answer
from migrator.sandbox.operations.described import check_customer_key, version_headers
from migrator.sandbox.operations.reading import get_object
from migrator.sandbox.rows import Facts, Version

_KNOWN = frozenset({"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"})


async def get_object_attributes(call: Call) -> Answer:
    if call.traits.attributes == "object":
        return await get_object(call)
    if call.traits.attributes == "not_supported":
        raise S3Error("NotImplemented")
    version = call.version()
    check_customer_key(call, version)
    asked = {name.strip() for name in call.header("x-amz-object-attributes").split(",")} - {""}
    if not asked or not asked <= _KNOWN:
        raise S3Error("InvalidArgument", "Invalid attribute name specified.")
    tree: dict[str, object] = {
        "ETag": version.etag if "ETag" in asked else None,
        "Checksum": _checksum(version.facts) if "Checksum" in asked and version.facts.checksums else None,
        "ObjectParts": _parts(call, version) if "ObjectParts" in asked and version.facts.parts else None,
        "StorageClass": call.store.storage_class(version) if "StorageClass" in asked else None,
        "ObjectSize": version.size if "ObjectSize" in asked else None,
    }
    headers = {"Last-Modified": http_time(version.modified), **version_headers(call, version)}
    return xml_answer(document("GetObjectAttributesResponse", tree), headers=headers)


def _checksum(facts: Facts) -> dict[str, object]:
    values = {f"Checksum{name}": text for name, text in facts.checksums.items()}
    return {**values, "ChecksumType": facts.checksum_type}


def _parts(call: Call, version: Version) -> dict[str, object]:
    """The parts, listed one by one only where the client chose a checksum, as AWS does."""
    facts = version.facts
    if not facts.is_named and call.traits.attributes_parts == "named":
        return {"PartsCount": len(facts.parts)}
    marker, most = int(call.header("x-amz-part-number-marker") or 0), int(call.header("x-amz-max-parts") or 1000)
    left = [part for part in facts.parts if part.number > marker]
    shown = left[:most]
    algorithm = next(iter(facts.checksums), "")
    return {
        "PartsCount": len(facts.parts),
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1].number if shown else marker,
        "MaxParts": most,
        "IsTruncated": len(shown) < len(left),
        "Part": [
            {
                "PartNumber": part.number,
                "Size": part.size,
                **({f"Checksum{algorithm}": part.checksum} if part.checksum else {}),
            }
            for part in shown
        ],
    }
