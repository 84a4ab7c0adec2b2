"""Immutable value objects."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[T]) -> type[T]:
    """Create a data class whose instances must not be modified, as enforced by the type checker.

    `frozen=True` would enforce it at run time too. A sign-in creates a dozen instances: without it, 1.07 times as many
    sign-ins a second with a fast hash (`bench`, `mechanisms`).
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
