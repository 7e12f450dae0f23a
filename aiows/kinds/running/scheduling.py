"""In go messages of kinds that may overlap, out comes when it is the turn of each."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, Final, cast

from ...connection import Work
from ..concurrency import Concurrency, Parallel

__all__ = ("SUPERSEDED", "Lane", "Lanes", "key_of")

SUPERSEDED: Final = "a later message has taken its place"


def key_of(concurrency: Concurrency, message: Any) -> Any:
    """Return what ``message`` shares with those that it has to wait for, None if that is its kind alone.

    Raises what a function that was given as the key raises.
    """
    key = getattr(concurrency, "key", None)
    if key is None:
        return None
    if callable(key):
        return key(message)
    return cast("Any", message)[key] if isinstance(message, dict) else getattr(message, key)


class Lane:
    """Messages that wait for each other: ``turn`` is for as many as may be at work at once.

    ``works``: all that are here, in the order in which they came.
    """

    __slots__ = ("turn", "works")

    def __init__(self, limit: int) -> None:
        self.turn = asyncio.Semaphore(limit)
        self.works: dict[Work, None] = {}

    def supersede_before(self, work: Work) -> None:
        """Stop what came before ``work``."""
        for earlier in takewhile(lambda each: each is not work, self.works):
            earlier.stop(SUPERSEDED)


class Lanes:
    """One connection's messages by kind and key; there is a lane only where something is at work."""

    __slots__ = ("_lanes",)

    def __init__(self) -> None:
        self._lanes: dict[Hashable, Lane] = {}

    @contextmanager
    def entered(self, place: Hashable, concurrency: Concurrency, work: Work) -> Generator[Lane]:
        """Be in the lane ``place``, whose turn is to be awaited."""
        lane = self._lanes.get(place)
        if lane is None:
            limit = concurrency.limit if isinstance(concurrency, Parallel) else 1
            lane = self._lanes[place] = Lane(limit)
        lane.works[work] = None
        try:
            yield lane
        finally:
            del lane.works[work]
            if not lane.works:
                del self._lanes[place]
