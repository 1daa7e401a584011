"""`manage.py cron`: enqueue what happens by the clock until SIGTERM."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from migrator.local import folder, queues, schedule

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Run the clock. One is enough; two do no harm."""

    help = "Enqueue `reconcile` every 30 seconds."
    requires_system_checks = ["security"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the data folder."""
        folder.add_data_argument(parser)

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Enqueue until stopped, through any outage of Redis."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        connection = queues.connect()
        queues.wait_for_redis(connection)
        schedule.Schedule(connection).run()
