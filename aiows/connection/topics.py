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

# A character has at most so many bytes: most names are known to be short without a look at them.
_BYTES_OF_CHARACTER: Final = 4


def check_topic(topic: object) -> None:
    """Raise TypeError for what is no name of a topic, TopicTooLong, before anybody is subscribed or told."""
    if not isinstance(topic, str):
        raise TypeError(f"a topic is a str, not {topic!r:.128}")
    if len(topic) * _BYTES_OF_CHARACTER > LONGEST_NAME:
        size = len(topic.encode(errors="surrogatepass"))
        if size > LONGEST_NAME:
            raise TopicTooLong(size, LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody who joins a topic wants of what is in its log.

    ``since``: what came after this position. ``last``: else so many of the last messages.
    """

    since: Position | None = None
    last: int = 0


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
