"""What the probes find out, for each kind of store, and what they leave behind."""

from __future__ import annotations

import os

import pytest

from integrity.evidence import Encryption, EtagMeaning, Profile, Proof
from migrator.engine.errors import BucketMissing, CredentialsExpired
from migrator.engine.probing import probe_destination, probe_source, try_connection
from tests.faults.conftest import Make
from tests.faults.two_stores import DEST, SOURCE

PLAIN: dict[str, object] = {"operation": "PutObject", "key": "*/plain"}


def probed(two_stores: Make, **traits: object) -> Profile:
    pair = two_stores(dest_traits=traits)
    profile = probe_destination(pair.dest_store, DEST)
    assert pair.dest.keys(DEST) == []
    assert not pair.dest.open_uploads()
    return profile


def test_a_strict_store_is_proven(two_stores: Make) -> None:
    profile = probed(two_stores)

    assert profile.etag_single is EtagMeaning.MD5
    assert profile.etag_multipart is EtagMeaning.FORMULA
    assert (profile.content_md5, profile.payload_sha256) == (Proof.REJECTS,) * 2
    assert (profile.complete_checksum, profile.complete_size) == (Proof.REJECTS,) * 2
    assert profile.read_after_write_seconds == 0
    assert profile.tagging is True
    assert profile.encoding_type is True
    assert set(profile.checksums.values()) == {Proof.REJECTS}
    assert profile.clock_skew_seconds in {-1, 0, 1}


@pytest.mark.parametrize(
    ("traits", "fact", "value"),
    [
        ({"content_md5": "ignores"}, "content_md5", Proof.IGNORES),
        ({"content_md5": "refuses"}, "content_md5", Proof.REFUSES),
        ({"content_md5": "ignores", "etag_single": "echo"}, "etag_single", EtagMeaning.ECHO),
        ({"etag_single": "opaque"}, "etag_single", EtagMeaning.OPAQUE),
        ({"sse": "kms"}, "etag_single", EtagMeaning.OPAQUE),
        ({"sse": "kms"}, "sse_default", Encryption.SSE_KMS),
        ({"etag_multipart": "random"}, "etag_multipart", EtagMeaning.OPAQUE),
        ({"etag_multipart": "hex"}, "etag_multipart", EtagMeaning.OPAQUE),
        ({"payload_sha256": "ignores"}, "payload_sha256", Proof.IGNORES),
        ({"part_sha256": "ignores"}, "payload_sha256", Proof.IGNORES),
        ({"complete_checksum": "ignores"}, "complete_checksum", Proof.IGNORES),
        # Nothing else is lost by it.
        ({"complete_checksum": "ignores"}, "etag_multipart", EtagMeaning.FORMULA),
        ({"complete_checksum": "ignores"}, "part_number", True),
        ({"complete_size": "ignores"}, "complete_size", Proof.IGNORES),
        # The size goes beside a checksum only.
        ({"checksums": [], "checksum_others": "refused"}, "complete_size", Proof.UNKNOWN),
        ({"etag_stable": False}, "etag_stable", False),
        ({"if_match": "ignored"}, "if_match_get", False),
        ({"if_match_put": "ignored"}, "if_match_put", False),
        ({"if_none_match": "ignored"}, "if_none_match_put", False),
        ({"if_none_match": "ignored"}, "if_none_match_complete", False),
        ({}, "if_none_match_complete", True),
        ({"if_match_put": "ignored"}, "if_match_complete", False),
        ({}, "if_match_complete", True),
        ({"range": "ignored"}, "range_get", False),
        ({"part_number": "ignored"}, "part_number", False),
        ({"part_number": "refused"}, "part_number", False),
        ({"attributes": "not_supported"}, "attributes", False),
        ({"listing_etag": "other"}, "listing_etag", False),
        ({"listing_size": "other"}, "listing_size", False),
        ({"metadata": "dropped"}, "metadata", False),
        ({"versioned": True}, "versioning", True),
        ({"tagging": "not_supported"}, "tagging", False),
        ({"tagging": "refused"}, "tagging", False),
        # What is lost on the way is found by comparing, so it must be looked for.
        ({"tagging": "dropped"}, "tagging", None),
    ],
)
def test_each_dialect_is_found_out(two_stores: Make, traits: dict[str, object], fact: str, value: object) -> None:
    assert getattr(probed(two_stores, **traits), fact) == value


