"""What the README says is so."""

from __future__ import annotations

import re
from pathlib import Path

from django.core.management import get_commands


def test_the_table_of_variables_is_what_settings_read(project_root: Path) -> None:
    settings = (project_root / "migrator/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env\.\w+\("([A-Z_]+)"', settings)) | set(re.findall(r'_number\("([A-Z_]+)"', settings))
    section = (project_root / "README.md").read_text(encoding="utf-8").split("## Settings")[1].split("\n## ")[0]

    named = set(re.findall(r"^\| `([A-Z_]+)` \|", section, flags=re.MULTILINE))

    assert named == read


def test_every_command_in_the_readme_exists(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text(encoding="utf-8")

    named = set(re.findall(r"manage\.py (\w+)", readme))

    assert named - set(get_commands()) == set()


def test_every_make_target_in_the_readme_exists(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text(encoding="utf-8")
    makefile = (project_root / "Makefile").read_text(encoding="utf-8")

    named = set(re.findall(r"\bmake ([a-z-]+)\b", readme)) - {"tasks", "the"}

    assert {target for target in named if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)} == set()


def test_every_file_the_readme_links_to_exists(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text(encoding="utf-8")

    linked = re.findall(r"\]\(([^)#:]+)\)", readme)

    assert [name for name in linked if not (project_root / name).exists()] == []
