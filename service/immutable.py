"""Immutable value objects."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[T]) -> type[T]:
    """Make a data class whose objects nobody may change: the type checker sees to it.

    `frozen=True` would see to it at run time too, and make each object take several times as long: a sign-in makes a
    dozen.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