@pytest.mark.parametrize(
    ("traits", "proof"),
    [
        ({"checksum_values": "ignores", "default_checksum": ""}, Proof.IGNORES),
        ({"checksum_values": "echoes", "default_checksum": ""}, Proof.ECHOES),
        ({"checksums": [], "checksum_others": "refused"}, Proof.REFUSES),
    ],
)
def test_a_checksum_that_is_not_rejected_is_not_proven(
    two_stores: Make, traits: dict[str, object], proof: Proof
) -> None:
    profile = probed(two_stores, **traits)

    assert profile.checksums["CRC32"] is proof
    assert not profile.proves_checksum("CRC32")


WRONG_MD5 = ("content_md5", {"operation": "PutObject", "key": "*/wrong-md5"}, 1)
WRONG_PAYLOAD = ("payload_sha256", {"operation": "PutObject", "key": "*/wrong-payload"}, 1)
# After the right one.
WRONG_PART_MD5 = ("content_md5", {"operation": "UploadPart", "key": "*/parts", "part": 2}, 2)
WRONG_PART_PAYLOAD = ("payload_sha256", {"operation": "UploadPart", "key": "*/wrong-part"}, 1)
each_wrong_value = pytest.mark.parametrize(
    ("fact", "wrong", "first"),
    [WRONG_MD5, WRONG_PAYLOAD, WRONG_PART_MD5, WRONG_PART_PAYLOAD],
    ids=["md5", "payload", "part-md5", "part-payload"],
)
UNFAMILIAR = {"action": "status", "value": {"status": 400, "code": "ThisIsNotWhatYouSaid"}}
# What is said where the body is hashed anew for the signature.
OTHER_SIGNATURE = {"action": "status", "value": {"status": 403, "code": "SignatureDoesNotMatch"}}


@each_wrong_value
@pytest.mark.parametrize("answer", [UNFAMILIAR, OTHER_SIGNATURE], ids=["unfamiliar", "signature"])
def test_a_wrong_value_is_rejected_whatever_the_store_calls_it(
    two_stores: Make, fact: str, wrong: dict[str, object], first: int, answer: dict[str, object]
) -> None:
    pair = two_stores()
    # Between the two of them comes the right one.
    pair.dest.plan_faults([{**wrong, **answer, "calls": str(first)}, {**wrong, **answer, "calls": str(first + 2)}])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert getattr(profile, fact) is Proof.REJECTS
    assert profile.proves_single_etag
    assert profile.proves_multipart_etag
    assert profile.if_match_complete is True
    assert pair.dest.keys(DEST) == []
    assert not pair.dest.open_uploads()


@each_wrong_value
@pytest.mark.parametrize("answer", [UNFAMILIAR, OTHER_SIGNATURE], ids=["unfamiliar", "signature"])
def test_a_wrong_value_that_is_refused_as_a_right_one_is_shows_nothing(
    two_stores: Make, fact: str, wrong: dict[str, object], first: int, answer: dict[str, object]
) -> None:
    pair = two_stores()
    pair.dest.plan_faults([{**wrong, **answer, "calls": f"{first}-{first + 1}"}])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert getattr(profile, fact) is Proof.UNKNOWN
    assert profile.if_match_complete is True
    assert not pair.dest.open_uploads()


@pytest.mark.parametrize(
    ("traits", "fact", "wrong", "first"),
    [
        ({"content_md5": "ignores"}, *WRONG_MD5),
        ({"payload_sha256": "ignores"}, *WRONG_PAYLOAD),
        ({"part_sha256": "ignores"}, *WRONG_PART_PAYLOAD),
    ],
)
def test_a_wrong_value_that_is_refused_once_and_taken_then_is_not_rejected(
    two_stores: Make, traits: dict[str, object], fact: str, wrong: dict[str, object], first: int
) -> None:
    pair = two_stores(dest_traits=traits)
    pair.dest.plan_faults([{**wrong, **UNFAMILIAR, "calls": str(first)}])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert getattr(profile, fact) is Proof.UNKNOWN


