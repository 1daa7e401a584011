"""The fault plan: read strictly, counted per call, seeded."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from migrator.sandbox.errors import SandboxProblem
from migrator.sandbox.faults import ACTIONS, Fault, FaultPlan, Strike

EXAMPLE = {
    "side": "source",
    "operation": "GetObject",
    "key": "photos/*",
    "calls": "1",
    "at_byte": "seeded",
    "action": "flip",
    "value": None,
    "seed": 7,
}


def hits(calls: str, key: str = "a", times: int = 6) -> list[int]:
    plan = FaultPlan.of([{"operation": "GetObject", "action": "flip", "calls": calls}])
    return [call for call in range(1, times + 1) if plan.strike("GetObject", key, None)]


def test_the_example_of_the_fault_rules_is_read_and_written_alike() -> None:
    fault = Fault.of(EXAMPLE)

    assert fault.to_json() == {**EXAMPLE, "part": None}
    assert Fault.of(fault.to_json()) == fault


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action": "explode"}, "unknown action 'explode'"),
        ({"operation": "GetObjects"}, "unknown operation 'GetObjects'"),
        ({"when": "now"}, "no field when"),
        ({"calls": "0"}, "calls is like"),
        ({"calls": "2-x"}, "calls is like"),
        ({"calls": 1}, "calls is like"),
        ({"at_byte": -1}, "at_byte"),
        ({"at_byte": "middle"}, "at_byte"),
        ({"side": "left"}, "side"),
        ({"seed": "seven"}, "seed"),
        ({"part": 0}, "part number"),
        ({"key": 7}, "glob"),
        ({"action": "ignore"}, "name of a header"),
        ({"action": "header", "value": "x"}, "header needs"),
        ({"action": "xml"}, "xml needs"),
        ({"action": "status", "value": "503"}, "status needs"),
        ({"action": "overwrite", "value": "during"}, "before"),
        ({"action": "resolve"}, "name resolution"),
        ({"action": "refuse"}, "before any operation"),
        ({"action": "tls", "operation": "*", "key": "*"}, "wrong_name"),
        ({"action": "truncate", "operation": "PutObject"}, "cannot act on PutObject"),
        ({"action": "corrupt_after_ack"}, "cannot act on GetObject"),
    ],
)
def test_what_cannot_be_read_is_named(change: Mapping[str, object], words: str) -> None:
    with pytest.raises(SandboxProblem, match=words):
        Fault.of({**EXAMPLE, **change})


def test_a_fault_needs_an_action() -> None:
    with pytest.raises(SandboxProblem, match="needs an action"):
        Fault.of({"operation": "GetObject"})


def test_a_plan_is_a_list() -> None:
    with pytest.raises(SandboxProblem, match="list of faults"):
        FaultPlan.of(EXAMPLE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [("1", [1]), ("3", [3]), ("2-4", [2, 3, 4]), ("3-", [3, 4, 5, 6]), ("all", [1, 2, 3, 4, 5, 6])],
)
def test_calls_say_which_calls(calls: str, expected: list[int]) -> None:
    assert hits(calls) == expected


def test_calls_are_counted_for_each_key_and_part_alone() -> None:
    plan = FaultPlan.of([{"operation": "UploadPart", "action": "status", "calls": "2"}])
    calls = [("a", 1), ("b", 1), ("a", 2), ("a", 1), ("b", 1)]

    assert [plan.strike("UploadPart", *place) is not None for place in calls] == [False, False, False, True, True]


def test_the_first_fault_that_fits_fires() -> None:
    plan = FaultPlan.of([{"action": "flip", "key": "b"}, {"action": "reset"}, {"action": "status"}])
    strike = plan.strike("GetObject", "a", None)

    assert strike is not None
    assert strike.action == "reset"


def test_a_side_takes_only_its_own_faults() -> None:
    plan = [{"side": "source", "action": "flip"}, {"side": "destination", "action": "reset"}, {"action": "stall"}]

    assert [fault.action for fault in FaultPlan.of(plan, "source").faults] == ["flip", "stall"]
    assert [fault.action for fault in FaultPlan.of(plan).faults] == ["flip", "reset", "stall"]


def test_the_glob_fits_the_bytes_of_a_key() -> None:
    fault = Fault.of({"action": "flip", "key": "caf??"})

    assert fault.fits("GetObject", "café", None, 1)
    assert not fault.fits("GetObject", "cafe", None, 1)


def test_a_part_can_be_named() -> None:
    fault = Fault.of({"action": "status", "operation": "UploadPart", "part": 2})

    assert fault.fits("UploadPart", "a", 2, 1)
    assert not fault.fits("UploadPart", "a", 1, 1)


def test_what_did_not_fire_can_be_asked_for() -> None:
    plan = FaultPlan.of([{"action": "flip", "key": "a"}, {"action": "flip", "key": "b"}])
    plan.strike("GetObject", "a", None)

    assert [fault.key for fault in plan.unfired()] == ["b"]
    assert [(fired.index, fired.key, fired.call) for fired in plan.fired] == [(0, "a", 1)]


@pytest.mark.parametrize("seed", [0, 7, 12345])
def test_a_seeded_offset_is_the_same_each_time_and_inside_the_body(seed: int) -> None:
    fault = Fault.of({"action": "flip", "seed": seed, "at_byte": "seeded"})
    strikes = [Strike(fault, "GetObject", "a", None, call) for call in range(1, 20)]
    offsets = [strike.offset(1000) for strike in strikes]

    assert offsets == [strike.offset(1000) for strike in strikes]
    assert all(0 <= offset < 1000 for offset in offsets)
    assert len(set(offsets)) > 10


def test_a_mask_changes_at_least_one_bit() -> None:
    strikes = [Strike(Fault.of({"action": "flip", "seed": seed}), "GetObject", "a", None, 1) for seed in range(50)]

    assert all(0 < strike.mask() < 256 for strike in strikes)


def test_a_fault_on_every_operation_leaves_those_alone_where_it_cannot_act() -> None:
    plan = FaultPlan.of([{"action": "truncate"}])

    assert plan.strike("PutObject", "a", None) is None
    assert plan.strike("HeadObject", "a", None) is None
    assert plan.strike("GetObject", "a", None) is not None


def test_every_action_of_the_rules_is_known() -> None:
    named = (
        "flip truncate reset no_length extend stall drip swap status error_in_200 empty_200 html_200 drop_reply header"
        " etag xml huge_body redirect corrupt_before_hash corrupt_after_ack drop_tail echo_digest ignore land_late"
        " late_visible overwrite delete delete_marker lock refuse tls"
    )

    assert set(named.split()) == ACTIONS
