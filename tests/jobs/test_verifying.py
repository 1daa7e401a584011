"""Runs that compare without copying, through plan, work and finish."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from migrator import jobs, services
from migrator.models import Run, StoreProfile
from tests.stores import DEST_BUCKET, Stores, make_task, records_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

READS = {"ListObjectsV2", "HeadObject", "GetObject", "GetObjectTagging", "GetObjectAttributes", "HeadBucket"}


def run_through(run: Run) -> Run:
    jobs.plan(str(run.pk))
    jobs.work(str(run.pk))
    run.refresh_from_db()
    return run


def verify(stores: Stores, operator: User, **options: object) -> Run:
    task = make_task(stores, operator, if_exists="skip_if_verified_identical")
    return run_through(services.start_run(operator, task, kind="verify", start=True, **options))  # type: ignore[arg-type]


def test_what_another_tool_copied_is_adopted_and_what_is_wrong_is_named(stores: Stores, operator: User) -> None:
    stores.seed(good=b"good" * 500, bad=b"good" * 500, gone=b"gone")
    for key, body in {"good": b"good" * 500, "bad": b"gooD" * 500, "more": b"more"}.items():
        stores.dest.seed(DEST_BUCKET, key, body)

    run = verify(stores, operator)

    found = {key: (record.verdict, record.error_code) for key, record in records_of(run).items()}
    assert found == {
        "good": ("verified", ""),
        "bad": ("failed", "dest_etag_mismatch"),
        "gone": ("failed", "dest_missing"),
    }
    assert (run.state, run.kind, run.pending, run.bytes_copied) == ("finished", "verify", 0, 0)
    assert run.plan_summary["dest_only_keys"] == ["more"]


def test_nothing_is_written_on_either_side(stores: Stores, operator: User) -> None:
    stores.seed(one=b"1", two=b"2")
    stores.dest.seed(DEST_BUCKET, "one", b"1")

    verify(stores, operator)

    assert {entry.operation for sandbox in (stores.source, stores.dest) for entry in sandbox.log} <= READS
    assert stores.dest.keys(DEST_BUCKET) == ["one"]


def test_what_reading_showed_does_not_stand_for_a_negative_control(stores: Stores, operator: User) -> None:
    stores.seed(one=b"1")
    stores.dest.seed(DEST_BUCKET, "one", b"1")

    verify(stores, operator, verify_depth="source")

    assert not StoreProfile.objects.filter(side="destination").exists()


def test_an_earlier_proof_is_not_taken_for_a_comparison(stores: Stores, operator: User) -> None:
    stores.seed(one=b"1" * 100)
    task = make_task(stores, operator, if_exists="skip_if_verified_identical")
    run_through(services.start_run(operator, task, start=True))

    run = run_through(services.start_run(operator, task, kind="verify", start=True))

    assert (run.verified, run.skipped) == (1, 0)
    assert records_of(run)["one"].dest_grade == "D4"


def test_the_same_seed_draws_the_same_sample(stores: Stores, operator: User) -> None:
    stores.seed(**{f"{n:02d}": b"x" for n in range(60)})
    task = make_task(stores, operator)
    first, second = (
        run_through(services.start_run(operator, task, kind="verify", start=True, sample_percent=30, seed=7))
        for _ in range(2)
    )

    assert sorted(records_of(first)) == sorted(records_of(second))
    assert 0 < first.planned < 60
    assert first.plan_summary["excluded"] == {"sample": 60 - first.planned}


def test_a_sample_without_a_seed_keeps_the_one_it_drew(stores: Stores, operator: User) -> None:
    run = services.start_run(operator, make_task(stores, operator), kind="verify", sample_percent=30)

    assert isinstance(run.options["seed"], int)
    assert run.options["verify_depth"] == "both"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"kind": "copy", "verify_depth": "both"}, "verify_depth"),
        ({"kind": "verify", "verify_depth": "deep"}, "verify_depth"),
        ({"kind": "verify", "sample_percent": 0}, "sample_percent"),
        ({"kind": "verify", "seed": 7}, "seed"),
        ({"kind": "verify", "sample_percent": 5, "seed": -1}, "seed"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    stores: Stores, operator: User, options: dict[str, str], field: str
) -> None:
    with pytest.raises(services.Refused) as refused:
        services.start_run(operator, make_task(stores, operator), **options)  # type: ignore[arg-type]

    assert [problem.field for problem in refused.value.problems] == [field]