@each_wrong_value
@pytest.mark.parametrize("busy", ["right", "wrong"])
def test_a_wrong_value_is_not_known_to_be_rejected_where_the_store_was_too_busy_to_tell(
    two_stores: Make, fact: str, wrong: dict[str, object], first: int, busy: str
) -> None:
    pair = two_stores()
    since = first + 1 if busy == "right" else first + 2
    pair.dest.plan_faults(
        [
            {**wrong, **UNFAMILIAR, "calls": str(first)},
            {**wrong, "calls": f"{since}-", "action": "status", "value": 503},
        ]
    )

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert getattr(profile, fact) is Proof.UNKNOWN
    assert not pair.dest.open_uploads()


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "UploadPart"])
def test_a_part_that_could_not_be_asked_for_shows_nothing_of_its_hash(two_stores: Make, operation: str) -> None:
    pair = two_stores(dest_traits={"part_sha256": "ignores"})
    busy = {"operation": operation, "key": "*/wrong-part", "calls": "all", "action": "status", "value": 503}
    pair.dest.plan_faults([busy])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert profile.payload_sha256 is Proof.UNKNOWN
    assert profile.content_md5 is Proof.REJECTS


@pytest.mark.parametrize(
    "busy", [{"operation": "CreateMultipartUpload"}, {"operation": "UploadPart", "part": 2}], ids=["open", "part"]
)
def test_what_could_not_be_asked_of_a_part_is_not_known(two_stores: Make, busy: dict[str, object]) -> None:
    pair = two_stores(dest_traits={"part_checksums": "ignores"})
    pair.dest.plan_faults([{**busy, "key": "*/parts", "calls": "all", "action": "status", "value": 503}])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert profile.content_md5 is Proof.UNKNOWN
    assert set(profile.checksums.values()) == {Proof.UNKNOWN}


def test_what_was_asked_of_a_part_is_known_though_the_store_was_busy_afterwards(two_stores: Make) -> None:
    pair = two_stores()
    complete = {"operation": "CompleteMultipartUpload", "key": "*/parts", "calls": "all"}
    pair.dest.plan_faults([{**complete, "action": "status", "value": 503}])

    profile = probe_destination(pair.dest_store, DEST)

    assert profile.content_md5 is Proof.REJECTS
    assert set(profile.checksums.values()) == {Proof.REJECTS}


@pytest.mark.parametrize("called", ["right-size", "wrong-size"])
def test_a_complete_that_is_refused_whatever_its_size_shows_nothing_of_sizes(two_stores: Make, called: str) -> None:
    pair = two_stores()
    of_the_store = {"status": 400, "code": "InvalidArgument"} if called == "right-size" else {"status": 503}
    complete = {"operation": "CompleteMultipartUpload", "key": f"*/{called}", "calls": "all", "action": "status"}
    pair.dest.plan_faults([{**complete, "value": of_the_store}])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert profile.complete_size is Proof.UNKNOWN
    assert profile.etag_multipart is EtagMeaning.FORMULA
    assert pair.dest.keys(DEST) == []
    assert not pair.dest.open_uploads()


@pytest.mark.parametrize(("coded", "left"), [("%2B", "+"), ("%25", "%"), ("%C3%A9", "&#xFFFD;")])
def test_a_store_that_says_that_its_keys_are_coded_and_leaves_a_sign_is_found_out(
    two_stores: Make, coded: str, left: str
) -> None:
    pair = two_stores()
    spoiled = {"find": coded, "put": left}
    pair.dest.plan_faults([{"operation": "ListObjectsV2", "calls": "all", "action": "xml", "value": spoiled}])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert (profile.encoding_type, profile.listing_etag) == (False, True)


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ({"action": "ignore", "value": "If-Match"}, False),
        ({"action": "status", "value": {"status": 501, "code": "NotImplemented"}}, False),
        ({"action": "status", "value": 503}, None),
    ],
)
def test_that_a_put_honours_if_match_shows_nothing_of_a_complete(
    two_stores: Make, answer: dict[str, object], fact: bool | None
) -> None:
    pair = two_stores()
    complete = {"operation": "CompleteMultipartUpload", "key": "*/plain"}
    pair.dest.plan_faults([{**complete, "calls": "2-", **answer}])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert (profile.if_match_put, profile.if_none_match_complete) == (True, True)
    assert profile.if_match_complete is fact
    assert pair.dest.keys(DEST) == []
    assert not pair.dest.open_uploads()


def test_a_store_that_shows_a_new_object_late_is_waited_for(two_stores: Make) -> None:
    pair = two_stores()
    pair.dest.plan_faults([{**PLAIN, "calls": "1", "action": "late_visible", "value": 60}])
    pair.dest_seconds_ahead = lambda: 60 if pair.requests("HeadObject") > 2 else 0

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert profile.read_after_write_seconds == 1
    assert (profile.metadata, profile.listing_etag) == (True, True)


