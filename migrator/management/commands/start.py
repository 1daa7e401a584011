"""`manage.py start`: everything on one machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from migrator.local import folder
from migrator.local.machine import Machine, Wish

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Start Valkey, web, workers and cron, and stop them together."""

    help = "Run Truecopy on this machine: Valkey, web, workers and cron. Ctrl-C stops all of it."
    requires_system_checks = ["security"]
    machine = Machine

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to listen and how many workers to run."""
        folder.add_data_argument(parser)
        parser.add_argument("--bind", default="127.0.0.1", metavar="ADDR", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=_port, metavar="N", help="the port; without it 8000 or the next free one")
        parser.add_argument("--workers", type=_count, default=2, metavar="N", help="how many workers (2)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until stopped."""
        wish = Wish(bind=options["bind"], port=options["port"], workers=options["workers"])
        try:
            code = self.machine(wish, self._say).run()
        except folder.Refused as refusal:
            raise CommandError(str(refusal), returncode=refusal.exit_code) from refusal
        sys.stdout.flush()
        # Everything is stopped and closed; tidying the interpreter takes longer than all of that.
        os._exit(code)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
