"""What the services refused, at the field it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from migrator import services

if TYPE_CHECKING:
    from collections.abc import Mapping


def show_refusal(form: forms.Form, refused: services.Refused, fields: Mapping[str, str] | None = None) -> None:
    """Put each problem of a refusal at its field; `fields` maps the services' names to the form's."""
    names = fields or {}
    if not refused.problems:
        form.add_error(None, refused.message)
    for problem in refused.problems:
        name = names.get(problem.field, problem.field.replace("options.", "").replace(".", "_"))
        form.add_error(name if name in form.fields else None, problem.message)
