"""`manage.py create_user`: make a person from the command line."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from migrator import services
from migrator.local import folder
from migrator.models import Role

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Make a person with one role."""

    help = "Make a person. The password comes from standard input or is asked for; it is never an argument."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the person's name and role."""
        folder.add_data_argument(parser)
        parser.add_argument("user", metavar="USER", help="the name to sign in with")
        parser.add_argument("--role", required=True, choices=Role.values, help="what the person may do")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make the person and say so."""
        try:
            person = services.create_user(options["user"], options["role"], _password(options["password_stdin"]))
        except services.Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        except DatabaseError as exc:
            raise CommandError(f"The database cannot be used: {exc}. `manage.py doctor` says what is missing.") from exc
        self.stderr.write(f"{person.get_username()} can sign in now, as {options['role']}.")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError("Give the password on standard input with --password-stdin.", returncode=2)
    return getpass.getpass()
