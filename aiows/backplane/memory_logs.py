"""The logs of `MemoryBackplane`: a deque and a counter for each topic, bounded for all of them together."""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from typing import Final, NamedTuple

from ..position import Position
from .base import Entry, Keep, Page

__all__ = ("Logs",)

# What a topic and a message count beside their bytes: about what Python's objects for them take.
TOPIC: Final = 1024
MESSAGE: Final = 256


class _Kept(NamedTuple):
    entry: Entry
    at: float

    @property
    def cost(self) -> int:
        return MESSAGE + len(self.entry.data)


class _Log:
    """One topic; ``cost`` is what it counts, in bytes."""

    __slots__ = ("_kept", "cost", "epoch", "keep", "last_at", "offset", "topic")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.epoch = os.urandom(4).hex()
        self.offset = 0
        self.keep = Keep(0, 0.0)
        self.last_at = 0.0
        self.cost = TOPIC + len(topic)
        self._kept: deque[_Kept] = deque()

    def __bool__(self) -> bool:
        return bool(self._kept)

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.offset)

    def append(self, data: bytes, keep: Keep, now: float) -> None:
        self.offset += 1
        self.keep = keep
        self.last_at = now
        kept = _Kept(Entry(self.offset, data), now)
        self._kept.append(kept)
        self.cost += kept.cost
        self.trim(now)

    def trim(self, now: float) -> None:
        """Drop what is too much or too old."""
        oldest = now - self.keep.seconds
        while self._kept and (len(self._kept) > self.keep.size or self._kept[0].at <= oldest):
            self.drop_first()

    def drop_first(self) -> None:
        self.cost -= self._kept.popleft().cost

    def after(self, offset: int) -> list[Entry]:
        first = max(0, len(self._kept) - (self.offset - offset))
        return [self._kept[index].entry for index in range(first, len(self._kept))]


class Logs:
    """All logs of a process, together at most ``limit`` bytes.

    Above that the messages go of the topic that was silent longest. If none are left, the topic is forgotten
    that was not used for longest: it begins again with another epoch, so that nobody takes its new numbers
    for the old ones.
    """

    __slots__ = ("_full", "_limit", "_logs", "cost")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._logs: OrderedDict[str, _Log] = OrderedDict()  # in the order of their last use
        # Those with messages, by the seconds for which these are kept, in the order of their last message:
        # so the first of each is the first to end.
        self._full: dict[float, OrderedDict[str, _Log]] = {}
        self.cost = 0

    def __len__(self) -> int:
        return len(self._logs)

    def append(self, topic: str, data: bytes, keep: Keep, now: float) -> Position:
        log = self._used(topic)
        self._note(log, empty=True)
        before = log.cost
        log.append(data, keep, now)
        self.cost += log.cost - before
        self._note(log, empty=not log)
        self._expire(now)
        self._shrink()
        return log.position

    def read(self, topic: str, after: int, now: float) -> Page:
        self._expire(now)
        log = self._used(topic)
        before = log.cost
        log.trim(now)
        self.cost += log.cost - before
        if not log:
            self._note(log, empty=True)
        return Page(log.position, log.after(after))

    def _used(self, topic: str) -> _Log:
        log = self._logs.get(topic)
        if log is None:
            log = self._logs[topic] = _Log(topic)
            self.cost += log.cost
        self._logs.move_to_end(topic)
        return log

    def _note(self, log: _Log, *, empty: bool) -> None:
        """Put a log at the end of those with messages, or take it out of them."""
        full = self._full.setdefault(log.keep.seconds, OrderedDict())
        full.pop(log.topic, None)
        if not empty:
            full[log.topic] = log
        elif not full:
            del self._full[log.keep.seconds]

    def _expire(self, now: float) -> None:
        """Drop the messages of topics that were silent for so long that all of these are too old."""
        for seconds, full in tuple(self._full.items()):
            while full and (log := next(iter(full.values()))).last_at <= now - seconds:
                before = log.cost
                log.trim(now)
                self.cost += log.cost - before
                self._note(log, empty=True)

    def _shrink(self) -> None:
        while self.cost > self._limit and self._full:
            log = min((next(iter(full.values())) for full in self._full.values()), key=_last_at)
            before = log.cost
            log.drop_first()
            self.cost += log.cost - before
            if not log:
                self._note(log, empty=True)
        while self.cost > self._limit and len(self._logs) > 1:
            self.cost -= self._logs.popitem(last=False)[1].cost


def _last_at(log: _Log) -> float:
    return log.last_at
