"""The single error of the services: a move that is not possible, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at the field it belongs to (dotted, as in the API; empty: the whole)."""

    field: str
    message: str


class Refused(Exception):
    """What was asked for cannot be done.

    With `problems` at fields it is the input that has to change (422 in the API, the field in a form); without,
    it is the state of things that does not allow it (409, a message on the page). `code` is one of the closed list.
    """

    def __init__(self, message: str, *, field: str = "", code: str = "refused") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.problems = [Problem(field, message)] if field else []

    @classmethod
    def of(cls, problems: list[Problem], code: str = "input_refused") -> Refused:
        """Return one refusal for several fields."""
        refused = cls(" ".join(problem.message for problem in problems), code=code)
        refused.problems = problems
        return refused


class Forbidden(Refused):
    """This person's role does not allow it (403)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="forbidden")
