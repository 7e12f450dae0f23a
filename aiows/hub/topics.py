"""Declared topics: which names they cover, and whether their messages are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ..backplane import Keep
from ..connection import check_topic
from ..errors import RegistrationError
from ..settings import Expected, is_number, is_whole_number

__all__ = ("DeclaredTopics", "History", "Topic")

ANY: Final = "*"

# A page that comes back gets up to so many messages, from the memory of each node.
MOST: Final = 10_000


SIZE: Final = Expected(
    lambda value: is_whole_number(value) and 1 <= value <= MOST, f"from 1 to {MOST} messages"
)
SECONDS: Final = Expected(lambda value: is_number(value) and value > 0, "more than 0 seconds")
NAME: Final = Expected(
    lambda value: isinstance(value, str) and value != "", "a text that is not empty"
)
TOPICS: Final = Expected(
    lambda value: isinstance(value, Iterable) and not isinstance(value, str),
    "a sequence of Topic objects",
)
HISTORY: Final = Expected(
    lambda value: value is None or isinstance(value, History), "a History, or None"
)


@dataclass(frozen=True, slots=True)
class History:
    """The last ``size`` messages of a topic are kept, each for at most ``seconds``.

    ``History(size=1)`` is the last value alone. Raises RegistrationError for a size that is not between 1 and
    10,000, and for seconds that are not more than 0.
    """

    size: int = 100
    seconds: float = 3600.0
    keep: Keep = field(init=False, repr=False, compare=False)
    """The same for a backplane."""

    def __post_init__(self) -> None:
        SIZE.check("History.size", self.size)
        SECONDS.check("History.seconds", self.seconds)
        object.__setattr__(self, "keep", Keep(self.size, float(self.seconds)))


@dataclass(frozen=True, slots=True)
class Topic:
    """The topics called ``name``, or all that begin with what is before its ``*``: ``Topic("room:*")``.

    ``history``: how many of their messages are kept; None: none are. Raises RegistrationError for a name that
    is empty, or has a ``*`` before its end, TopicTooLong.
    """

    name: str
    history: History | None = None

    def __post_init__(self) -> None:
        NAME.check("Topic.name", self.name)
        check_topic(self.name)
        if ANY in self.name[:-1]:
            raise RegistrationError(f"the topic {self.name!r}: a * can only be at its end")
        HISTORY.check(f"the topic {self.name!r}: history", self.history)

    @property
    def prefix(self) -> str | None:
        """What the names begin with; None if it is one name only."""
        return self.name.removesuffix(ANY) if self.name.endswith(ANY) else None


class DeclaredTopics:
    """The declared topics of a hub; the longest name that fits counts."""

    __slots__ = ("_exact", "_prefixes", "have_history")

    def __init__(self, topics: Iterable[Topic] = ()) -> None:
        TOPICS.check("topics", topics)
        self._exact: dict[str, Topic] = {}
        prefixes: dict[str, Topic] = {}
        for topic in topics:
            if not isinstance(topic, Topic):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise RegistrationError(f"topics= takes Topic objects, not {topic!r}")
            table, key = (
                (self._exact, topic.name) if topic.prefix is None else (prefixes, topic.prefix)
            )
            if key in table:
                raise RegistrationError(f"the topic {topic.name!r} is declared twice")
            table[key] = topic
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0]))
        self.have_history = any(
            each.history is not None for each in (*self._exact.values(), *prefixes.values())
        )

    def __bool__(self) -> bool:
        return bool(self._exact or self._prefixes)

    def of(self, name: str) -> Topic | None:
        """Return the declaration that covers ``name``; None if it is not declared."""
        topic = self._exact.get(name)
        if topic is not None:
            return topic
        for prefix, each in self._prefixes:
            if name.startswith(prefix):
                return each
        return None

    def cover(self, name: str) -> bool:
        """Whether ``name`` is declared; one that ends with a ``*`` is if any topic is that it stands for."""
        prefix = name.removesuffix(ANY)
        if self.of(prefix) is not None:
            return True
        declared = (*self._exact, *(each for each, _ in self._prefixes))
        return prefix != name and any(each.startswith(prefix) for each in declared)

    def history_of(self, name: str) -> History | None:
        """Return how much of a topic is kept; None if nothing is."""
        topic = self.of(name)
        return None if topic is None else topic.history
