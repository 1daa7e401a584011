"""What is read out of py-spy's samples."""

from __future__ import annotations

from tests.benchmarks.profiles import Share, shares


def test_a_sample_counts_for_the_function_that_ran() -> None:
    stacks = "process 7;main (manage.py:9);feed (digests.py:10) 6\nmain (manage.py:9);_pay (crowd.py:3) 2\n"

    assert shares(iter([stacks])) == [Share(0.75, "feed (digests.py)"), Share(0.25, "_pay (crowd.py)")]


def test_lines_of_one_function_and_workers_are_added_up() -> None:
    stacks = ["main (a.py:1);feed (digests.py:10) 1\n", "main (a.py:1);feed (digests.py:99) 3\n"]

    assert shares(iter(stacks)) == [Share(1.0, "feed (digests.py)")]


def test_who_only_waits_does_not_count() -> None:
    stacks = "run (a.py:1);_worker (concurrent/futures/thread.py:81) 9\nmain (a.py:1);feed (digests.py:10) 1\n"

    assert shares(iter([stacks])) == [Share(1.0, "feed (digests.py)")]


def test_no_samples_are_no_shares() -> None:
    assert shares(iter([])) == []
