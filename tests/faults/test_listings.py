"""Rows 56, 63, 64 and 65: a listing is complete and makes sense, or it is an error, or it says what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise

import pytest

from migrator.engine.errors import (
    AccessDenied,
    BucketMissing,
    EndpointUnreachable,
    ListingInvalid,
    NotSupported,
    VersionsNotListed,
)
from migrator.engine.gaps import MOST_GAPS, MOST_LOOKS_A_GAP, Gap
from migrator.engine.listing import list_around, list_objects
from migrator.engine.versions import KeyHistory, history_of, list_versions, list_versions_around
from tests.faults.conftest import Make
from tests.faults.two_stores import SOURCE, TwoStores

LIST = {"side": "source", "operation": "ListObjectsV2", "calls": "all"}


def listed(pair: TwoStores, bucket: str = SOURCE) -> list[str]:
    return [entry.key for entry in list_objects(pair.source_store, bucket)]


def begun(two_stores: Make, *faults: dict[str, object], **traits: dict[str, object]) -> TwoStores:
    pair = two_stores(*faults, **traits)
    for name in "abc":
        pair.seed(name, name.encode())
    pair.source.plan_faults(faults)
    return pair


@pytest.mark.parametrize("action", ["empty_200", "html_200"])
def test_row_63_a_200_that_lists_nothing_is_never_no_objects(two_stores: Make, action: str) -> None:
    pair = begun(two_stores, {**LIST, "action": action})

    with pytest.raises(ListingInvalid):
        listed(pair)


def test_row_63_one_bad_page_is_asked_for_again(two_stores: Make) -> None:
    pair = begun(two_stores, {**LIST, "calls": "1", "action": "empty_200"})

    assert listed(pair) == ["a", "b", "c"]


def test_a_page_that_takes_longer_than_other_answers_may_is_waited_for(two_stores: Make) -> None:
    pair = begun(two_stores, {**LIST, "action": "stall", "at_byte": 0, "value": 2})
    pair.source.clear_log()

    assert listed(pair) == ["a", "b", "c"]
    assert len(pair.source.log) == 1


def test_a_page_that_never_comes_is_given_up(two_stores: Make) -> None:
    pair = begun(two_stores, {**LIST, "action": "stall", "at_byte": 0, "value": 60})

    with pytest.raises(EndpointUnreachable):
        listed(pair)


@pytest.mark.parametrize(
    ("find", "put"),
    [
        (f"<Name>{SOURCE}</Name>", "<Name>another</Name>"),
        ("<IsTruncated>false</IsTruncated>", ""),
        ("<IsTruncated>false</IsTruncated>", "<IsTruncated>true</IsTruncated>"),
        ("<Key>b</Key>", "<Key>a</Key>"),
        ("<Key>a</Key>", "<Key>z</Key>"),
        ("<Size>1</Size>", "<Size>-5</Size>"),
        ("<Size>1</Size>", "<Size>abc</Size>"),
        ("<Size>1</Size>", "<Size>9223372036854775807</Size>"),
        ("</LastModified>", "</LastModified><LastModified>0001-01-01T00:00:00+01:00</LastModified>"),
        ("<KeyCount>3</KeyCount>", "<KeyCount>4</KeyCount>"),
    ],
)
def test_rows_63_64_a_page_that_makes_no_sense_is_listing_invalid(two_stores: Make, find: str, put: str) -> None:
    pair = begun(two_stores, {**LIST, "action": "xml", "value": {"find": find, "put": put}})

    with pytest.raises(ListingInvalid) as refused:
        listed(pair)

    assert refused.value.refuse_cause == "listing_invalid"


def test_row_64_a_token_that_leads_back_is_listing_invalid(two_stores: Make) -> None:
    pair = begun(two_stores, source_traits={"largest_page": 1})
    token = pair.source_store.list_page(SOURCE, "").next_token
    circle = (
        f"<ListBucketResult><Name>{SOURCE}</Name><IsTruncated>true</IsTruncated><KeyCount>0</KeyCount>"
        f"<NextContinuationToken>{token}</NextContinuationToken></ListBucketResult>"
    )
    pair.source.plan_faults([{**LIST, "action": "xml", "value": circle}])

    with pytest.raises(ListingInvalid) as refused:
        listed(pair)

    assert "leads back" in str(refused.value)


def test_row_64_a_last_page_with_a_token_is_listing_invalid(two_stores: Make) -> None:
    end = "<IsTruncated>false</IsTruncated>"
    more = {"find": end, "put": f"{end}<NextContinuationToken>more</NextContinuationToken>"}
    pair = begun(two_stores, {**LIST, "action": "xml", "value": more})

    with pytest.raises(ListingInvalid):
        listed(pair)


def test_an_unsorted_listing_is_listing_invalid(two_stores: Make) -> None:
    pair = begun(two_stores, source_traits={"listing_order": "unsorted"})

    with pytest.raises(ListingInvalid):
        listed(pair)


def test_pages_are_followed_to_the_end(two_stores: Make) -> None:
    pair = begun(two_stores, source_traits={"largest_page": 2})

    assert listed(pair) == ["a", "b", "c"]


def test_row_56_a_bucket_that_may_not_be_listed_is_access_denied(two_stores: Make) -> None:
    pair = begun(two_stores, {**LIST, "action": "status", "value": 403})

    with pytest.raises(AccessDenied) as refused:
        listed(pair)

    assert 'may not list in "source-bucket"' in refused.value.advice


def test_row_57_a_missing_bucket_is_named(two_stores: Make) -> None:
    pair = begun(two_stores)

    with pytest.raises(BucketMissing) as refused:
        listed(pair, "nowhere")

    assert 'There is no bucket "nowhere"' in refused.value.advice


def test_a_store_that_does_not_allow_a_question_has_the_bucket_all_the_same(two_stores: Make) -> None:
    refused = {"side": "source", "calls": "all", "action": "status", "value": {"status": 405}}
    pair = begun(
        two_stores,
        *(
            refused | {"operation": each}
            for each in (
                "ListObjectsV2",
                "ListObjectVersions",
                "GetBucketVersioning",
            )
        ),
    )

    with pytest.raises(NotSupported):
        listed(pair)
    with pytest.raises(VersionsNotListed):
        list(list_versions(pair.source_store, SOURCE))
    assert not pair.source_store.keeps_versions(SOURCE)


# The keys that end so have a sign in every listing that XML forbids.
CARELESS = {"source_traits": {"encoding_type": "ignored"}}
POISON = {**LIST, "action": "xml", "value": {"find": "!</Key>", "put": "\x01</Key>"}}


def listed_around(pair: TwoStores, keys: Iterable[str], prefix: str = "") -> tuple[list[str], list[Gap]]:
    for key in keys:
        pair.seed(key, b"-")
    pair.source.plan_faults([POISON])
    pair.source.clear_log()
    gaps: list[Gap] = []
    found = [entry.key for entry in list_around(pair.source_store, SOURCE, prefix, gaps) if entry is not None]
    return found, gaps


def many(*poisons: int) -> list[str]:
    return [f"folder/{n:04}{'!' if n in poisons else ''}" for n in range(1100)]


around_one = pytest.mark.parametrize(
    ("keys", "gap"),
    [
        pytest.param(["a!", "b", "c"], Gap(b"", b"b"), id="first"),
        pytest.param(["a", "b!", "c"], Gap(b"a", b"c"), id="between"),
        pytest.param(["a", "b", "c!"], Gap(b"b", b""), id="last"),
        pytest.param(["a", "b!", "c!", "d"], Gap(b"a", b"d"), id="two neighbours"),
        pytest.param(["a!"], Gap(b"", b""), id="alone"),
        pytest.param(["a", "a!", "a!a", "b"], Gap(b"a", b"a!a"), id="a longer one"),
        pytest.param(["dir/x", "dir/y/1!", "z"], Gap(b"dir/x", b"z"), id="elsewhere"),
        pytest.param(["dir/x", "dir/y/1!", "dir/y/2", "z"], Gap(b"dir/x", b"dir/y/2"), id="close to another"),
        pytest.param(["a", "\u00e9!", "\u00e9a"], Gap(b"a", "\u00e9a".encode()), id="not ASCII"),
        pytest.param(["a", "\U0001f600!", "\U0001f600a"], Gap(b"a", "\U0001f600a".encode()), id="of another plane"),
        pytest.param(many(777), Gap(b"folder/0776", b"folder/0778"), id="far in"),
        pytest.param(many(1050), Gap(b"folder/1049", b"folder/1051"), id="on a later page"),
    ],
)


@around_one
def test_row_65_a_key_that_spoils_its_page_is_read_around_and_named(
    two_stores: Make, keys: list[str], gap: Gap
) -> None:
    pair = two_stores(**CARELESS)

    found, gaps = listed_around(pair, keys)

    assert found == [key for key in keys if not key.endswith("!")]
    assert gaps == [gap]
    # The page itself as often as any, and of those on the way down each that cannot be read twice.
    assert len(pair.source.log) <= 25 + 2 * (20 + MOST_LOOKS_A_GAP)


def test_row_65_each_look_of_a_long_search_is_a_sign_of_life(two_stores: Make) -> None:
    pair = two_stores(**CARELESS)
    listed_around(pair, ["a", "b!", "c"])

    asked = [len(pair.source.log) for _ in list_around(pair.source_store, SOURCE, "", [])]

    assert max(after - before for before, after in pairwise(asked)) <= 4


def test_row_65_of_two_keys_apart_each_has_its_range(two_stores: Make) -> None:
    pair = two_stores(**CARELESS)
    keys = many(3, 30)[:40]

    found, gaps = listed_around(pair, keys, "folder/")

    assert found == [key for key in keys if not key.endswith("!")]
    assert [str(gap) for gap in gaps] == [
        'after "folder/0002", before "folder/0004"',
        'after "folder/0029", before "folder/0031"',
    ]


def test_row_65_of_too_many_keys_the_rest_is_one_range(two_stores: Make) -> None:
    pair = two_stores(**CARELESS)
    keys = [f"{n:02}{'!' * (n % 2)}" for n in range(2 * MOST_GAPS + 6)]

    found, gaps = listed_around(pair, keys)

    assert found == keys[0 : 2 * MOST_GAPS + 1 : 2]
    assert gaps[MOST_GAPS:] == [Gap(found[-1].encode(), b"")]


def test_row_65_where_no_page_can_be_read_it_is_no_listing(two_stores: Make) -> None:
    pair = begun(two_stores, {**LIST, "action": "html_200"})
    gaps: list[Gap] = []

    with pytest.raises(ListingInvalid):
        list(list_around(pair.source_store, SOURCE, "", gaps))

    assert gaps == []


def test_row_65_a_listing_that_must_be_whole_is_refused(two_stores: Make) -> None:
    pair = begun(two_stores, {**LIST, "action": "xml", "value": {"find": "<Key>b</Key>", "put": "<Key>\x01</Key>"}})

    with pytest.raises(ListingInvalid):
        listed(pair)


# What encoders in Go do to what XML forbids: other keys may stand between the name that is shown and the real one.
REPLACES = {"encoding_type": "replaced"}
MISNAMED = [
    pytest.param(["0", "a\x01", "aa", "ab", "b"], [Gap(b"0", b"aa")], id="before keys that begin alike"),
    pytest.param(["a\x01", "aa", "b"], [Gap(b"", b"aa")], id="first"),
    pytest.param(["a", "a\x01", "a\x1f", "aa", "b"], [Gap(b"a", b"aa")], id="two under one name"),
    pytest.param(["a", "aa\ufffd", "ab\ufffdb", "b\ufffd", "c"], [], id="keys of such names"),
]
BESIDE_ITS_NAME = pytest.param(["a\x01", "aa", "a\ufffd", "b"], [Gap(b"", b"aa")], id="beside a key of that name")


@pytest.mark.parametrize("largest_page", [1, 2, 1000])
@pytest.mark.parametrize(("keys", "gaps"), [*MISNAMED, BESIDE_ITS_NAME])
def test_row_65_no_key_is_passed_over_behind_one_that_is_listed_under_another_name(
    two_stores: Make, keys: list[str], gaps: list[Gap], largest_page: int
) -> None:
    pair = two_stores(source_traits={**REPLACES, "largest_page": largest_page})
    for key in keys:
        pair.seed(key, key.encode())

    found: list[Gap] = []
    listed_keys = [entry.key for entry in list_around(pair.source_store, SOURCE, "", found) if entry is not None]

    assert listed_keys == [key for key in keys if "\x01" not in key and "\x1f" not in key]
    assert found == gaps


@pytest.mark.parametrize("lists", [list_around, list_versions_around])
@pytest.mark.parametrize(("keys", "largest_page"), [(["a", "b\ufffd", "c"], 1000), (["a\x01", "b", "c"], 2)])
def test_an_unsorted_listing_is_not_read_key_by_key_for_a_name_that_may_be_false(
    two_stores: Make, lists: Callable[..., Iterable[object]], keys: list[str], largest_page: int
) -> None:
    unsorted = {"listing_order": "unsorted", "versioned": True, "largest_page": largest_page}
    pair = two_stores(source_traits={**REPLACES, **unsorted})
    for key in keys:
        pair.seed(key, b"-")

    with pytest.raises(ListingInvalid):
        list(lists(pair.source_store, SOURCE, "", []))


VERSIONED = {"source_traits": {"encoding_type": "ignored", "versioned": True}}
SPOILS_VERSIONS = {**POISON, "operation": "ListObjectVersions"}


def histories_around(pair: TwoStores, *faults: dict[str, object]) -> tuple[list[KeyHistory], list[Gap]]:
    pair.source.plan_faults(faults or [SPOILS_VERSIONS])
    pair.source.clear_log()
    gaps: list[Gap] = []
    found = [each for each in list_versions_around(pair.source_store, SOURCE, "", gaps) if each is not None]
    return found, gaps


@around_one
def test_row_65_versions_are_listed_around_a_key_that_spoils_its_page(
    two_stores: Make, keys: list[str], gap: Gap
) -> None:
    pair = two_stores(**VERSIONED)
    for key in keys:
        pair.seed(key, b"-")

    found, gaps = histories_around(pair)

    assert [each.key for each in found] == [key for key in keys if not key.endswith("!")]
    assert gaps == [gap]
    # More than of objects: that it is no other version of the key before is made sure of.
    assert len(pair.source.log) <= 27 + 25 + 2 * (20 + MOST_LOOKS_A_GAP)


@pytest.mark.parametrize("largest_page", [1, 2, 1000])
@pytest.mark.parametrize(("keys", "gaps"), MISNAMED)
def test_row_65_no_version_is_passed_over_behind_a_key_that_is_listed_under_another_name(
    two_stores: Make, keys: list[str], gaps: list[Gap], largest_page: int
) -> None:
    pair = two_stores(source_traits={**REPLACES, "versioned": True, "largest_page": largest_page})
    for key in [*keys, *keys]:
        pair.seed(key, b"-")

    found: list[Gap] = []
    histories = [each for each in list_versions_around(pair.source_store, SOURCE, "", found) if each is not None]

    own_names = [key for key in keys if "\x01" not in key and "\x1f" not in key]
    assert [(each.key, len(each.versions)) for each in histories] == [(key, 2) for key in own_names]
    assert found == gaps


def test_row_65_no_version_is_passed_over_where_a_key_truly_has_the_name_of_another(two_stores: Make) -> None:
    pair = two_stores(source_traits={**REPLACES, "versioned": True})
    for key in ("a\x01", "aa", "a\ufffd", "b") * 2:
        pair.seed(key, b"-")

    found: list[Gap] = []
    histories = [each for each in list_versions_around(pair.source_store, SOURCE, "", found) if each is not None]

    assert [(each.key, len(each.versions)) for each in histories] == [("aa", 2), ("a\ufffd", 2), ("b", 2)]
    assert found == [Gap(b"", b"aa")]


@pytest.mark.parametrize("largest_page", [1, 2, 1000])
def test_row_65_the_versions_beside_a_range_are_whole(two_stores: Make, largest_page: int) -> None:
    pair = two_stores(**VERSIONED)
    pair.source.change_traits(largest_page=largest_page)
    for key in "aaa!!bb":
        pair.seed(key.replace("!", "a!"), b"-")
    pair.source.mark_deleted(SOURCE, "a!")
    pair.source.mark_deleted(SOURCE, "a")

    found, gaps = histories_around(pair)

    assert [(each.key, len(each.versions), len(each.markers)) for each in found] == [("a", 3, 1), ("b", 2, 0)]
    for history in found:
        assert [each.version_id for each in history.versions] == pair.source.version_ids(SOURCE, history.key)
    assert gaps == [Gap(b"a", b"b")]


def test_row_65_a_version_that_cannot_be_read_of_a_key_that_can_is_no_range(two_stores: Make) -> None:
    pair = two_stores(**VERSIONED)
    for key in "aab":
        pair.seed(key, b"-")
    oldest = pair.source.version_ids(SOURCE, "a")[0]

    with pytest.raises(ListingInvalid):
        histories_around(pair, {**SPOILS_VERSIONS, "value": {"find": oldest, "put": "\x01"}})


def spoiled_behind(two_stores: Make, keys: str, *faults: dict[str, object]) -> TwoStores:
    pair = two_stores(**VERSIONED)
    for key in keys:
        pair.seed(key.replace("!", "a!"), b"-")
    pair.source.plan_faults(faults or [SPOILS_VERSIONS])
    return pair


@pytest.mark.parametrize("largest_page", [1, 2, 1000])
def test_row_65_the_versions_of_one_key_are_not_kept_by_one_behind_it(two_stores: Make, largest_page: int) -> None:
    pair = spoiled_behind(two_stores, "aaa!!")
    pair.source.change_traits(largest_page=largest_page)
    pair.source.mark_deleted(SOURCE, "a")
    pair.source.clear_log()

    found = history_of(pair.source_store, SOURCE, "a")

    assert [each.version_id for each in found.versions] == pair.source.version_ids(SOURCE, "a")
    assert found.is_deleted
    # The page itself as often as any, and that the key ends there; then what is behind it is not closed in on.
    assert len(pair.source.log) <= 25 + 25 + 25


def test_row_65_a_key_that_nothing_has_is_free_also_before_one_that_spoils_the_page(two_stores: Make) -> None:
    pair = spoiled_behind(two_stores, "!!")

    assert history_of(pair.source_store, SOURCE, "a") == KeyHistory("a")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"value": {"find": "<Key>a</Key>", "put": "<Key>\x01</Key>"}}, id="the key itself"),
        pytest.param({"value": {"find": "</Key>", "put": "\x01</Key>"}}, id="the key and what is behind it"),
        pytest.param({"action": "html_200", "value": None}, id="no page"),
    ],
)
def test_row_65_a_key_that_is_there_and_cannot_be_read_is_not_free(two_stores: Make, fault: dict[str, object]) -> None:
    pair = spoiled_behind(two_stores, "aa!", {**SPOILS_VERSIONS, **fault})

    with pytest.raises(ListingInvalid):
        history_of(pair.source_store, SOURCE, "a")


def test_row_65_one_version_of_a_key_that_cannot_be_read_is_no_end_of_it(two_stores: Make) -> None:
    pair = spoiled_behind(two_stores, "aab")
    oldest = pair.source.version_ids(SOURCE, "a")[0]
    pair.seed("ab", b"-")
    pair.source.plan_faults([{**SPOILS_VERSIONS, "value": {"find": oldest, "put": "\x01"}}])

    with pytest.raises(ListingInvalid):
        history_of(pair.source_store, SOURCE, "a")


NO_PAGE = {"side": "source", "operation": "ListObjectVersions", "action": "html_200"}


def before_spoiling(two_stores: Make, versions: int) -> TwoStores:
    pair = two_stores(**VERSIONED)
    for key in (*"a" * versions, "a\x01"):
        pair.seed(key, b"-")
    return pair


def with_no_page_at(pair: TwoStores, calls: str, *faults: dict[str, object]) -> KeyHistory | None:
    """Return the history of `a`, None where it is an error, while these calls give no page."""
    pair.source.plan_faults([{**NO_PAGE, "calls": calls}, *faults])
    try:
        return history_of(pair.source_store, SOURCE, "a")
    except ListingInvalid:
        return None


# Where the page itself and half of it, and half of that, have been asked for often enough, and each row by itself is.
LOOKS = range(36, 52)


@pytest.mark.parametrize(
    ("versions", "is_deleted"),
    [
        pytest.param(4, False, id="the oldest"),
        pytest.param(3, True, id="the oldest of a deleted key"),
        pytest.param(1, True, id="the first row of a deleted key"),
    ],
)
def test_row_65_two_answers_that_cannot_be_read_are_no_end_of_a_history(
    two_stores: Make, versions: int, is_deleted: bool
) -> None:
    pair = before_spoiling(two_stores, versions)
    if is_deleted:
        pair.source.mark_deleted(SOURCE, "a")
    whole = history_of(pair.source_store, SOURCE, "a")
    assert (len(whole.versions), whole.is_deleted) == (versions, is_deleted)

    found = [with_no_page_at(pair, f"{first}-{first + 1}") for first in LOOKS]

    assert all(each in (whole, None) for each in found)
    assert whole in found


def test_row_65_where_nothing_can_be_read_any_more_no_history_has_ended(two_stores: Make) -> None:
    pair = before_spoiling(two_stores, versions=4)

    assert [with_no_page_at(pair, f"{first}-999") for first in LOOKS] == [None] * len(LOOKS)


def test_row_65_the_versions_before_a_range_are_whole_after_two_answers_that_cannot_be_read(two_stores: Make) -> None:
    pair = before_spoiling(two_stores, versions=4)

    found: list[tuple[list[tuple[str, int]], list[Gap]]] = []
    for first in LOOKS:
        with suppress(ListingInvalid):
            histories, gaps = histories_around(pair, {**NO_PAGE, "calls": f"{first}-{first + 1}"})
            found.append(([(each.key, len(each.versions)) for each in histories], gaps))

    assert found == [([("a", 4)], [Gap(b"a", b"")])] * len(found)
    assert found


def test_row_65_a_version_that_cannot_be_read_is_no_end_though_for_once_nothing_behind_it_can(two_stores: Make) -> None:
    pair = two_stores(**VERSIONED)
    for key in ("a", "a", "ab"):
        pair.seed(key, b"-")
    oldest = pair.source.version_ids(SOURCE, "a")[0]
    spoiled = {**SPOILS_VERSIONS, "value": {"find": oldest, "put": "\x01"}}

    assert [with_no_page_at(pair, f"{first}-{first + 1}", spoiled) for first in LOOKS] == [None] * len(LOOKS)


def test_row_65_the_history_of_a_key_that_no_page_can_say_has_not_ended_where_one_cannot_be_read(
    two_stores: Make,
) -> None:
    pair = two_stores(source_traits={"versioned": True, "largest_page": 1})
    for body in (b"1", b"2", b"3"):
        pair.seed("a\x01", body)
    assert len(history_of(pair.source_store, SOURCE, "a\x01").versions) == 3
    pair.source.plan_faults([{**NO_PAGE, "calls": "2-999"}])

    with pytest.raises(ListingInvalid):
        history_of(pair.source_store, SOURCE, "a\x01")


def test_row_65_where_no_page_of_versions_can_be_read_it_is_no_listing(two_stores: Make) -> None:
    pair = two_stores(**VERSIONED)
    pair.seed("a", b"-")

    with pytest.raises(ListingInvalid):
        histories_around(pair, {**SPOILS_VERSIONS, "action": "html_200", "value": None})


def test_row_65_each_look_of_a_search_among_versions_is_a_sign_of_life(two_stores: Make) -> None:
    pair = two_stores(**VERSIONED)
    for key in ("a", "b!", "c"):
        pair.seed(key, b"-")
    histories_around(pair)

    asked = [len(pair.source.log) for _ in list_versions_around(pair.source_store, SOURCE, "", [])]

    assert max(after - before for before, after in pairwise(asked)) <= 5


def test_a_range_is_named_without_the_signs_that_nobody_sees() -> None:
    assert str(Gap(b"a\x01\xff", "\u202eb".encode())) == r'after "a\x01\xff", before "\u202eb"'
    assert str(Gap(b"", b"")) == "all keys"


@pytest.mark.parametrize("operation", ["ListObjectsV2", "ListObjectVersions"])
def test_a_listing_that_folds_keys_though_nobody_asked_for_it_is_never_whole(two_stores: Make, operation: str) -> None:
    folds = {"find": "</IsTruncated>", "put": "</IsTruncated><CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"}
    pair = begun(
        two_stores, {"side": "source", "operation": operation, "calls": "all", "action": "xml", "value": folds}
    )

    with pytest.raises(ListingInvalid) as refused:
        listed(pair) if operation == "ListObjectsV2" else list(list_versions(pair.source_store, SOURCE))

    assert str(refused.value) == "a page names a prefix in place of the keys behind it"
