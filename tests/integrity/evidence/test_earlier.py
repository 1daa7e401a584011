"""What both stores state now against what was computed when an earlier record was made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrity.checksums import composite
from integrity.digests import digest_of
from integrity.etags import multipart_etag
from integrity.evidence import (
    CheckName,
    Earlier,
    Encryption,
    Origin,
    Outcome,
    Reason,
    dest_checks_since,
    source_checks_since,
)
from tests.integrity.evidence.facts import (
    DATA,
    DIGESTS,
    MD5,
    PARTS,
    PROVEN,
    SIZE,
    UNKNOWN,
    only,
    outcome,
    planned,
    said,
)

THEN = "2025-12-31T23:59:59.000000Z"
MODIFIED = "2025-12-01T10:00:00.000000Z"
IN_PARTS = multipart_etag(DIGESTS.part_md5s(PARTS) or ())
CRCS = composite("CRC32", DIGESTS.part_raws(PARTS, "CRC32") or ())
HELD = said(Origin.HEAD, last_modified=MODIFIED)
EARLIER = Earlier(
    record="7f3c2f0e-0000-4000-8000-000000000001",
    at=THEN,
    digests=digest_of(DATA),
    source=said(last_modified=MODIFIED),
    dest=HELD,
    calculated_etag=IN_PARTS,
    part_count=PARTS.count,
    made_of_parts=frozenset({IN_PARTS, CRCS}),
)


def source(now=HELD, earlier=EARLIER, profile=PROVEN, **plan: object):  # type: ignore[no-untyped-def]
    etag = plan.pop("etag", now.etag or "")
    return source_checks_since(earlier, planned(etag, **plan), now, profile, attempt=2)


def dest(after=HELD, earlier=EARLIER, profile=PROVEN, first=None):  # type: ignore[no-untyped-def]
    return dest_checks_since(earlier, first or after, after, profile, attempt=2)


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"etag": MD5}, True),
        ({"etag": f'"{"0" * 32}"'}, False),
        ({"etag": None}, False),
        ({"size": SIZE + 1}, False),
        ({"size": None}, True),
        ({"last_modified": "2025-12-01T10:00:00.500000Z"}, True),
        ({"last_modified": "2025-12-01T10:00:01.000000Z"}, False),
        ({"last_modified": ""}, True),
    ],
)
def test_a_record_covers_the_very_object_that_was_read(changes: dict[str, object], covered: bool) -> None:
    assert EARLIER.covers(replace(HELD, **changes)) is covered  # type: ignore[arg-type]


def test_a_version_tells_objects_apart_also_where_no_etag_does() -> None:
    one = replace(EARLIER, source=said(etag=None, version_id="v1"))

    assert one.covers(said(etag=None, version_id="v1"))
    assert not one.covers(said(etag=None, version_id="v2"))


def test_what_only_one_of_two_replies_states_tells_nothing_apart() -> None:
    one = replace(EARLIER, source=said(etag=None, version_id="v1"))

    assert one.covers(said(version_id="v1"))


def test_the_source_that_was_read_then_matches_as_of_then() -> None:
    checks = source()

    assert outcome(checks, CheckName.SOURCE_ETAG) is Outcome.MATCH
    assert outcome(checks, CheckName.READ_LENGTH) is Outcome.MATCH
    assert only(checks, CheckName.READ_LENGTH).at == THEN
    assert only(checks, CheckName.SOURCE_SIZE).attempt == 2


def test_what_is_said_belongs_to_the_first_attempt_unless_it_is_said() -> None:
    checks = (
        *source_checks_since(EARLIER, planned(HELD.etag or ""), HELD, PROVEN),
        *dest_checks_since(EARLIER, HELD, HELD, PROVEN),
    )

    assert {check.attempt for check in checks} == {1}


def test_the_identity_of_then_is_that_of_now() -> None:
    check = only(source(), CheckName.SOURCE_UNCHANGED)

    assert (check.outcome, check.expected, check.observed) == (Outcome.MATCH, f"etag {MD5}", f"etag {MD5}")
    assert (check.at, check.request_id, check.attempt) == (HELD.at, HELD.request_id, 2)


def test_a_version_is_the_identity_where_both_name_one() -> None:
    versioned = replace(EARLIER, source=said(version_id="v1"))

    check = only(source(replace(HELD, version_id="v1"), versioned), CheckName.SOURCE_UNCHANGED)

    assert (check.outcome, check.observed) == (Outcome.MATCH, "version v1")


@pytest.mark.parametrize(("before", "now"), [("v1", ""), ("", "v1")])
def test_a_version_that_only_one_names_is_no_identity(before: str, now: str) -> None:
    versioned = replace(EARLIER, source=said(version_id=before))

    check = only(source(replace(HELD, version_id=now), versioned), CheckName.SOURCE_UNCHANGED)

    assert (check.outcome, check.observed) == (Outcome.MATCH, f"etag {MD5}")


def test_words_for_an_identity_are_of_what_is_stated() -> None:
    versioned = replace(EARLIER, source=said(etag=None, version_id="v1"))

    check = only(source(said(Origin.HEAD, version_id="v2"), versioned), CheckName.SOURCE_UNCHANGED)

    assert (check.expected, check.observed) == ("version v1", f"version v2 etag {MD5}")


def test_another_identity_is_not_judged_without_reading() -> None:
    now = replace(HELD, version_id="v2", last_modified="2026-01-01T00:00:00.000000Z")

    check = only(source(now), CheckName.SOURCE_UNCHANGED)

    assert (check.outcome, check.reason) == (Outcome.NOT_COMPARABLE, Reason.NOT_REQUESTED)
    assert check.expected == f"etag {MD5} modified 2025-12-01T10:00:00"
    assert check.observed == f"version v2 etag {MD5} modified 2026-01-01T00:00:00"
    assert (check.at, check.attempt) == (now.at, 2)


def test_without_etag_and_version_nothing_names_the_object() -> None:
    check = only(source(replace(HELD, etag=None), etag=""), CheckName.SOURCE_UNCHANGED)

    assert (check.reason, check.at, check.attempt) == (Reason.ETAG_ABSENT, HELD.at, 2)


def test_an_if_match_that_nobody_sent_shows_nothing() -> None:
    gone = replace(EARLIER, source=replace(EARLIER.source, etag=f'"{"0" * 32}"'))

    assert outcome(source(earlier=gone), CheckName.SOURCE_UNCHANGED) is Reason.NOT_REQUESTED


def test_an_etag_of_parts_is_the_one_computed_then() -> None:
    now = replace(HELD, etag=f'"{IN_PARTS}"')

    check = only(source(now, replace(EARLIER, source=now)), CheckName.SOURCE_ETAG)

    assert (check.outcome, check.reason, check.expected, check.observed) == (Outcome.MATCH, None, IN_PARTS, IN_PARTS)


def test_an_etag_that_is_none_of_parts_stays_so_whatever_was_computed_then() -> None:
    now = replace(HELD, etag=f'"{IN_PARTS}"', encryption=Encryption.SSE_KMS)

    assert outcome(source(now, replace(EARLIER, source=now)), CheckName.SOURCE_ETAG) is Reason.SSE_KMS


def test_an_etag_of_parts_that_was_never_computed_stays_unknown() -> None:
    now = replace(HELD, etag=f'"{"0" * 32}-5"')

    assert outcome(source(now), CheckName.SOURCE_ETAG) is Reason.LAYOUT_UNKNOWN


@pytest.mark.parametrize("text", [CRCS, CRCS.rpartition("-")[0]])
def test_a_composite_of_then_agrees_with_or_without_its_count(text: str) -> None:
    now = replace(HELD, etag=f'"{IN_PARTS}"', checksums={"CRC32": text}, checksum_type="COMPOSITE")

    check = only(source(now), CheckName.SOURCE_CHECKSUM)

    assert (check.outcome, check.expected, check.observed) == (Outcome.MATCH, CRCS, CRCS)


def test_a_destination_that_is_proven_matches_the_digests_of_then() -> None:
    checks = dest()

    assert outcome(checks, CheckName.DEST_ETAG) is Outcome.MATCH
    assert outcome(checks, CheckName.DEST_SIZE) is Outcome.MATCH
    assert only(checks, CheckName.DEST_SIZE).attempt == 2


def test_the_object_confirmed_then_is_the_one_that_is_there() -> None:
    check = only(dest(), CheckName.DEST_IDENTITY)

    assert (check.outcome, check.observed, check.attempt) == (Outcome.MATCH, f"etag {MD5}", 2)


def test_an_object_that_took_the_place_of_the_confirmed_one_stays_unproven() -> None:
    later = replace(HELD, last_modified="2026-01-01T00:00:00.000000Z")

    assert outcome(dest(later), CheckName.DEST_IDENTITY) is Reason.NOT_REQUESTED
    assert outcome(dest(later), CheckName.DEST_ETAG) is Outcome.MATCH


def test_an_object_that_changes_between_two_looks_is_a_mismatch() -> None:
    first = replace(HELD, etag=f'"{"0" * 32}"')

    assert outcome(dest(first=first), CheckName.DEST_IDENTITY) is Outcome.MISMATCH


@pytest.mark.parametrize(("profile", "found"), [(PROVEN, Outcome.MATCH), (UNKNOWN, Reason.STORE_UNPROVEN)])
def test_an_etag_of_parts_counts_at_the_destination_only_of_a_proven_store(profile, found) -> None:  # type: ignore[no-untyped-def]
    after = replace(HELD, etag=f'"{IN_PARTS}"')

    check = only(dest(after, profile=profile), CheckName.DEST_ETAG)

    assert (check.reason or check.outcome, check.expected, check.observed) == (found, IN_PARTS, IN_PARTS)


@pytest.mark.parametrize(
    ("algorithms", "found"),
    [({}, Reason.STORE_UNPROVEN), (PROVEN.checksums, Outcome.MATCH)],
    ids=["unproven", "proven"],
)
def test_a_composite_counts_at_the_destination_only_if_its_algorithm_is_proven(algorithms, found) -> None:  # type: ignore[no-untyped-def]
    after = replace(HELD, etag=f'"{IN_PARTS}"', checksums={"CRC32": CRCS}, checksum_type="COMPOSITE")

    check = only(dest(after, profile=replace(PROVEN, checksums=algorithms)), CheckName.DEST_CHECKSUM)

    assert (check.reason or check.outcome, check.expected) == (found, CRCS)
