"""The logs of `MemoryBackplane`: a deque and a counter for each topic, bounded for all of them together."""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from itertools import islice
from math import inf
from typing import Final

from ..connection import PreparedMessage
from ..position import Position
from .base import Entry, Keep, Page

__all__ = ("Logs",)

# What a topic and a message count beside their bytes: about what Python's objects for them take.
TOPIC: Final = 1024
MESSAGE: Final = 256


class _Log:
    """One topic; ``cost`` is what it counts, in bytes."""

    __slots__ = ("cost", "epoch", "keep", "kept", "last_at", "offset", "topic")

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.epoch = os.urandom(4).hex()
        self.offset = 0
        self.keep = Keep(0, 0.0)
        self.last_at = 0.0
        self.cost = TOPIC + len(topic)
        # The last messages, each with the time at which it came.
        self.kept: deque[tuple[float, PreparedMessage]] = deque()

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.offset)

    @property
    def end(self) -> float:
        """The time at which its last message is too old."""
        return self.last_at + self.keep.seconds

    def append(self, message: PreparedMessage, now: float) -> None:
        self.offset += 1
        self.last_at = now
        self.kept.append((now, message))
        self.cost += MESSAGE + len(message.payload)
        self.trim(now)

    def trim(self, now: float) -> None:
        """Drop what is too much or too old."""
        kept, keep = self.kept, self.keep
        while kept and (len(kept) > keep.size or kept[0][0] + keep.seconds <= now):
            self.drop_first()

    def drop_first(self) -> None:
        _, message = self.kept.popleft()
        self.cost -= MESSAGE + len(message.payload)

    def after(self, offset: int) -> list[Entry]:
        first = self.offset + 1 - len(self.kept)
        start = max(first, offset + 1)
        messages = islice(self.kept, start - first, None)
        return [Entry(number, message) for number, (_, message) in enumerate(messages, start)]


class Logs:
    """All logs of a process, together at most ``limit`` bytes.

    Above that the messages go of the topic that was silent longest. If none are left, the topic is forgotten
    that was not used for longest: it begins again with another epoch, so that nobody takes its new numbers
    for the old ones.
    """

    __slots__ = ("_full", "_limit", "_logs", "_next_end", "cost")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._logs: OrderedDict[str, _Log] = OrderedDict()  # in the order of their last use
        # Those with messages, by the seconds for which these are kept, in the order of their last message:
        # so the first of each is the first to end.
        self._full: dict[float, OrderedDict[str, _Log]] = {}
        self._next_end = inf  # before that nothing has to be looked for that ends
        self.cost = 0

    def __len__(self) -> int:
        return len(self._logs)

    def append(self, topic: str, message: PreparedMessage, keep: Keep, now: float) -> Position:
        log = self._used(topic)
        if log.keep.seconds != keep.seconds:
            self._take_out(log)
        log.keep = keep
        before = log.cost
        log.append(message, now)
        self.cost += log.cost - before
        if log.kept:
            self._put_last(log)
        else:
            self._take_out(log)
        if now >= self._next_end:
            self._expire(now)
        if self.cost > self._limit:
            self._shrink()
        return Position(log.epoch, log.offset)

    def read(self, topic: str, after: int, now: float) -> Page:
        if now >= self._next_end:
            self._expire(now)
        log = self._used(topic)
        before = log.cost
        log.trim(now)
        self.cost += log.cost - before
        return Page(log.position, log.after(after))

    def _used(self, topic: str) -> _Log:
        log = self._logs.get(topic)
        if log is None:
            log = self._logs[topic] = _Log(topic)
            self.cost += log.cost
        self._logs.move_to_end(topic)
        return log

    def _put_last(self, log: _Log) -> None:
        """Put a log at the end of those with messages."""
        full = self._full.get(log.keep.seconds)
        if full is None:
            full = self._full[log.keep.seconds] = OrderedDict()
        full[log.topic] = log
        full.move_to_end(log.topic)
        if log.end < self._next_end:
            self._next_end = log.end

    def _take_out(self, log: _Log) -> None:
        """Take a log out of those with messages, if it is there."""
        full = self._full.get(log.keep.seconds)
        if full is not None and full.pop(log.topic, None) is not None and not full:
            del self._full[log.keep.seconds]

    def _expire(self, now: float) -> None:
        """Drop the messages of topics that were silent for so long that all of these are too old."""
        for full in tuple(self._full.values()):
            while full and (log := next(iter(full.values()))).end <= now:
                before = log.cost
                log.trim(now)
                self.cost += log.cost - before
                self._take_out(log)
        ends = (next(iter(full.values())).end for full in self._full.values())
        self._next_end = min(ends, default=inf)

    def _shrink(self) -> None:
        while self.cost > self._limit and self._full:
            log = min((next(iter(full.values())) for full in self._full.values()), key=_last_at)
            before = log.cost
            log.drop_first()
            self.cost += log.cost - before
            if not log.kept:
                self._take_out(log)
        while self.cost > self._limit and len(self._logs) > 1:
            self.cost -= self._logs.popitem(last=False)[1].cost


def _last_at(log: _Log) -> float:
    return log.last_at
