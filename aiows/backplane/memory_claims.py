"""The claims of `MemoryBackplane`: which requests are at work or done, and what was answered."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from ..errors import BackplaneBusy
from .base import Claim

__all__ = ("Claims",)

# All answers together, in bytes. Stops clients that ask for large answers again and again from filling the
# memory: then the oldest answers are forgotten, and not that their requests were handled.
MAX_ANSWERS: Final = 32 * 1024 * 1024

# Keys at a time: without a bound a client that sends requests as fast as it can has each of them kept.
MAX_KEYS: Final = 100_000


class _Record:
    __slots__ = ("answer", "ends")

    def __init__(self) -> None:
        self.ends: float | None = None  # None: it is at work
        self.answer: bytes | None = None


class Claims:
    """The table of one process."""

    __slots__ = ("_answers", "_done", "_records", "_size")

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        # Those that are done, in the order in which they were settled, and those of them with an answer.
        self._done: OrderedDict[str, _Record] = OrderedDict()
        self._answers: OrderedDict[str, _Record] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._records)

    def claim(self, key: str, now: float) -> Claim:
        """Take ``key``, or say what became of it. Raises BackplaneBusy if there are too many."""
        self._expire(now)
        record = self._records.get(key)
        if record is None:
            if len(self._records) >= MAX_KEYS:
                raise BackplaneBusy(f"{MAX_KEYS} requests that are handled once are known already")
            self._records[key] = _Record()
            return Claim(is_new=True)
        is_done = record.ends is not None
        return Claim(is_new=False, is_done=is_done, answer=record.answer)

    def settle(self, key: str, answer: bytes | None, ends: float) -> None:
        """The request is done: keep ``answer``."""
        record = self._records.get(key)
        if record is None or record.ends is not None:
            return
        record.ends, record.answer = ends, answer
        self._done[key] = record
        if answer is not None:
            self._answers[key] = record
            self._size += len(answer)
            while self._size > MAX_ANSWERS:
                self._forget_answer(next(iter(self._answers)))

    def _forget_answer(self, key: str) -> None:
        record = self._answers.pop(key, None)
        if record is not None and record.answer is not None:
            self._size -= len(record.answer)
            record.answer = None

    def _expire(self, now: float) -> None:
        while self._done:
            key, record = next(iter(self._done.items()))
            assert record.ends is not None
            if record.ends > now:
                return
            self._forget_answer(key)
            del self._done[key], self._records[key]
