"""`Position`: a place in the log of a topic."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ("Position",)


class Position(NamedTuple):
    """A place in the log of a topic: the message with the number ``offset`` is the last before it.

    The first message of a log has the number 1, so 0 is before all of them. ``epoch`` is a text without a
    meaning: numbers of different epochs cannot be compared.
    """

    epoch: str
    offset: int

    @classmethod
    def of(cls, since: Any) -> Position:
        """Return the position that a caller has given as a pair. Raises TypeError for what is none."""
        match since:
            case (str() as epoch, int() as offset) if not isinstance(offset, bool):
                return cls(epoch, offset)
            case _:
                raise TypeError(f"a position is a pair of epoch and number, not {since!r:.128}")
