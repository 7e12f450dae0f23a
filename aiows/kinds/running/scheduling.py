"""Decides when a message of a kind that may overlap is handled: at once, or after others."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, Final, cast

from ...connection import Work
from ..concurrency import Concurrency, Parallel

__all__ = ("SUPERSEDED", "Group", "Groups", "key_of")

SUPERSEDED: Final = "a later message was handled instead"


def key_of(concurrency: Concurrency, message: Any) -> Any:
    """Return the key of ``message``: it waits for others of its kind and key. None: for all of its kind.

    Raises what a function that was given as the key raises.
    """
    key = getattr(concurrency, "key", None)
    if key is None:
        return None
    if callable(key):
        return key(message)
    return cast("Any", message)[key] if isinstance(message, dict) else getattr(message, key)


class Group:
    """Messages that wait for each other: ``slots`` lets as many run as may run at once.

    ``works``: all messages of the group, in the order in which they came.
    """

    __slots__ = ("slots", "works")

    def __init__(self, limit: int) -> None:
        self.slots = asyncio.Semaphore(limit)
        self.works: dict[Work, None] = {}

    def supersede_before(self, work: Work) -> None:
        """Stop everything that came before ``work``."""
        for earlier in takewhile(lambda each: each is not work, self.works):
            earlier.stop(SUPERSEDED)


class Groups:
    """The groups of one connection, by kind and key; a group exists only while it has messages."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[Hashable, Group] = {}

    @contextmanager
    def entered(self, key: Hashable, concurrency: Concurrency, work: Work) -> Generator[Group]:
        """Add ``work`` to the group of ``key`` while it waits and runs; it has to await a slot itself."""
        group = self._groups.get(key)
        if group is None:
            limit = concurrency.limit if isinstance(concurrency, Parallel) else 1
            group = self._groups[key] = Group(limit)
        group.works[work] = None
        try:
            yield group
        finally:
            del group.works[work]
            if not group.works:
                del self._groups[key]
