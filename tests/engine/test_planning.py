from __future__ import annotations

import json
import zlib
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.engine.errors import PlanUnreadable
from migrator.engine.frozen_items import decode_items, encode_items
from migrator.engine.gaps import Gap
from migrator.engine.listing import ListedObject, key_bytes
from migrator.engine.planning import (
    BATCH_SIZE,
    Item,
    PlanOptions,
    PlanSummary,
    batches,
    plan,
)


def listed(*keys: str, size: int = 10, **more: str) -> list[ListedObject]:
    return [
        ListedObject(key=key, size=size, etag='"e"', last_modified="2026-01-01T00:00:00.000000Z", **more)
        for key in keys
    ]


def item(index: int, size: int = 1) -> Item:
    return Item(index=index, key=f"k{index}", dest_key=f"k{index}", size=size, etag="e", last_modified="")


def planned(summary: PlanSummary | None = None, **arguments: object) -> list[Item]:
    found = plan(summary=summary, **arguments)  # type: ignore[arg-type]
    return [item for batch in found for item in batch.items]


def test_every_listed_key_is_planned_under_the_new_prefix() -> None:
    items = planned(source_listing=listed("a/1", "a/2"), dest_listing=[], source_prefix="a/", dest_prefix="b/c/")

    assert [(each.index, each.key, each.dest_key) for each in items] == [(0, "a/1", "b/c/1"), (1, "a/2", "b/c/2")]


def test_what_is_at_the_destination_is_seen() -> None:
    summary = PlanSummary()
    dest = [*listed("b/1"), *listed("b/2", size=11), *listed("b/3", "b/9")]

    items = planned(
        summary,
        source_listing=listed("a/1", "a/2", "a/4"),
        dest_listing=dest,
        source_prefix="a/",
        dest_prefix="b/",
    )

    assert [each.existing_size for each in items] == [10, 11, None]
    assert [each.existing_last_modified[:10] for each in items] == ["2026-01-01", "2026-01-01", ""]
    assert (summary.existing_same_size, summary.existing_different, summary.dest_only) == (1, 1, 2)


@pytest.mark.parametrize(
    ("options", "kept", "excluded"),
    [
        ({"include": ("*.jpg",)}, ["a.jpg"], {"include": 2}),
        ({"exclude": ("*.jpg", "b*")}, ["c.txt"], {"exclude": 2}),
        ({"min_size": 11}, [], {"min_size": 3}),
        ({"max_size": 9}, [], {"max_size": 3}),
        ({"modified_after": "2026-01-01T01:00:00+02:00"}, ["a.jpg", "b.txt", "c.txt"], {}),
        ({"modified_after": "2026-01-01T00:00:00Z"}, [], {"modified_after": 3}),
        ({"modified_before": "2026-01-01T00:00:00Z"}, [], {"modified_before": 3}),
    ],
)
def test_what_a_filter_keeps_out_is_counted_by_its_name(
    options: dict[str, object], kept: list[str], excluded: dict[str, int]
) -> None:
    summary = PlanSummary()

    items = planned(
        summary,
        source_listing=listed("a.jpg", "b.txt", "c.txt"),
        dest_listing=[],
        options=PlanOptions(**options),  # type: ignore[arg-type]
    )

    assert [each.key for each in items] == kept
    assert summary.excluded == excluded
    assert summary.objects + sum(excluded.values()) == 3


def test_hazards_are_counted() -> None:
    summary = PlanSummary()
    source = [
        *listed("Photo"),
        *listed("cold", storage_class="GLACIER"),
        *listed("k" * 1020),
        *listed("photo"),
        *listed("\udcff"),
    ]

    planned(summary, source_listing=source, dest_listing=[], dest_prefix="12345")

    assert summary.hazards == {"archived": 1, "key_too_long": 1, "key_invalid": 1, "twins": 1}
    assert json.dumps(summary.to_json()["hazards"])


def test_objects_are_counted_by_the_class_that_is_listed() -> None:
    summary = PlanSummary()
    source = [
        *(each for name in ("a", "b") for each in listed(name, storage_class="STANDARD_IA")),
        *listed("c", storage_class="STANDARD"),
        *listed("d"),
    ]

    planned(summary, source_listing=source, dest_listing=[])

    assert summary.storage_classes == {"STANDARD_IA": 2}


def test_classes_without_end_are_counted_in_one_line() -> None:
    summary = PlanSummary()
    source = [each for number in range(30) for each in listed(f"{number:02}", storage_class=f"CLASS_{number}")]

    planned(summary, source_listing=source, dest_listing=[])

    assert len(summary.storage_classes) == 21
    assert summary.storage_classes["more classes"] == 10


def test_the_summary_names_the_largest_and_the_first() -> None:
    summary = PlanSummary()

    planned(summary, source_listing=[*listed("a"), *listed("b", size=99), *listed("c")], dest_listing=[])

    assert (summary.objects, summary.size, summary.largest, summary.largest_key) == (3, 119, 99, "b")
    assert summary.first_keys == ["a", "b", "c"]


def test_a_batch_holds_at_most_a_thousand_items() -> None:
    found = list(batches(item(index) for index in range(2_001)))

    assert [len(batch.items) for batch in found] == [1_000, 1_000, 1]
    assert [batch.number for batch in found] == [0, 1, 2]


