"""`manage.py worker`: take jobs from the queue until SIGTERM."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from migrator.local import folder, queues, workers

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Run one worker."""

    help = (
        "Run one worker: it plans and copies. At SIGTERM the running job begins nothing new, "
        "and a body on its way gets a moment to arrive."
    )
    requires_system_checks = ["security"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how long a stop may last."""
        folder.add_data_argument(parser)
        parser.add_argument(
            "--grace", type=float, default=100.0, metavar="SECONDS", help="what a running job has to stop (100)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Work until stopped, through any outage of Redis."""
        # Until the worker has its own handlers there is nothing to wait for.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        connection = queues.connect()
        queues.wait_for_redis(connection)
        workers.Worker(connection, grace=options["grace"]).work()
