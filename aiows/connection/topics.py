"""What is asked of a hub about topics, and about requests that are handled once, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..errors import TopicTooLong
from ..position import Position
from .prepared import PreparedMessage

__all__ = ("Handled", "HistoryPage", "Joined", "Wish", "check_topic")


# Bytes of a topic's name. It is kept for as long as anybody is subscribed, here and on the backplane: stops a
# client that may choose a part of the name from sending megabytes for it, again and again. The names of all
# topics that a connection may have are as much as one message, 4 MiB.
LONGEST_NAME: Final = 1024


def check_topic(topic: object) -> None:
    """Raise if ``topic`` cannot be the name of one, before anybody is subscribed or told.

    TypeError for what is no text, ValueError for half a surrogate pair, which UTF-8 cannot say, TopicTooLong.
    """
    if not isinstance(topic, str):
        raise TypeError(f"a topic is a str, not {topic!r:.128}")
    size = len(topic) if topic.isascii() else len(_encoded(topic))
    if size > LONGEST_NAME:
        raise TopicTooLong(size, LONGEST_NAME)


def _encoded(topic: str) -> bytes:
    try:
        return topic.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the name of a topic is no UTF-8: {topic!r:.128}") from error


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody who joins a topic wants of what is in its log.

    ``since``: what came after this position. ``last``: else so many of the last messages. Raises TypeError
    for a ``last`` that is no number, ValueError for one below 0.
    """

    since: Position | None = None
    last: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.last, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"last={self.last!r:.64}: how many messages is a number")
        if self.last < 0:
            raise ValueError(f"last={self.last!r}: how many messages is 0 or more")


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of a join: everything after ``position`` is sent as it comes; None: the topic has no history.

    ``recovered``: whether all that came since the position that was asked for has been sent before; None if
    none was asked for. If it is False messages are missing, and the client has to load what it shows anew.
    """

    position: Position | None = None
    recovered: bool | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Messages of a topic, with their numbers: ``(17, {"kind": ...})``.

    ``position`` is where the log is. ``recovered``: whether the messages begin right behind the position that
    was asked for; False, and no messages, if that is not kept any more; None if none was asked for.
    """

    position: Position
    messages: tuple[tuple[int, Any], ...]
    recovered: bool | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a request that was sent before; ``answer`` is None where none is kept (yet)."""

    is_done: bool
    answer: PreparedMessage | None = None
