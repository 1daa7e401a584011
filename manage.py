#!/usr/bin/env python
"""Entry point of every Truecopy command."""

import os
import sys


def main() -> None:
    """Run the command named on the command line with Truecopy's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