def test_a_batch_holds_about_a_gibibyte_and_a_larger_object_is_alone() -> None:
    sizes = [BATCH_SIZE // 2, BATCH_SIZE // 2, 1, 2 * BATCH_SIZE, 1]

    found = list(batches(item(index, size) for index, size in enumerate(sizes)))

    assert [[each.size for each in batch.items] for batch in found] == [sizes[:2], [1], [2 * BATCH_SIZE], [1]]


def test_planning_two_million_keys_holds_none_of_them() -> None:
    source = (ListedObject(f"{n:09}", 1, "e", "") for n in range(20_000))
    numbers = count()

    assert sum(next(numbers) >= 0 for batch in plan(source, ()) for _ in batch.items) == 20_000


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.sets(KEYS), st.sets(KEYS))
def test_the_merge_finds_exactly_what_both_sides_have(source: set[str], dest: set[str]) -> None:
    summary = PlanSummary()

    items = planned(
        summary,
        source_listing=listed(*sorted(source, key=key_bytes)),
        dest_listing=listed(*sorted(dest, key=key_bytes)),
    )

    assert {each.key for each in items if each.existing_size is not None} == source & dest
    assert summary.dest_only == len(dest - source)
    assert len(items) == len(source)


@given(st.lists(st.text(max_size=8).map(lambda key: key + "\udcff"), max_size=5))
def test_items_come_back_as_they_were(keys: list[str]) -> None:
    items = tuple(
        Item(
            index=index,
            key=key,
            dest_key="x" + key,
            size=2**60,
            etag='"e-3"',
            last_modified="2026-01-01T00:00:00.000000Z",
            version_id="v",
            existing_etag="o",
            existing_size=index or None,
            storage_class="STANDARD",
            previous_version_id="u",
            existing_version_id="w",
            existing_last_modified="2026-02-01T00:00:00.000000Z",
        )
        for index, key in enumerate(keys)
    )

    assert decode_items(encode_items(items)) == items


def test_a_plan_of_before_there_were_versions_is_read_as_it_was() -> None:
    blob = zlib.compress(b'{"format": 1, "items": [[7,"k","d",1,"e","","v","o",2,"STANDARD"]]}')

    (found,) = decode_items(blob)

    assert (found.index, found.version_id, found.existing_size) == (7, "v", 2)
    assert (found.previous_version_id, found.existing_version_id) == ("", "")


def test_a_plan_of_before_the_time_of_what_is_there_was_kept_is_read_as_it_was() -> None:
    blob = zlib.compress(b'{"format": 2, "items": [[7,"k","d",1,"e","","v","o",2,"STANDARD","u","w"]]}')

    (found,) = decode_items(blob)

    assert (found.previous_version_id, found.existing_version_id, found.existing_last_modified) == ("u", "w", "")


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"not compressed",
        zlib.compress(b"not json"),
        zlib.compress(b'{"format": 99, "items": []}'),
        zlib.compress(b'{"items": []}'),
        zlib.compress(b'{"format": 1, "items": [[1, 2]]}'),
        zlib.compress(b'{"format": 1, "items": [["x","k","k",1,"e","","","",null,""]]}'),
        zlib.compress(b'{"format": 3, "items": [[7,"k","k",1,"e","","","",null,"","","","",""]]}'),
    ],
)
def test_a_plan_of_another_format_is_unreadable_and_never_misread(blob: bytes) -> None:
    with pytest.raises(PlanUnreadable):
        decode_items(blob)


def test_what_only_the_destination_has_is_named_up_to_a_hundred() -> None:
    summary = PlanSummary()

    planned(summary, source_listing=[], dest_listing=listed(*(f"k{n:03d}" for n in range(101))))

    assert (summary.dest_only, len(summary.dest_only_keys), summary.dest_only_keys[0]) == (101, 100, "k000")


def test_a_stray_key_that_is_no_text_is_named_by_its_bytes() -> None:
    summary = PlanSummary()

    planned(summary, source_listing=[], dest_listing=listed("a\x00b", "c\udcff"))

    assert summary.dest_only_keys == ["a\\x00b", "c\\xff"]


def sample(seed: int) -> tuple[list[str], dict[str, int]]:
    summary, options = PlanSummary(), PlanOptions(sample_percent=10, sample_seed=seed)
    source = listed(*(f"k{n:04d}" for n in range(2000)))
    items = planned(summary, source_listing=source, dest_listing=[], options=options)
    return [each.key for each in items], summary.excluded


def test_a_seed_draws_the_same_sample_and_the_rest_is_counted() -> None:
    keys, excluded = sample(7)

    assert 150 < len(keys) < 250
    assert excluded == {"sample": 2000 - len(keys)}
    assert sample(7)[0] == keys != sample(8)[0]


def test_what_the_destination_has_in_a_range_that_is_not_listed_is_not_said_to_be_alone() -> None:
    summary, gaps = PlanSummary(), [Gap(b"from/b", b"from/d"), Gap(b"from/x", b"")]
    source = listed("from/b", "from/d", "from/x")
    there = listed(*(f"to/{name}" for name in ("a", "b", "c", "d", "e", "z")))

    list(plan(source, there, "from/", "to/", summary=summary, gaps=gaps))

    assert (summary.dest_only, summary.dest_only_keys) == (2, ["to/a", "to/e"])