def test_an_object_that_is_not_listed_is_not_yet_shown(two_stores: Make) -> None:
    pair = two_stores()
    other = {"find": "plain</Key>", "put": "plain-</Key>"}
    pair.dest.plan_faults([{"operation": "ListObjectsV2", "calls": "1-2", "action": "xml", "value": other}])

    assert probe_destination(pair.dest_store, DEST).read_after_write_seconds == 1
    assert not pair.dest.unfired


def test_how_soon_an_object_shows_that_never_does_stays_unknown(two_stores: Make) -> None:
    pair = two_stores()
    pair.dest.plan_faults([{**PLAIN, "calls": "all", "action": "late_visible", "value": 3600}])

    profile = probe_destination(pair.dest_store, DEST)

    assert profile.read_after_write_seconds is None
    assert profile.content_md5 is Proof.REJECTS
    assert pair.requests("HeadObject") < 20
    assert pair.dest.keys(DEST) == []


def test_where_nothing_may_be_listed_nobody_knows_how_soon_an_object_shows(two_stores: Make) -> None:
    pair = two_stores()
    pair.dest.plan_faults([{"operation": "ListObjectsV2", "calls": "all", "action": "status", "value": 403}])

    profile = probe_destination(pair.dest_store, DEST)

    assert profile.read_after_write_seconds is None
    assert profile.metadata is True


@pytest.mark.parametrize("action", ["empty_200", "html_200"])
def test_a_store_that_does_not_answer_for_tags_is_not_asked_for_each_object(two_stores: Make, action: str) -> None:
    pair = two_stores()
    pair.seed("a", b"body")
    pair.source.plan_faults([{"operation": "GetObjectTagging", "calls": "all", "action": action}])

    assert probe_source(pair.source_store, SOURCE).tagging is False


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ("GetObjectTagging", 403),
        ("GetObjectTagging", 404),
        # It has taken tags and lost them.
        ("GetObjectTagging", {"status": 404, "code": "NoSuchTagSet"}),
        ("GetObjectTagging", 500),
        ("PutObject", 403),
        ("PutObject", 500),
    ],
)
def test_a_destination_that_says_nothing_clear_of_tags_is_asked_for_each_object(
    two_stores: Make, operation: str, status: object
) -> None:
    pair = two_stores()
    refused = {"operation": operation, "key": "*/tagged", "calls": "all", "action": "status", "value": status}
    pair.dest.plan_faults([refused])

    profile = probe_destination(pair.dest_store, DEST)

    assert not pair.dest.unfired
    assert profile.tagging is None
    assert profile.content_md5 is Proof.REJECTS


def test_a_store_that_checks_only_whole_objects_is_trusted_with_no_checksum(two_stores: Make) -> None:
    pair = two_stores(dest_traits={"part_checksums": "ignores"})

    profile = probe_destination(pair.dest_store, DEST)

    assert Proof.REJECTS not in profile.checksums.values()
    assert profile.content_md5 is Proof.REJECTS


def test_a_bucket_that_may_not_be_written_stays_unknown(two_stores: Make) -> None:
    pair = two_stores()
    pair.dest.plan_faults([{"operation": "PutObject", "calls": "all", "action": "status", "value": 403}])

    assert probe_destination(pair.dest_store, DEST).etag_single is EtagMeaning.UNKNOWN


def test_credentials_that_end_during_the_probe_are_raised(two_stores: Make) -> None:
    pair = two_stores()
    ended = {"status": 400, "code": "ExpiredToken"}
    pair.dest.plan_faults([{"operation": "PutObject", "calls": "all", "action": "status", "value": ended}])

    with pytest.raises(CredentialsExpired):
        probe_destination(pair.dest_store, DEST)


