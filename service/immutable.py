"""Immutable value objects."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[T]) -> type[T]:
    """Create a data class whose instances must not be modified, as enforced by the type checker.

    `frozen=True` would enforce it at run time too, but takes several times as long per instance: a sign-in creates a
    dozen.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
