from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from migrator import jobs, services
from migrator.models import Run
from tests.api.caller import a_record, a_run, a_task
from tests.stores import Stores, make_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]


@pytest.fixture
def worker() -> Iterator[None]:
    """Does the jobs of the first run that appears, as a worker would."""
    thread = threading.Thread(target=_work_for_the_first_run)
    thread.start()
    yield
    thread.join(timeout=30)


def _work_for_the_first_run() -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        run = Run.objects.filter(state=Run.State.PLANNING).first()
        if run is not None:
            jobs.plan(str(run.pk))
            jobs.work(str(run.pk))
            break
        time.sleep(0.05)
    connection.close()


def run_task(*arguments: str) -> tuple[int, str, str]:
    """Return the exit code and what was said on stdout and stderr."""
    said, told = io.StringIO(), io.StringIO()
    try:
        call_command("run_task", *arguments, stdout=said, stderr=told)
    except SystemExit as ended:
        return int(str(ended.code)), said.getvalue(), told.getvalue()
    return 0, said.getvalue(), told.getvalue()


def test_all_verified_is_0_and_stdout_is_the_id(stores: Stores, operator: User, worker: None) -> None:
    stores.seed(one=b"1" * 1000)
    make_task(stores, operator)

    code, said, told = run_task("Archive", "--wait")

    run = Run.objects.get()
    assert (code, said, run.state, run.created_by) == (0, f"{run.pk}\n", "finished", operator)
    assert "1 of 1 settled: 1 verified" in told


def test_an_item_that_is_not_verified_is_3(stores: Stores, operator: User, worker: None) -> None:
    stores.seed(good=b"good" * 500, bad=b"bad!" * 500)
    stores.source.plan_faults(
        [{"operation": "GetObject", "key": "bad", "calls": "all", "at_byte": "seeded", "action": "flip", "seed": 7}]
    )
    task = make_task(stores, operator)

    code, said, _ = run_task(str(task.pk), "--wait", "--json")

    answer = json.loads(said)
    assert (code, answer["state"], answer["counts"]["failed"]) == (3, "finished", 1)


def test_an_empty_plan_is_1_and_says_what_to_do(stores: Stores, operator: User, worker: None) -> None:
    make_task(stores, operator)

    code, _, told = run_task("Archive", "--wait")

    assert (code, Run.objects.get().cause) == (1, "empty_plan")
    assert "--confirm-empty" in told


def test_an_empty_plan_that_was_confirmed_is_0(stores: Stores, operator: User, worker: None) -> None:
    make_task(stores, operator)

    assert run_task("Archive", "--wait", "--confirm-empty")[0] == 0


def test_a_run_that_was_cancelled_is_1(operator: User) -> None:
    a_task(operator)
    cancelling = threading.Thread(target=_cancel_the_first_run, args=(operator,))
    cancelling.start()

    code, _, told = run_task("Archive", "--wait")

    cancelling.join()
    assert code == 1
    assert "Cancelled by operator." in told


def _cancel_the_first_run(person: User) -> None:
    deadline = time.monotonic() + 20
    while not Run.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    services.cancel_run(person, Run.objects.get())
    connection.close()


def test_without_wait_it_leaves_at_once(operator: User) -> None:
    a_task(operator)

    code, said, told = run_task("Archive")

    assert (code, said.strip(), told) == (0, str(Run.objects.get().pk), "")


def test_an_admin_may_run_the_task_of_another(operator: User, admin: User) -> None:
    a_task(operator)

    run_task("Archive", "--as", "admin")

    assert Run.objects.get().created_by == admin


def test_the_role_counts_on_the_command_line_too(operator: User, auditor: User) -> None:
    a_task(operator)

    with pytest.raises(CommandError, match="Only an operator or an admin"):
        run_task("Archive", "--as", "auditor")

    assert not Run.objects.exists()


def test_a_retry_takes_the_last_run_that_has_something_to_retry(operator: User) -> None:
    task = a_task(operator)
    earlier = a_run(operator, task, planned=1, failed=1)
    a_record(earlier, 0, "failed")
    a_run(operator, task)

    run_task("Archive", "--kind", "retry")

    assert Run.objects.get(kind="retry").retry_of == earlier


def test_a_retry_of_nothing_is_refused(operator: User) -> None:
    a_task(operator)

    with pytest.raises(CommandError, match="Name the earlier run"):
        run_task("Archive", "--kind", "retry")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Nothing"], "no task called Nothing"),
        (["Archive", "--as", "nobody"], "no person called nobody"),
        (["Archive", "--kind", "retry", "--retry-of", "x"], "no ended run x"),
        (["Archive", "--retry-of", "x"], "belongs to --kind retry"),
    ],
)
def test_what_is_not_there_is_said(operator: User, arguments: list[str], words: str) -> None:
    a_task(operator)

    with pytest.raises(CommandError, match=words):
        run_task(*arguments)


@pytest.fixture
def at_the_terminal(tmp_path: Path, project_root: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real command in a data folder of its own."""
    theirs = ("DATA_DIR", "REDIS_URL", "DATABASE_URL")
    environment = {name: value for name, value in os.environ.items() if name not in theirs}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments, "--data", str(tmp_path)]
        return subprocess.run(command, cwd=project_root, env=environment, capture_output=True, text=True, timeout=60)

    return call


@pytest.mark.parametrize("arguments", [[], ["Archive", "--kind", "move"], ["Archive", "--fast"]])
def test_wrong_usage_is_2(
    at_the_terminal: Callable[..., subprocess.CompletedProcess[str]], arguments: list[str]
) -> None:
    ended = at_the_terminal("run_task", *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_task_that_is_not_there_is_1_in_one_line(
    at_the_terminal: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    at_the_terminal("migrate", "--verbosity", "0")

    ended = at_the_terminal("run_task", "Nothing")

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "CommandError: There is no task called Nothing.\n")


def test_a_comparison_takes_its_depth_and_its_sample(stores: Stores, operator: User) -> None:
    make_task(stores, operator)

    code, said, _ = run_task(
        "Archive", "--kind", "verify", "--verify-depth", "source", "--sample-percent", "5", "--seed", "7", "--json"
    )

    options = json.loads(said)["options"]
    assert code == 0
    assert (options["verify_depth"], options["sample_percent"], options["seed"]) == ("source", 5, 7)


def test_a_sample_of_a_copy_is_refused(stores: Stores, operator: User) -> None:
    make_task(stores, operator)

    with pytest.raises(CommandError, match="sample_percent belongs to a run of kind verify"):
        run_task("Archive", "--sample-percent", "5")
