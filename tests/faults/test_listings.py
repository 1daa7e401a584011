"""Rows 56, 63 and 64: a listing is complete and makes sense, or it is an error."""

from __future__ import annotations

import pytest

from migrator.engine.errors import AccessDenied, BucketMissing, ListingInvalid
from migrator.engine.listing import list_objects
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
