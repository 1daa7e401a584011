"""Profiles: what is not known counts as the weakest value."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from integrity.evidence import (
    Encryption,
    EtagMeaning,
    Profile,
    Proof,
    learned_meaning,
    profile_from_json,
    profile_to_json,
)
from tests.integrity.evidence.facts import PROVEN, UNKNOWN

MD5, FORMULA = EtagMeaning.MD5, EtagMeaning.FORMULA


def test_a_profile_survives_being_stored() -> None:
    profile = replace(
        PROVEN,
        probed_at="2026-05-04",
        clock_skew_seconds=-3,
        sse_default=Encryption.SSE_KMS,
        metadata=False,
        complete_size=Proof.IGNORES,
        read_after_write_seconds=2,
    )

    stored = json.loads(json.dumps(profile_to_json(profile)))

    assert profile_from_json(stored) == profile


def test_stored_facts_are_plain_words() -> None:
    stored = profile_to_json(PROVEN)

    assert (stored["etag_single"], stored["content_md5"], stored["etag_stable"]) == ("md5", "rejects", True)
    assert stored["checksums"] == {"CRC32": "rejects", "CRC64NVME": "rejects", "SHA256": "rejects"}


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"etag_single": "magic", "content_md5": 7, "sse_default": "rot13", "something": "new"},
        {"checksums": "all", "etag_stable": 1, "if_match_get": "yes", "clock_skew_seconds": True, "probed_at": 5},
        {"checksums": {"CRC32": "perhaps"}, "etag_single": None},
        {"complete_size": True, "read_after_write_seconds": False},
        {"complete_size": "perhaps", "read_after_write_seconds": 0.5},
    ],
)
def test_a_fact_that_is_not_understood_is_unknown(facts: dict[str, object]) -> None:
    assert profile_from_json(facts) == UNKNOWN


def test_facts_that_an_earlier_version_did_not_ask_for_are_unknown() -> None:
    asked = replace(PROVEN, complete_size=Proof.REJECTS, read_after_write_seconds=0, if_match_complete=True)
    stored = profile_to_json(asked)
    del stored["complete_size"], stored["read_after_write_seconds"], stored["if_match_complete"]

    assert profile_from_json(stored) == PROVEN
    assert (PROVEN.complete_size, PROVEN.read_after_write_seconds) == (Proof.UNKNOWN, None)
    assert PROVEN.if_match_complete is None


@pytest.mark.parametrize(
    ("meaning", "control", "proven"),
    [
        (MD5, Proof.REJECTS, True),
        (MD5, Proof.IGNORES, True),
        (MD5, Proof.REFUSES, True),
        (MD5, Proof.ECHOES, False),
        (MD5, Proof.UNKNOWN, False),
        (EtagMeaning.ECHO, Proof.REJECTS, False),
        (EtagMeaning.UNKNOWN, Proof.REJECTS, False),
    ],
)
def test_a_single_etag_is_proven_by_the_negative_control(meaning: EtagMeaning, control: Proof, proven: bool) -> None:
    assert Profile(etag_single=meaning, content_md5=control).proves_single_etag is proven


@pytest.mark.parametrize(
    ("multipart", "single", "control", "proven"),
    [
        (FORMULA, MD5, Proof.IGNORES, True),
        (FORMULA, EtagMeaning.UNKNOWN, Proof.REJECTS, True),
        (FORMULA, EtagMeaning.UNKNOWN, Proof.IGNORES, False),
        (FORMULA, EtagMeaning.ECHO, Proof.IGNORES, False),
        (EtagMeaning.OPAQUE, MD5, Proof.REJECTS, False),
        (EtagMeaning.UNKNOWN, MD5, Proof.REJECTS, False),
    ],
)
def test_a_multipart_etag_is_proven_by_the_negative_control(
    multipart: EtagMeaning, single: EtagMeaning, control: Proof, proven: bool
) -> None:
    profile = Profile(etag_multipart=multipart, etag_single=single, content_md5=control)

    assert profile.proves_multipart_etag is proven


@pytest.mark.parametrize("meaning", EtagMeaning)
def test_the_mark_takes_back_only_that_single_etags_are_md5s(meaning: EtagMeaning) -> None:
    learned = replace(PROVEN, etag_single=meaning)

    marked = learned.with_mixed_etags()

    assert marked == replace(learned, etag_single=EtagMeaning.MIXED if meaning is MD5 else meaning)


def test_what_is_marked_mixed_proves_no_etag_by_itself_and_survives_being_stored() -> None:
    marked = PROVEN.with_mixed_etags()

    assert not marked.proves_single_etag
    assert marked.proves_multipart_etag
    assert profile_to_json(marked)["etag_single"] == "mixed"
    assert profile_from_json(profile_to_json(marked)) == marked


def test_a_checksum_is_proven_by_a_rejected_wrong_one_only() -> None:
    profile = Profile(checksums={"CRC32": Proof.REJECTS, "CRC32C": Proof.ECHOES, "SHA256": Proof.IGNORES})

    assert [profile.proves_checksum(name) for name in ("CRC32", "CRC32C", "SHA256", "CRC64NVME")] == [True] + [
        False
    ] * 3


@pytest.mark.parametrize(
    ("rejected", "left_out", "chosen"),
    [
        (("CRC64NVME", "CRC32"), (), "CRC64NVME"),
        (("CRC64NVME", "CRC32"), ("CRC64NVME",), "CRC32"),
        (("CRC32", "CRC32C", "SHA256"), (), "CRC32"),
        (("CRC64NVME", "CRC32"), ("CRC64NVME", "CRC32"), ""),
        (("CRC32C", "SHA256"), (), ""),
        ((), (), ""),
    ],
)
def test_a_write_carries_a_whole_checksum_that_the_store_is_proven_to_check(
    rejected: tuple[str, ...], left_out: tuple[str, ...], chosen: str
) -> None:
    profile = Profile(checksums=dict.fromkeys(rejected, Proof.REJECTS))

    assert profile.whole_checksum(left_out) == chosen


@pytest.mark.parametrize(
    ("content_md5", "left_out", "sent"),
    [
        (Proof.REJECTS, (), {"SHA256", "MD5", "CRC64NVME"}),
        (Proof.UNKNOWN, (), {"SHA256", "MD5", "CRC64NVME"}),
        (Proof.REFUSES, (), {"SHA256", "CRC64NVME"}),
        (Proof.REJECTS, ("MD5",), {"SHA256", "CRC64NVME"}),
        (Proof.REJECTS, ("CRC64NVME",), {"SHA256", "MD5"}),
    ],
)
def test_what_goes_with_a_write_is_what_the_store_takes_and_the_task_wants(
    content_md5: Proof, left_out: tuple[str, ...], sent: set[str]
) -> None:
    profile = Profile(content_md5=content_md5, checksums={"CRC64NVME": Proof.REJECTS})

    assert profile.digests_sent(left_out) == sent


def test_nothing_is_left_out_of_a_write_unless_it_is_asked_for() -> None:
    profile = Profile(checksums={"CRC32": Proof.REJECTS})

    assert profile.whole_checksum() == "CRC32"
    assert profile.digests_sent() == {"SHA256", "MD5", "CRC32"}


@pytest.mark.parametrize(
    ("equal", "compared", "meaning"),
    [
        (20, 20, MD5),
        (1, 20, MD5),
        (3, 3, MD5),
        (0, 20, EtagMeaning.DISPROVED),
        (0, 19, EtagMeaning.UNKNOWN),
        (0, 0, EtagMeaning.UNKNOWN),
    ],
)
def test_a_sample_shows_what_etags_mean(equal: int, compared: int, meaning: EtagMeaning) -> None:
    assert learned_meaning(equal, compared) is meaning
