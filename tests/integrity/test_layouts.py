"""Part layouts: they tile the object, fit the limits, and are found again from size and count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.layouts import COMMON_PART_SIZES, GIB, MIB, Layout, Limits, ObjectTooLargeError, choose_layout
from integrity.layouts import infer_candidates as infer

TIB = 1024 * GIB
LARGEST = 10_000 * 5 * GIB
R2 = Limits(equal_parts=True)

sizes = st.lists(st.integers(0, 50), min_size=1, max_size=30)


@given(sizes)
def test_the_spans_of_any_layout_tile_the_object(parts: list[int]) -> None:
    layout = Layout.of(parts)

    ends = [0] + [span.offset + span.length for span in layout.spans()]

    assert [span.offset for span in layout.spans()] == ends[:-1]
    assert ends[-1] == layout.size == sum(parts)


@given(sizes)
def test_parts_are_found_by_number(parts: list[int]) -> None:
    layout = Layout.of(parts)

    assert [layout.part_size(number) for number in range(1, layout.count + 1)] == parts
    assert [layout.span(number) for number in range(1, layout.count + 1)] == list(layout.spans())


@given(st.integers(0, 10_000), st.integers(1, 500))
def test_uniform_layouts_equal_the_same_sizes_written_out(size: int, part: int) -> None:
    written_out = [part] * (size // part) + ([size % part] if size % part or not size else [])

    assert Layout.uniform(size, part) == Layout.of(written_out)
    assert hash(Layout.uniform(size, part)) == hash(Layout.of(written_out))


@given(sizes, st.booleans())
def test_a_layout_survives_being_written_down(parts: list[int], multipart: bool) -> None:
    layout = Layout.of(parts) if multipart else Layout.single(parts[0])

    assert Layout.from_text(str(layout)) == layout


@pytest.mark.parametrize(
    ("layout", "text"), [(Layout.uniform(25, 10), "multipart 10*2+5*1"), (Layout.single(0), "single 0*1")]
)
def test_text_says_kind_and_runs(layout: Layout, text: str) -> None:
    assert str(layout) == text
    assert Layout.from_text(text) == layout


def test_one_part_is_not_a_single_put() -> None:
    assert Layout.uniform(5, 10) != Layout.single(5)
    assert Layout.uniform(5, 10).multipart
    assert not Layout.single(5).multipart


def test_no_bytes_are_one_empty_part() -> None:
    assert list(Layout.uniform(0, 10).spans()) == [(1, 0, 0)]


def test_the_largest_object_is_still_small_in_memory() -> None:
    layout = Layout.uniform(10_000 * 5 * GIB, 5 * GIB)

    assert (layout.count, len(layout.runs)) == (10_000, 1)
    assert layout.span(10_000).offset == 9_999 * 5 * GIB


@st.composite
def largest_uniform(draw: st.DrawFn) -> tuple[int, int]:
    """A size up to the largest object, and a part size that cuts it into 10,000 parts at most."""
    size = draw(st.integers(0, LARGEST))
    return size, draw(st.integers(max(1, -(-size // 10_000)), 5 * GIB))


@given(largest_uniform(), st.data())
def test_the_parts_of_the_largest_objects_lie_where_plain_arithmetic_puts_them(
    cut: tuple[int, int], data: st.DataObject
) -> None:
    size, part = cut
    layout = Layout.uniform(size, part)
    number = data.draw(st.integers(1, layout.count))

    assert (layout.size, layout.count) == (size, max(1, -(-size // part)))
    assert layout.span(number) == (number, (number - 1) * part, min(part, size - (number - 1) * part))


@given(st.lists(st.integers(0, 5 * GIB), min_size=1, max_size=100), st.integers(1, 100))
def test_ten_thousand_parts_of_any_sizes_tile_the_object(parts: list[int], times: int) -> None:
    layout = Layout.of(parts * times)
    last = layout.span(layout.count)

    assert (layout.count, layout.size) == (len(parts) * times, sum(parts) * times)
    assert (last.offset + last.length, last.length) == (layout.size, parts[-1])


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_part_that_is_not_there_is_an_index_error(number: int) -> None:
    with pytest.raises(IndexError, match=f"part {number} of 3"):
        Layout.of([1, 2, 3]).part_size(number)


@pytest.mark.parametrize("parts", [[], [-1], [1] * 10_001])
def test_layouts_that_no_store_has_are_refused(parts: list[int]) -> None:
    with pytest.raises(ValueError, match="a layout"):
        Layout.of(parts)


def test_a_layout_that_is_refused_says_why() -> None:
    with pytest.raises(ValueError, match=r"^a layout needs at least one part, and no part is shorter than nothing$"):
        Layout.of([])
    with pytest.raises(ValueError, match=r"^a layout has at most 10000 parts$"):
        Layout.of([1] * 10_001)


@pytest.mark.parametrize(("size", "part"), [(10, 0), (-1, 5), (10_001, 1), (20_001, 2)])
def test_uniform_layouts_that_no_store_has_are_refused(size: int, part: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes"):
        Layout.uniform(size, part)


def test_ten_thousand_parts_are_allowed() -> None:
    assert Layout.uniform(10_000, 1).count == Layout.of([1, 2] * 5_000).count == 10_000


@pytest.mark.parametrize(
    ("parts", "equal"),
    [
        ([5], True),
        ([5, 5], True),
        ([5, 5, 3], True),
        ([5, 3], True),
        ([5, 6], False),
        ([5, 3, 3], False),
        ([1, 2, 1], False),
    ],
)
def test_equal_parts_allow_a_smaller_last_one_only(parts: list[int], equal: bool) -> None:
    assert Layout.of(parts).equal_parts is equal


@pytest.mark.parametrize(
    ("layout", "allowed"),
    [
        (Layout.single(5 * GIB), True),
        (Layout.single(5 * GIB + 1), False),
        (Layout.of([5 * MIB, 1]), True),
        (Layout.of([5 * MIB - 1, 1]), False),
        (Layout.of([5 * MIB - 1, 5 * MIB - 1]), False),
        (Layout.of([5 * MIB - 1]), True),
        (Layout.of([5 * MIB, 5 * MIB, 7]), True),
        (Layout.of([5 * MIB, 4 * MIB, 5 * MIB]), False),
        (Layout.of([5 * GIB, 5 * GIB]), True),
        (Layout.of([5 * GIB, 5 * GIB + 1]), False),
    ],
)
def test_limits_allow_what_the_store_takes(layout: Layout, allowed: bool) -> None:
    assert Limits().allow(layout) is allowed


def test_limits_count_parts_and_bytes() -> None:
    assert not Limits(most_parts=2).allow(Layout.of([5 * MIB] * 3))
    assert Limits(most_parts=3).allow(Layout.of([5 * MIB] * 3))
    assert not Limits(largest_object=9).allow(Layout.single(10))
    assert Limits(largest_object=10).allow(Layout.single(10))


@pytest.mark.parametrize(
    ("size", "part_mib"),
    [
        (64 * MIB + 1, 16),
        (10_000 * 16 * MIB, 16),
        (10_000 * 16 * MIB + 1, 17),
        (5 * TIB, 525),
        (10_000 * 5 * GIB, 5120),
    ],
)
def test_the_part_size_follows_the_number_of_parts(size: int, part_mib: int) -> None:
    assert choose_layout(size, Limits()) == Layout.uniform(size, part_mib * MIB)


def test_part_sizes_are_whole_numbers_of_bytes() -> None:
    assert str(choose_layout(5 * TIB, Limits())) == "multipart 550502400*9986+241172480*1"


@st.composite
def any_limits(draw: st.DrawFn) -> Limits:
    smallest = draw(st.integers(0, 64 * MIB))
    return Limits(
        single_put=draw(st.integers(0, 5 * GIB)),
        smallest_part=smallest,
        largest_part=draw(st.integers(max(1, smallest), 5 * GIB)),
        most_parts=draw(st.integers(1, 10_000)),
        largest_object=draw(st.integers(0, LARGEST)),
        equal_parts=draw(st.booleans()),
    )


@given(st.integers(0, LARGEST), any_limits(), st.integers(0, GIB))
def test_what_is_chosen_holds_the_object_within_the_limits(size: int, limits: Limits, threshold: int) -> None:
    try:
        chosen = choose_layout(size, limits, threshold=threshold)
    except ObjectTooLargeError:
        assert size > min(limits.largest_object, limits.most_parts * limits.largest_part)
    else:
        assert chosen.size == size
        assert limits.allow(chosen)


def test_a_store_with_other_part_limits_gets_other_parts() -> None:
    assert choose_layout(GIB, Limits(smallest_part=64 * MIB)).part_size(1) == 64 * MIB
    assert choose_layout(GIB, Limits(largest_part=8 * MIB)).part_size(1) == 8 * MIB


def test_small_objects_go_as_one_put() -> None:
    assert choose_layout(64 * MIB, Limits()) == Layout.single(64 * MIB)
    assert choose_layout(0, Limits(), threshold=0) == Layout.single(0)
    assert choose_layout(11, Limits(single_put=10)).multipart


@pytest.mark.parametrize("limits", [Limits(largest_object=99), Limits(largest_part=9, smallest_part=1, most_parts=11)])
def test_an_object_that_no_layout_holds_is_refused(limits: Limits) -> None:
    with pytest.raises(ObjectTooLargeError, match="100 bytes"):
        choose_layout(100, limits, threshold=0)


def test_the_source_layout_is_mirrored_exactly_where_it_is_legal() -> None:
    odd = Layout.of([7 * MIB, 6 * MIB, 9 * MIB, 1])

    assert choose_layout(odd.size, Limits(), odd) is odd
    assert choose_layout(odd.size, R2, odd, threshold=MIB) == Layout.uniform(odd.size, 16 * MIB)


def test_a_multipart_source_is_mirrored_even_below_the_threshold() -> None:
    tiny = Layout.uniform(5, 10)

    assert choose_layout(5, Limits(), tiny) is tiny


def test_a_single_put_source_is_cut_like_any_other() -> None:
    assert choose_layout(GIB, Limits(), Layout.single(GIB)) == Layout.uniform(GIB, 16 * MIB)


def test_parts_above_the_budget_are_not_mirrored() -> None:
    large = Layout.uniform(GIB, 256 * MIB)

    assert choose_layout(GIB, Limits(), large, part_budget=256 * MIB) is large
    assert choose_layout(GIB, Limits(), large, part_budget=256 * MIB - 1) == Layout.uniform(GIB, 16 * MIB)


def test_a_layout_of_another_size_is_not_mirrored() -> None:
    assert choose_layout(10 * MIB, Limits(), Layout.uniform(11 * MIB, 5 * MIB)) == Layout.single(10 * MIB)


@given(st.sampled_from(COMMON_PART_SIZES), st.integers(2, 10_000), st.data())
def test_inferred_layouts_have_the_size_and_count_asked_for(part: int, count: int, data: st.DataObject) -> None:
    size = part * (count - 1) + data.draw(st.integers(1, part))

    found = infer(size, count)

    assert 1 <= len(found) <= 3
    assert {(layout.size, layout.count) for layout in found} == {(size, count)}


@given(st.sampled_from([5, 8, 16, 50, 64]), st.integers(12, 10_000), st.data())
def test_the_part_sizes_of_common_clients_are_found(mib: int, count: int, data: st.DataObject) -> None:
    size = mib * MIB * (count - 1) + data.draw(st.integers(1, mib * MIB))

    assert Layout.uniform(size, mib * MIB) in infer(size, count)


def test_an_odd_part_size_is_found_where_the_window_is_closed() -> None:
    size = 7 * MIB * 99 + 5

    assert Layout.uniform(size, 7 * MIB) in infer(size, 100)


def test_an_even_division_is_tried() -> None:
    assert infer(3_333, 3) == (Layout.uniform(3_333, 1_111),)


def test_likelier_part_sizes_come_first() -> None:
    assert [layout.part_size(1) for layout in infer(8 * MIB + 1, 2)] == [8 * MIB, 5 * MIB, 8_000_000]
    assert len(infer(100 * MIB, 2)) == 3
    assert len(infer(100 * MIB, 2, most=1)) == 1


def test_two_whole_mebibytes_in_the_window_are_tried_and_more_are_not() -> None:
    assert [layout.part_size(1) for layout in infer(4 * MIB, 2)] == [2 * MIB, 3 * MIB]
    assert [layout.part_size(1) for layout in infer(10_000 * 1000, 5)] == [2 * MIB, 2_000_000]
    assert [layout.part_size(1) for layout in infer(265 * MIB, 2)] == [256 * MIB, 256_000_000, 265 * MIB // 2]


def test_three_whole_mebibytes_in_the_window_are_too_many_and_two_are_not() -> None:
    three, two = 43 * 20 * MIB + 1, 42 * 25 * MIB + 1

    assert infer(three, 21) == (Layout.uniform(three, -(-three // 21)),)
    assert [layout.part_size(1) for layout in infer(two, 26)] == [41 * MIB, 42 * MIB, -(-two // 26)]


def test_ten_thousand_parts_and_parts_of_one_byte_are_inferred() -> None:
    assert infer(80_000 * MIB, 10_000) == (Layout.uniform(80_000 * MIB, 8 * MIB),)
    assert infer(4, 4) == (Layout.uniform(4, 1),)


def test_one_part_needs_no_guess() -> None:
    assert infer(77, 1) == (Layout.of([77]),)
    assert infer(0, 1) == (Layout.of([0]),)


@pytest.mark.parametrize(("size", "count"), [(0, 2), (3, 4), (5, 4), (10, 0), (10, -1), (10**9, 10_001)])
def test_sizes_and_counts_that_no_uniform_layout_has_give_nothing(size: int, count: int) -> None:
    assert infer(size, count) == ()


@pytest.mark.parametrize(
    ("limits", "reach"),
    [
        (Limits(), 10_000 * 5 * GIB),
        (Limits(most_parts=2, largest_part=3 * GIB), 6 * GIB),
        (Limits(most_parts=1, largest_part=3 * GIB), 5 * GIB),
        (Limits(largest_object=7), 7),
    ],
)
def test_the_largest_object_is_set_by_whichever_limit_comes_first(limits: Limits, reach: int) -> None:
    assert limits.reach == reach
