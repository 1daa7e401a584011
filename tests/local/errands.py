"""Jobs for the tests of the worker, and a worker that runs them:  python -m tests.local.errands --grace SECONDS"""

import argparse
import os
import signal
import time
from pathlib import Path

NAMES = frozenset(
    f"tests.local.errands.{name}" for name in ("leave_word", "work_until_stopped", "never_stop", "work_on")
)


def place(name: str) -> Path:
    return Path(os.environ["DATA_DIR"]) / f"errand-{name}"


def leave_word(name: str) -> None:
    place(name).write_text("done")


def work_until_stopped(name: str) -> None:
    from migrator import jobs

    place(name).write_text(f"{os.getpid()}")
    while not jobs.stopping():
        time.sleep(0.05)
    place(name).write_text("stopped at a boundary")


def never_stop(name: str) -> None:
    place(name).write_text(f"{os.getpid()}")
    while True:
        time.sleep(1)


def work_on(name: str) -> None:
    """Work until someone removes the file."""
    place(name).write_text(f"{os.getpid()}")
    while place(name).exists():
        time.sleep(0.05)
    place(f"{name}-done").write_text("done")


def main() -> None:
    import django

    django.setup()
    from migrator.local import queues, workers

    parser = argparse.ArgumentParser()
    parser.add_argument("--grace", type=float, default=20.0)
    parser.add_argument("--redis", default="")
    parser.add_argument("--stop-in-fork", action="store_true", help="be told to stop while the first horse is born")
    given = parser.parse_args()
    connection = queues.connect(given.redis)
    queues.wait_for_redis(connection)
    if given.stop_in_fork:
        os.register_at_fork(
            after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM), after_in_child=lambda: time.sleep(0.5)
        )
    workers.Worker(connection, grace=given.grace, allowed=NAMES).work()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
