"""Values that are made by the thousand in a second: frozen for the type checker, and quick to make.

A frozen dataclass guards each of its fields with a call while it is made: half of what making a check costs, and a
twentieth of what copying a small object does. These are plain dataclasses at run time, equal and hashable by their
fields. That nobody changes one is held by mypy, which sees them as frozen; so a class that leaves our own code to be
filled by others is no value of this kind.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def plain_value(cls: type[_T]) -> type[_T]:
    """Make a class a value; its fields may be given by place or by name."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def named_value(cls: type[_T]) -> type[_T]:
    """Make a class a value whose fields are given by name only."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=True)(cls)
