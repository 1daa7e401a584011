from __future__ import annotations

import pytest

from integrity.evidence import Check, CheckName, Outcome, Reason, checks_to_json
from migrator.web.matrix import Row, matrix
from tests.web.conftest import Story
from tests.web.rows import a_record, a_run

pytestmark = pytest.mark.django_db


def row(rows: list[Row], name: str) -> Row:
    return next(each for each in rows if each.name == name)


def test_equal_evidence_stands_side_by_side(story: Story) -> None:
    etag = row(matrix(story.verified), "ETag")

    assert etag.source == etag.dest == etag.computed
    assert etag.source.endswith("(MD5)")
    assert etag.outcome == "match"


def test_a_missing_value_is_empty_and_never_a_match(story: Story) -> None:
    crc = row(matrix(story.verified), "CRC64NVME")

    assert (crc.source, crc.dest, crc.outcome) == ("", "", "")


def test_a_digest_that_the_task_leaves_out_is_marked_so(story: Story) -> None:
    record = story.verified
    record.calculated_md5 = record.calculated_etag = ""
    record.notes = ["md5_left_out"]

    rows = matrix(record)

    assert [each.name for each in rows if each.left_out] == ["ETag", "MD5"]
    assert not row(rows, "MD5").computed


def test_what_was_read_is_never_shown_as_the_size_at_the_destination(story: Story) -> None:
    record = story.verified
    record.dest_size = None

    size = row(matrix(record), "Size")

    assert (size.computed != "", size.dest) == (True, "")


@pytest.mark.parametrize(
    ("name", "title", "expected", "note"),
    [
        (CheckName.STORAGE_CLASS, "Storage class", "GLACIER_IR", "the task asks for GLACIER_IR"),
        (CheckName.STORAGE_CLASS, "Storage class", "STANDARD", ""),
        (CheckName.ENCRYPTION, "Encryption", "aws:kms key-1", "the task asks for aws:kms key-1"),
        (CheckName.ENCRYPTION, "Encryption", "none", ""),
    ],
)
def test_what_a_copy_was_to_be_stored_as_stands_in_its_row(
    story: Story, name: CheckName, title: str, expected: str, note: str
) -> None:
    record = story.verified
    check = Check(name=name, outcome=Outcome.MATCH, expected=expected, observed=expected)
    record.checks = checks_to_json([check])

    assert (row(matrix(record), title).note, row(matrix(record), title).outcome) == (note, "match")


def test_what_could_not_be_compared_says_why(story: Story) -> None:
    etag = row(matrix(story.unverified), "ETag")

    assert (etag.outcome, etag.reason) == ("not_comparable", "SSE-KMS")


def test_a_copy_that_came_in_another_encoding_says_so_in_its_row(story: Story) -> None:
    record = story.verified
    check = Check(
        name=CheckName.DEST_READBACK,
        outcome=Outcome.NOT_COMPARABLE,
        reason=Reason.NOT_SUPPORTED,
        expected="a 3 bytes",
        observed="b 9 bytes",
        algorithm="SHA256",
    )
    record.checks = checks_to_json([check])

    assert row(matrix(record), "SHA-256").reason == "it came in another encoding than it is stored in"


def test_a_checksum_that_only_the_source_states_has_a_row_with_both_values(story: Story) -> None:
    record = story.verified
    record.source_facts = {"checksums": {"SHA1": "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="}}
    check = Check(
        name=CheckName.SOURCE_CHECKSUM,
        outcome=Outcome.MATCH,
        expected="qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        observed="qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        algorithm="SHA1",
    )
    record.checks = [*record.checks, *checks_to_json([check])]

    sha1 = row(matrix(record), "SHA-1")

    assert sha1.source == sha1.computed == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert (sha1.dest, sha1.outcome) == ("", "match")


def test_a_checksum_that_nobody_states_and_nobody_computes_has_no_row(story: Story) -> None:
    names = {each.name for each in matrix(story.verified)}

    assert names.isdisjoint({"SHA-1", "SHA-512", "XXH64", "XXH3", "XXH128", "MD5 as a checksum"})


def test_one_mismatch_outvotes_all_matches(story: Story) -> None:
    assert row(matrix(story.failed), "ETag").outcome == "mismatch"


def test_an_item_that_was_never_read_has_only_what_the_plan_knew(story: Story) -> None:
    denied = a_record(a_run(story.task, "running", planned=1), "2019/closed.bin", "denied")
    rows = matrix(denied)

    assert row(rows, "Size").source
    assert {each.outcome for each in rows} == {""}


@pytest.mark.parametrize(
    ("etag", "kind"),
    [("a" * 32, "MD5"), ("a" * 32 + "-12", "12 parts"), ("a" * 32 + "-1", "1 part"), ("xyz", "opaque")],
)
def test_an_etag_comes_with_its_kind(story: Story, etag: str, kind: str) -> None:
    story.verified.source_etag = etag

    assert row(matrix(story.verified), "ETag").source == f"{etag} ({kind})"
