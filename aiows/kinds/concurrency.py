"""How messages of one kind may overlap on one connection; see `KindOptions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ("Concurrency", "InOrder", "Latest", "OnePerKey", "Parallel")

Key: TypeAlias = str | Callable[[Any], Any]
"""The name of a field of the message, or a function that gets the message and returns the key."""


@dataclass(frozen=True, slots=True)
class InOrder:
    """One message after the other, in the order in which they came: the default."""


@dataclass(frozen=True, slots=True)
class Parallel:
    """At most ``limit`` messages at the same time on one connection. Raises ValueError for less than 1."""

    limit: int

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"Parallel(limit) is 1 or more, not {self.limit}")


@dataclass(frozen=True, slots=True)
class OnePerKey:
    """Messages with the same key one after the other; messages with different keys at the same time."""

    key: Key


@dataclass(frozen=True, slots=True)
class Latest:
    """A message that passes its guards cancels the one before it; with ``key``, the one of the same key."""

    key: Key | None = None


Concurrency: TypeAlias = InOrder | Parallel | OnePerKey | Latest
