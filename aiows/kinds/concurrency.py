"""In goes how messages of one kind may overlap, out comes a value that says so; see `KindOptions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ("Concurrency", "InOrder", "Latest", "OnePerKey", "Parallel")

Key: TypeAlias = str | Callable[[Any], Any]
"""The name of a field of the message, or a function of the message: what is equal belongs together."""


@dataclass(frozen=True, slots=True)
class InOrder:
    """One message after the other, as they came: the default."""


@dataclass(frozen=True, slots=True)
class Parallel:
    """At most ``limit`` messages at once on one connection. Raises ValueError for less than 1."""

    limit: int

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"Parallel(limit) is 1 or more, not {self.limit}")


@dataclass(frozen=True, slots=True)
class OnePerKey:
    """Messages with the same key one after the other, others at once."""

    key: Key


@dataclass(frozen=True, slots=True)
class Latest:
    """A message cancels the one before it, of the same ``key`` if there is one, once no guard refuses it."""

    key: Key | None = None


Concurrency: TypeAlias = InOrder | Parallel | OnePerKey | Latest
