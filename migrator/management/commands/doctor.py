"""`manage.py doctor`: look at each part and say what to do."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from migrator.local import folder, health
from migrator.local.health import Outcome

if TYPE_CHECKING:
    from argparse import ArgumentParser

_MARKS = {Outcome.GOOD: "ok", Outcome.WARNING: "warning", Outcome.BAD: "PROBLEM"}


class Command(BaseCommand):
    """Look at each part of this installation."""

    help = "Look at each part of this installation and say what to do. Exit code 1 if something must be done."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the answer."""
        folder.add_data_argument(parser)
        parser.add_argument("--json", action="store_true", help="answer for machines")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print one line for each part."""
        findings = list(health.examine())
        is_well = all(finding.outcome is not Outcome.BAD for finding in findings)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": is_well, "parts": [asdict(finding) for finding in findings]}, indent=2))
        else:
            for finding in findings:
                advice = f"  {finding.advice}" if finding.outcome is not Outcome.GOOD else ""
                self.stdout.write(f"{_MARKS[finding.outcome]:8} {finding.part:12} {finding.words}{advice}")
        if not is_well:
            sys.exit(1)
