"""Rows 20 to 30: a destination that spoils, cuts, echoes, or says what means nothing."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from integrity.digests import digest_of
from integrity.evidence import CheckName, EtagMeaning, Proof
from integrity.layouts import Layout
from migrator.engine.buffers import Budget, MemoryPart, Room
from migrator.engine.errors import PartNotTaken
from migrator.engine.stores import WriteHeaders
from migrator.engine.uploading import Upload
from migrator.engine.writing import Target
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, TINY_PARTS, TwoStores

BODY = os.urandom(100_000)
PUT = {"side": "destination", "operation": "PutObject", "key": "photo"}
PART = {"side": "destination", "operation": "UploadPart", "key": "film"}
COMPLETE = {"side": "destination", "operation": "CompleteMultipartUpload", "key": "film"}
FILM = {"part_size": 40_000}


def test_row_20_a_store_that_spoils_after_acknowledging_is_at_most_d3(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "corrupt_after_ack"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.grades == "S3/D3"
    assert pair.dest_bytes("photo") != BODY


def test_row_20_reading_back_catches_what_was_spoiled(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "all", "action": "corrupt_after_ack"})
    pair.seed("photo", BODY)

    settled = pair.copy_one(read_back_percent=100)

    assert settled.code == "dest_readback_mismatch"
    assert settled.attempts == ["dest_readback_mismatch"] * 4
    assert "wrong_copy_removed" in settled.notes
    assert pair.dest.keys(DEST) == []


def test_row_20_a_copy_spoiled_once_is_written_again_and_read_back(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "corrupt_after_ack"})
    pair.seed("photo", BODY)

    settled = pair.copy_one(read_back_percent=100)

    assert settled.grades == "S3/D4"
    assert settled.attempts == ["dest_readback_mismatch", ""]


def test_row_21_bytes_spoiled_on_arrival_are_refused_and_sent_again(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "1", "action": "corrupt_before_hash"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.attempts == [""]


def test_row_21_bytes_spoiled_every_time_fail_and_leave_nothing(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "all", "action": "corrupt_before_hash"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "digest_rejected"
    assert settled.attempts == ["digest_rejected"] * 4
    assert pair.dest.keys(DEST) == []


def test_row_21_spoiled_bytes_that_were_stored_are_removed_by_us(two_stores: Make) -> None:
    pair = two_stores(
        {**PUT, "calls": "all", "action": "corrupt_before_hash"},
        dest_traits={"content_md5": "ignores", "payload_sha256": "ignores", "checksums": []},
    )
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "dest_etag_mismatch"
    assert settled.notes == ("wrong_copy_removed",)
    assert pair.dest.keys(DEST) == []


def test_row_22_a_tail_that_was_cut_is_seen_by_head(two_stores: Make) -> None:
    pair = two_stores({**PUT, "calls": "all", "action": "drop_tail", "value": 1})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.code == "dest_size_mismatch"
    assert pair.dest.keys(DEST) == []


@pytest.mark.parametrize(
    ("calls", "attempts"), [("1", ["complete_failed", ""]), ("all", ["complete_failed"] * 4)], ids=["once", "always"]
)
def test_row_22_a_part_whose_tail_was_cut_is_begun_again(two_stores: Make, calls: str, attempts: list[str]) -> None:
    pair = two_stores({**PART, "part": 2, "calls": calls, "action": "drop_tail"}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.attempts == attempts


LOST = {**PART, "part": 2, "calls": "1", "action": "drop_tail"}
UNKNOWN = {**COMPLETE, "calls": "1", "action": "status", "value": {"status": 400, "code": "InvalidRequest"}}
LIST = {"side": "destination", "operation": "ListParts", "key": "film", "calls": "1", "action": "status"}


@pytest.mark.parametrize(
    "faults",
    [[UNKNOWN], [UNKNOWN, {**LIST, "value": 501}], [LOST, {**LIST, "value": 403}]],
    ids=["whole", "501", "403"],
)
def test_row_22_where_no_list_shows_a_loss_the_store_does_not_know_what_it_refuses(
    two_stores: Make, faults: list[dict[str, object]]
) -> None:
    pair = two_stores(*faults, dest_traits={"small_parts": True})
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.attempts == ["dest_config"]


def test_row_22_where_the_upload_is_gone_when_its_parts_are_asked_for_it_is_begun_again(two_stores: Make) -> None:
    gone = {**LIST, "value": {"status": 404, "code": "NoSuchUpload"}}
    pair = two_stores(UNKNOWN, gone, dest_traits={"small_parts": True})
    pair.seed("film", BODY, **FILM)

    assert pair.copy_one(limits=TINY_PARTS).attempts == ["complete_failed", ""]


def test_row_23_a_store_that_echoes_our_digest_proves_nothing(two_stores: Make) -> None:
    pair = two_stores(
        {**PUT, "calls": "1", "action": "corrupt_before_hash"},
        dest_traits={
            "content_md5": "ignores",
            "etag_single": "echo",
            "etag_multipart": "random",
            "payload_sha256": "ignores",
            "checksum_values": "echoes",
            "default_checksum": "",
        },
    )
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert pair.dest_profile.etag_single is EtagMeaning.ECHO
    assert pair.dest_profile.content_md5 is Proof.ECHOES
    assert settled.verdict == "unverified"
    assert settled.reason == "store_unproven"
    assert settled.grades == "S3/D1"
    assert pair.dest_bytes("photo") != BODY


def test_row_23_reading_back_finds_what_the_echo_hid(two_stores: Make) -> None:
    pair = two_stores(
        {**PUT, "calls": "all", "action": "corrupt_before_hash"},
        dest_traits={
            "content_md5": "ignores",
            "etag_single": "echo",
            "etag_multipart": "random",
            "payload_sha256": "ignores",
            "checksum_values": "echoes",
            "default_checksum": "",
        },
    )
    pair.seed("photo", BODY)

    assert pair.copy_one(read_back_percent=100).code == "dest_readback_mismatch"


def test_row_24_a_store_that_ignores_content_md5_is_caught_by_its_etag(two_stores: Make) -> None:
    pair = two_stores(
        {**PUT, "calls": "1", "action": "corrupt_before_hash"},
        dest_traits={"content_md5": "ignores", "payload_sha256": "ignores", "checksums": []},
    )
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert pair.dest_profile.content_md5 is Proof.IGNORES
    assert settled.attempts == ["dest_etag_mismatch", ""]
    assert settled.verdict == "verified"


def test_row_24_a_part_that_was_spoiled_is_sent_again(two_stores: Make) -> None:
    pair = two_stores(
        {**PART, "part": 2, "calls": "1", "action": "corrupt_before_hash"},
        dest_traits={
            "content_md5": "ignores",
            "payload_sha256": "ignores",
            "checksums": [],
            "small_parts": True,
        },
    )
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.verdict == "verified"
    assert settled.attempts == [""]
    assert pair.requests("UploadPart") == 4


def test_row_25_framing_that_was_stored_as_data_is_a_size_mismatch(streamed_stores: Make) -> None:
    framed = "4;chunk-signature=0\r\nbody\r\n0;chunk-signature=0\r\n\r\n"
    etag = hashlib.md5(framed.encode()).hexdigest()
    # It names what it keeps, as if we had sent it so.
    pair = streamed_stores(
        {**PUT, "calls": "1", "action": "etag", "value": etag},
        {**PUT, "operation": "HeadObject", "calls": "1", "action": "overwrite", "value": {"body": framed}},
    )
    pair.seed("photo", b"body")

    settled = pair.copy_one(most_attempts=1)

    assert (settled.code, settled.notes) == ("dest_size_mismatch", ("wrong_copy_removed",))
    assert pair.dest.keys(DEST) == []


def test_row_26_a_part_with_a_wrong_etag_is_sent_again_then_fails(two_stores: Make) -> None:
    pair = two_stores(
        {**PART, "part": 2, "calls": "all", "action": "etag", "value": "0" * 32}, dest_traits={"small_parts": True}
    )
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.attempts == ["part_etag_mismatch"] * 4
    assert settled.outcome(CheckName.PART_ETAGS) == "mismatch"
    assert_sent_and_aborted(pair, 2)


def test_row_26_a_part_with_a_wrong_checksum_is_sent_again_then_fails(two_stores: Make) -> None:
    wrong = {"set": {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}}
    pair = two_stores(
        {**PART, "part": 1, "calls": "all", "action": "header", "value": wrong}, dest_traits={"small_parts": True}
    )
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.attempts == ["part_checksum_mismatch"] * 4
    assert settled.outcome(CheckName.PART_CHECKSUMS) == "mismatch"
    assert_sent_and_aborted(pair, 1)


def test_row_26_a_part_with_a_wrong_checksum_once_is_sent_again(two_stores: Make) -> None:
    wrong = {"set": {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}}
    pair = two_stores(
        {**PART, "part": 1, "calls": "1", "action": "header", "value": wrong}, dest_traits={"small_parts": True}
    )
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.attempts) == ("verified", [""])
    assert pair.requests("UploadPart") == 4


@pytest.mark.parametrize("action", ["empty_200", "html_200", "error_in_200"])
def test_a_part_whose_answer_states_no_etag_is_sent_again(two_stores: Make, action: str) -> None:
    pair = two_stores({**PART, "part": 2, "calls": "1", "action": action}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.grades, settled.attempts) == ("verified", "S3/D3", [""])
    assert pair.requests("UploadPart") == 4


@pytest.mark.parametrize("fault", [PUT, {**PART, "part": 2}], ids=["an object", "a part"])
def test_a_body_that_did_not_arrive_in_time_is_sent_again(two_stores: Make, fault: dict[str, object]) -> None:
    in_its_own_words = {"status": 408, "code": "Timeout"}
    pair = two_stores(
        {**fault, "calls": "1", "action": "status", "value": in_its_own_words}, dest_traits={"small_parts": True}
    )
    pair.seed(str(fault["key"]), BODY, **(FILM if "part" in fault else {}))

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.verdict, settled.attempts) == ("verified", [""])
    (repeat,) = settled.finding.attempts[0].repeats
    assert (repeat.reason, repeat.count) == ("store_error", 1)


def test_parts_that_are_never_answered_with_an_etag_fail_as_what_they_are(two_stores: Make) -> None:
    pair = two_stores({**PART, "part": 2, "calls": "all", "action": "empty_200"}, dest_traits={"small_parts": True})
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert (settled.code, settled.attempts) == ("store_error", ["store_error"] * 4)
    assert "said yes but sent no proof" in settled.finding.error_message
    assert pair.dest.keys(DEST) == []


def test_row_27_a_constant_multipart_etag_from_a_formula_store_is_a_mismatch(two_stores: Make) -> None:
    pair = two_stores(
        {**COMPLETE, "calls": "all", "action": "etag", "value": "d41d8cd98f00b204e9800998ecf8427e-2"},
        dest_traits={"small_parts": True},
    )
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.code == "dest_etag_mismatch"
    assert settled.notes == ("wrong_copy_left",)


def test_row_28_random_multipart_etags_are_no_alarm(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"etag_multipart": "random", "small_parts": True})
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert pair.dest_profile.etag_multipart is EtagMeaning.OPAQUE
    assert settled.outcome(CheckName.DEST_ETAG) == "etag_opaque"
    assert settled.verdict == "verified"
    assert settled.grades == "S3/D3"


def test_row_29_each_leg_is_compared_by_its_own_layout(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one()

    assert settled.verdict == "verified"
    assert settled.outcome(CheckName.PAIR_DIGEST) in {"layouts_differ", "match"}
    assert settled.finding.source_layout != settled.finding.dest_layout


def test_row_29_a_mirrored_layout_gives_equal_etags(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"small_parts": True})
    pair.seed("film", BODY, **FILM)

    settled = pair.copy_one(limits=TINY_PARTS)

    assert settled.finding.source is not None
    assert settled.finding.dest is not None
    assert settled.finding.source.etag == settled.finding.dest.etag
    assert settled.finding.layout_learned == "part_number"


def test_row_30_a_kms_destination_is_proven_by_its_checksum(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"sse": "kms"})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.outcome(CheckName.DEST_ETAG) == "sse_kms"
    assert settled.grades == "S3/D3"


def test_row_30_without_checksums_accepted_digests_decide(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"sse": "kms", "checksums": [], "default_checksum": ""})
    pair.seed("photo", BODY)

    settled = pair.copy_one()

    assert settled.grades == "S3/D2"
    assert settled.verdict == "verified"


def test_a_store_that_refuses_content_md5_is_written_without(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"content_md5": "refuses", "small_parts": True})
    pair.seed("photo", BODY)
    pair.seed("film", BODY, **FILM)

    settled = pair.copy(limits=TINY_PARTS)

    assert {each.verdict for each in settled.values()} == {"verified"}


def test_every_write_carries_its_digests_and_no_framing(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"small_parts": True})
    pair.seed("photo", BODY)
    pair.seed("film", BODY, **FILM)

    pair.copy(limits=TINY_PARTS)

    writes = [entry for entry in pair.dest.log if entry.operation in {"PutObject", "UploadPart"}]
    assert len(writes) == 4
    for entry in writes:
        assert {"content-md5", "x-amz-checksum-crc64nvme", "content-length"} <= set(entry.headers)
        # A part's bytes are signed through its Content-MD5.
        signed = entry.headers["x-amz-content-sha256"]
        assert (len(signed) == 64) if entry.operation == "PutObject" else (signed == "UNSIGNED-PAYLOAD")
        assert "aws-chunked" not in entry.headers.get("content-encoding", "")


def test_a_part_that_comes_after_a_refused_one_gives_back_what_it_holds(two_stores: Make) -> None:
    pair = two_stores({**PART, "part": 1, "calls": "1", "action": "status", "value": 501})
    pair.begin()
    budget, layout = Budget(40), Layout.of([10] * 4)
    digests = digest_of(b"x" * 40, [layout]).parts[layout]
    target = Target(pair.dest_store, DEST, "film", pair.dest_profile, WriteHeaders())
    with ThreadPoolExecutor(1) as pool:
        upload = Upload(target, layout, "", pair.told, pool, [].append, pair.told.should_stop)
        upload.open()
        for digest in digests[:3]:
            upload.add(_part_within(budget), digest, Room(budget, 10))
        last = _part_within(budget)
        with pytest.raises(PartNotTaken):
            upload.add(last, digests[3], Room(budget, 10))
        upload.abort()

    assert budget.try_take(40)


def assert_sent_and_aborted(pair: TwoStores, part: int) -> None:
    """Each of four attempts sent this part four times and completed nothing."""
    assert sum(entry.part == part for entry in pair.dest.log if entry.operation == "UploadPart") == 4 * 4
    assert pair.requests("CreateMultipartUpload") == len(pair.told.closed) == 4
    assert pair.requests("CompleteMultipartUpload") == 0
    assert pair.dest.keys(DEST) == []


def _part_within(budget: Budget) -> MemoryPart:
    budget.take(10, lambda: False)
    part = MemoryPart(10)
    part.write(b"x" * 10)
    return part
