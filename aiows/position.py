"""`Position`: a place in the log of a topic."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("Position",)


class Position(NamedTuple):
    """A place in the log of a topic: the message with the number ``offset`` is the last before it.

    The first message of a log has the number 1, so 0 is before all of them. ``epoch`` is a text without a
    meaning: numbers of different epochs cannot be compared.
    """

    epoch: str
    offset: int
