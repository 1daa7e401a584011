"""What is publicly known of a store's limits before it was asked: a first guess by the host's name.

Pure data. The probe refines it and the profile keeps it; a host that is not here gets the limits of AWS.
"""

from __future__ import annotations

from dataclasses import dataclass

from integrity.layouts import MIB, TIB, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """The limits of all endpoints whose host ends so, and who says so in public."""

    host: str
    limits: Limits
    source: str


PRIORS = (
    Prior(
        host="r2.cloudflarestorage.com",
        limits=Limits(equal_parts=True, largest_object=5 * TIB),
        source="Cloudflare R2 docs, Upload objects: parts of one size but for the last, objects up to 5 TiB",
    ),
    Prior(
        host="scw.cloud",
        limits=Limits(most_parts=1_000, largest_part=5_000_000_000, largest_object=5_000_000_000_000),
        source="Scaleway docs, Managing multipart uploads: 1 to 1,000 parts, up to 5 GB each, objects up to 5 TB",
    ),
    Prior(
        host="storjshare.io",
        limits=Limits(smallest_part=64 * MIB),
        source="rclone docs, S3, Storj: parts of 64 MiB or more",
    ),
)


def limits_of(host: str) -> Limits:
    """Return the limits that are publicly known for a host name, those of AWS where nothing is."""
    name = host.lower().rstrip(".")
    found = (prior.limits for prior in PRIORS if name == prior.host or name.endswith(f".{prior.host}"))
    return next(found, Limits())
