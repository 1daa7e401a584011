"""Statements of today against what an earlier run computed: nothing is read, nothing passes that was not shown."""

from __future__ import annotations

import os
from dataclasses import replace

from integrity.evidence import CheckName, Earlier
from integrity.verdicts import Policy, PolicyName
from migrator.engine.verifying import Depth
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, SOURCE, Settled, TwoStores

BODY = os.urandom(100_000)
FLIPPED = BODY[:50_000] + bytes([BODY[50_000] ^ 1]) + BODY[50_001:]
THEN = "2026-01-02T03:04:05Z"


def earlier(settled: Settled) -> Earlier:
    """What the record of a finding would hold."""
    finding = settled.finding
    assert finding.source is not None
    assert finding.dest is not None
    assert finding.digests is not None
    ours = {check.expected for check in finding.checks if check.name in (CheckName.SOURCE_ETAG, CheckName.DEST_ETAG)}
    return Earlier(
        record="00000000-0000-0000-0000-000000000007",
        at=THEN,
        digests=replace(finding.digests, parts={}),
        source=finding.source,
        dest=finding.dest,
        calculated_etag=finding.calculated_etag,
        made_of_parts=frozenset(value for value in ours if value and "-" in value),
    )


def copied(pair: TwoStores, **described: object) -> Earlier:
    """Copy the photo once, as an earlier run did."""
    pair.seed("photo", BODY, **described)
    return earlier(pair.copy_items(pair.begin())["photo"])


def since(pair: TwoStores, then: Earlier, depth: Depth = Depth.STATEMENTS, **options: object) -> Settled:
    """Compare today, and check that no body was read unless the finding says so."""
    pair.source.clear_log()
    pair.dest.clear_log()
    settled = pair.verify_items(pair.items(), depth, earlier={0: then}, **options)["photo"]
    if settled.finding.earlier is not None:
        assert "GetObject" not in {entry.operation for sandbox in (pair.source, pair.dest) for entry in sandbox.log}
        assert settled.finding.digests is None
    return settled


def test_statements_that_agree_with_what_was_computed_then_verify(two_stores: Make) -> None:
    pair = two_stores()

    settled = since(pair, copied(pair))

    assert (settled.verdict, settled.grades) == ("verified", "S3/D3")
    assert settled.finding.earlier is not None
    assert settled.finding.bytes_read == 0


def test_the_number_of_bytes_is_that_of_then(two_stores: Make) -> None:
    pair = two_stores()

    checks = since(pair, copied(pair)).finding.checks

    (length,) = [check for check in checks if check.name is CheckName.READ_LENGTH]
    assert (length.observed, length.at, length.origin) == ("100000", THEN, None)


def test_parts_are_compared_with_our_etags_of_then(two_stores: Make) -> None:
    pair = two_stores(source_traits={"checksums": []}, dest_traits={"checksums": []})

    settled = since(pair, copied(pair, part_size=30_000))

    assert (settled.verdict, settled.grades) == ("verified", "S3/D3")
    assert settled.outcome(CheckName.SOURCE_ETAG) == "match"


def test_rotted_bytes_with_an_etag_of_their_own_fail(two_stores: Make) -> None:
    pair = two_stores()
    then = copied(pair)
    pair.dest.seed(DEST, "photo", FLIPPED)

    settled = since(pair, then)

    assert (settled.verdict, settled.code, settled.attempts) == ("failed", "dest_etag_mismatch", ["dest_etag_mismatch"])
    assert settled.notes == ("dest_replaced_since",)


def test_a_destination_that_was_written_anew_is_not_proven_by_its_old_record(two_stores: Make) -> None:
    pair = two_stores()
    then = copied(pair)
    pair.dest.seed(DEST, "photo", BODY, modified=1_900_000_000)

    settled = since(pair, then)

    assert (settled.verdict, settled.reason) == ("unverified", "not_requested")
    assert settled.notes == ("dest_replaced_since",)


