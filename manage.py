#!/usr/bin/env python
"""Entry point of every Truecopy command."""

import os
import sys


def main() -> None:
    """Run the command named on the command line, with Truecopy's settings and the data folder it names."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")
    from migrator.local import folder

    try:
        # The settings are read when Django starts, so the folder must be settled before.
        arguments = folder.choose(sys.argv, os.environ)
    except folder.Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(refusal.exit_code)
    _run(arguments)


def _run(arguments: list[str]) -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(arguments)
    except ImproperlyConfigured as problem:
        sys.exit(f"The settings cannot be read: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
