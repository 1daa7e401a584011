"""`manage.py create_token`: make a key to the JSON API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from migrator import services
from migrator.local import folder

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Make a token and print it: the token and nothing else."""

    help = "Make a token for the JSON API and print it. It is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose token it is."""
        folder.add_data_argument(parser)
        parser.add_argument("user", metavar="USER", help="an id or an exact name")
        parser.add_argument("--name", default="command line", help="what the token is for (command line)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the token."""
        try:
            _, text = services.create_token(_person(options["user"]), options["name"])
        except services.Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        except DatabaseError as exc:
            raise CommandError(f"The database cannot be used: {exc}. `manage.py doctor` says what is missing.") from exc
        self.stdout.write(text)


def _person(name_or_id: str) -> User:
    person = User.objects.filter(username=name_or_id).first()
    if person is None and name_or_id.isdecimal():
        person = User.objects.filter(pk=int(name_or_id)).first()
    if person is None:
        raise CommandError(f"There is no person called {name_or_id}.")
    return person
