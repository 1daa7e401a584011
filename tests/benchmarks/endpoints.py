"""Which two stores the bench is told to use, and as whom: by flags, and secrets by the environment too."""

from __future__ import annotations

import argparse
import os
from typing import Any

from tests.benchmarks.places import Addressing, Ends, Place

_SIDES = ("source", "dest")
# A flag stands in the list of processes for everybody to read.
_SECRET = "TRUECOPY_BENCH_SECRET"
_SECRET_OF = "TRUECOPY_BENCH_{side}_SECRET"


def add_endpoints(parser: argparse.ArgumentParser) -> None:
    """Let a person name two stores. What is said of one side alone goes before what is said of both."""
    parser.add_argument("--source", help="address of the source; without it two sandboxes are started")
    parser.add_argument("--dest", help="address of the destination")
    parser.add_argument("--key", default="example-access-key", help="access key id at both")
    secret = os.environ.get(_SECRET, "example-secret-key")
    parser.add_argument("--secret", default=secret, help=f"secret access key at both; better in {_SECRET}")
    parser.add_argument("--region", default="us-east-1", help="region of both (us-east-1)")
    parser.add_argument("--addressing", default=Addressing.PATH, choices=list(Addressing), help="of both (path)")
    for side in _SIDES:
        variable = _SECRET_OF.format(side=side.upper())
        only = parser.add_argument_group(f"only of the {side}")
        only.add_argument(f"--{side}-key", metavar="KEY")
        only.add_argument(f"--{side}-secret", metavar="SECRET", default=os.environ.get(variable), help=variable)
        only.add_argument(f"--{side}-region", metavar="REGION")
        only.add_argument(f"--{side}-addressing", choices=list(Addressing))


def named_ends(wish: argparse.Namespace) -> Ends | None:
    """Return the two stores that were named, if any were."""
    return Ends(*(_place(wish, side) for side in _SIDES)) if wish.source else None


def _place(wish: argparse.Namespace, side: str) -> Place:
    def said(what: str) -> Any:
        return getattr(wish, f"{side}_{what}") or getattr(wish, what)

    return Place(
        getattr(wish, side).rstrip("/"),
        access_key_id=said("key"),
        secret_access_key=said("secret"),
        region=said("region"),
        addressing=Addressing(said("addressing")),
    )