def test_a_source_that_was_replaced_sets_the_record_aside(two_stores: Make) -> None:
    pair = two_stores()
    then = copied(pair)
    pair.source.seed(SOURCE, "photo", BODY, modified=1_900_000_000)

    settled = since(pair, then)

    assert (settled.verdict, settled.finding.earlier) == ("unverified", None)
    assert settled.judgement.source_grade <= "S1"
    assert settled.notes == ("source_replaced_since",)


def test_a_replaced_source_that_the_destination_lacks_fails(two_stores: Make) -> None:
    pair = two_stores()
    then = copied(pair)
    pair.source.seed(SOURCE, "photo", FLIPPED)

    settled = since(pair, then)

    assert (settled.verdict, settled.code) == ("failed", "pair_digest_mismatch")


def test_a_store_that_echoes_proves_nothing_by_agreeing(two_stores: Make) -> None:
    echo = {"side": "destination", "operation": "PutObject", "key": "photo", "calls": "all", "action": "echo_digest"}
    pair = two_stores(echo)
    then = copied(pair)
    # The ETag is what we sent, whatever is stored: no negative control was passed.
    pair.dest_profile = replace(pair.dest_profile, etag_single="echo", content_md5="echoes", checksums={})  # type: ignore[arg-type]

    settled = since(pair, then)

    assert (settled.verdict, settled.reason, settled.grades) == ("unverified", "store_unproven", "S3/D1")


def test_parts_that_a_store_merely_echoes_prove_nothing(two_stores: Make) -> None:
    pair = two_stores(source_traits={"checksums": []}, dest_traits={"checksums": [], "small_parts": True})
    then = copied(pair, part_size=30_000)
    pair.dest_profile = replace(pair.dest_profile, content_md5="echoes", etag_multipart="echo")  # type: ignore[arg-type]

    settled = since(pair, then)

    assert then.dest.etag is not None and then.dest.etag.endswith('-4"')  # noqa: PT018
    assert (settled.verdict, settled.reason, settled.grades) == ("unverified", "store_unproven", "S3/D1")


def test_encryption_at_the_source_leaves_nothing_to_compare(two_stores: Make) -> None:
    pair = two_stores(source_traits={"sse": "kms", "default_checksum": ""})

    settled = since(pair, copied(pair))

    assert (settled.verdict, settled.reason, settled.grades) == ("unverified", "sse_kms", "S1/D3")


def test_by_itself_a_comparison_reads_nothing_that_statements_settle(two_stores: Make) -> None:
    pair = two_stores()

    settled = since(pair, copied(pair), Depth.AUTO)

    assert (settled.verdict, settled.grades, settled.finding.bytes_read) == ("verified", "S3/D3", 0)


def test_by_itself_a_comparison_reads_nothing_where_statements_show_a_difference(two_stores: Make) -> None:
    pair = two_stores()
    then = copied(pair)
    pair.dest.seed(DEST, "photo", FLIPPED)

    settled = since(pair, then, Depth.AUTO)

    assert (settled.code, settled.finding.bytes_read) == ("dest_etag_mismatch", 0)


def test_by_itself_a_comparison_reads_both_once_where_nothing_is_known(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", BODY)
    pair.dest.seed(DEST, "photo", BODY)
    planned = pair.begin()

    settled = pair.verify_items(planned, Depth.AUTO)["photo"]

    reads = [[entry.operation for entry in each.log].count("GetObject") for each in (pair.source, pair.dest)]
    assert (settled.verdict, settled.grades, reads) == ("verified", "S3/D4", [1, 1])


def test_by_itself_a_comparison_reads_what_was_written_anew(two_stores: Make) -> None:
    pair = two_stores()
    then = copied(pair)
    pair.dest.seed(DEST, "photo", BODY, part_size=30_000)

    settled = since(pair, then, Depth.AUTO)

    assert (settled.verdict, settled.grades) == ("verified", "S3/D4")
    assert settled.finding.earlier is None


def test_by_itself_a_comparison_under_strict_reads_everything(two_stores: Make) -> None:
    pair = two_stores()

    settled = since(pair, copied(pair), Depth.AUTO, policy=Policy(PolicyName.STRICT))

    assert (settled.verdict, settled.grades, settled.finding.bytes_read) == ("verified", "S3/D4", len(BODY))