def test_a_source_is_learned_by_reading_only(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("a", os.urandom(1000))
    pair.seed("film", os.urandom(60_000), part_size=25_000)

    profile = probe_source(pair.source_store, SOURCE)

    assert profile.etag_single is EtagMeaning.MD5
    assert profile.etag_multipart is EtagMeaning.FORMULA
    assert profile.if_match_get
    assert profile.range_get
    assert profile.checksum_mode
    assert not pair.writes_at_source


@pytest.mark.parametrize("size", [60_000, 65 * 1024 * 1024])
def test_a_source_of_objects_in_parts_is_asked_for_checksums_too(two_stores: Make, size: int) -> None:
    pair = two_stores()
    pair.seed("film", bytes(size), part_size=25_000_000 if size > 60_000 else 25_000)

    profile = probe_source(pair.source_store, SOURCE)

    assert (profile.checksum_mode, profile.if_match_get, profile.range_get) == (True, True, True)


def test_a_source_whose_etags_are_no_md5_is_disproved(two_stores: Make) -> None:
    pair = two_stores(source_traits={"etag_single": "opaque"})
    for number in range(20):
        pair.seed(f"photo-{number:02}", os.urandom(100))

    assert probe_source(pair.source_store, SOURCE).etag_single is EtagMeaning.DISPROVED


def test_a_few_etags_that_are_no_md5_disprove_nothing(two_stores: Make) -> None:
    pair = two_stores(source_traits={"etag_single": "opaque"})
    for number in range(19):
        pair.seed(f"photo-{number:02}", os.urandom(100))

    assert probe_source(pair.source_store, SOURCE).etag_single is EtagMeaning.UNKNOWN


@pytest.mark.parametrize("etag_single", ["constant", "md5"])
def test_what_an_empty_object_states_shows_nothing_about_the_others(two_stores: Make, etag_single: str) -> None:
    pair = two_stores(source_traits={"etag_single": etag_single})
    pair.seed("folder/", b"")
    pair.source.change_traits(etag_single="constant")
    for number in range(20):
        pair.seed(f"photo-{number:02}", b"a body")

    assert probe_source(pair.source_store, SOURCE).etag_single is EtagMeaning.DISPROVED


def test_parts_that_the_listing_hides_disprove_nothing(two_stores: Make) -> None:
    pair = two_stores(source_traits={"listing_etag": "other"})
    for number in range(20):
        pair.seed(f"film-{number:02}", os.urandom(100), part_size=60)

    assert probe_source(pair.source_store, SOURCE).etag_single is EtagMeaning.UNKNOWN


def test_an_empty_source_stays_unknown(two_stores: Make) -> None:
    assert probe_source(two_stores().source_store, SOURCE).etag_single is EtagMeaning.UNKNOWN


def test_a_missing_bucket_is_raised(two_stores: Make) -> None:
    with pytest.raises(BucketMissing):
        probe_source(two_stores().source_store, "nowhere")


def test_the_test_of_a_connection_goes_through_every_step(two_stores: Make) -> None:
    pair = two_stores()
    pair.dest.seed(DEST, "photo", b"body")

    steps = list(try_connection(pair.dest_store.endpoint, DEST, write=True))

    tried = {step.name: step.outcome.value for step in steps}
    assert tried.pop("certificate trusted") == "not_tried"
    assert set(tried.values()) == {"passed"}
    assert steps[-1].profile is not None
    assert steps[-1].profile["content_md5"] == "rejects"
    assert pair.dest.keys(DEST) == ["photo"]


def test_the_test_of_a_source_never_writes(two_stores: Make) -> None:
    pair = two_stores()
    pair.seed("photo", b"body")
    pair.source.clear_log()

    steps = list(try_connection(pair.source_store.endpoint, SOURCE))

    assert steps[-1].outcome.value == "passed"
    assert not pair.writes_at_source


def test_what_comes_after_a_failed_step_is_not_tried(two_stores: Make) -> None:
    steps = list(try_connection(two_stores().source_store.endpoint, "nowhere", write=True))

    outcomes = [step.outcome.value for step in steps]
    failed = outcomes.index("failed")
    assert steps[failed].name == "bucket listed"
    assert 'no bucket "nowhere"' in steps[failed].words
    assert set(outcomes[failed + 1 :]) == {"not_tried"}


@pytest.mark.parametrize("lost", [{"action": "drop_reply"}, {"action": "html_200", "value": "done"}], ids=str)
def test_the_probe_leaves_no_upload_open_whose_id_was_lost(two_stores: Make, lost: dict[str, object]) -> None:
    pair = two_stores(dest_traits={"small_parts": True})
    pair.dest.plan_faults([{"operation": "CreateMultipartUpload", "calls": "1", **lost}])

    profile = probe_destination(pair.dest_store, DEST)

    assert profile.etag_multipart is EtagMeaning.FORMULA
    assert not pair.dest.open_uploads()
    assert pair.dest.keys(DEST) == []
