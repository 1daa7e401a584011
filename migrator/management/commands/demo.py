"""`manage.py demo`: everything on one machine, with sample data."""

from __future__ import annotations

from migrator.local.demonstration import Demonstration
from migrator.management.commands import start


class Command(start.Command):
    """Start everything that `start` does, and two stores with sample objects."""

    help = "Run Truecopy with sample data, in a folder of its own. Ctrl-C stops all of it."
    machine = Demonstration
