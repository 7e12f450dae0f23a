"""Finds answers and cancels among the messages of a connection, before any queue or handler sees them.

Without this a handler that asks, in a loop that waits for it, would wait for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any, Final, cast

from ..._wire import Message
from ...codecs import Codec
from ...errors import ConnectionClosed
from ...wire_form import CANCEL, ITEM, KIND, REF, REPLY, is_ref
from .asking import Answer, Asking
from .in_flight import InFlight
from .line import Line

__all__ = ("Exchange",)

# What takes a request back says no more than that and a ref. Larger messages are not looked into, or a
# peer could have each of its messages read twice.
LONGEST_CANCEL: Final = 1024


class Exchange:
    """Requests and answers of one connection; there is none until it is needed."""

    __slots__ = ("_asking", "_line", "in_flight")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asking: Asking | None = None
        self.in_flight = InFlight(line, self._askers)

    def take(self, message: Message) -> bool:
        """Keep ``message`` if it answers what we asked, or takes back what the peer asked.

        Then nobody else sees it: not a late answer either.
        """
        if message.opcode != self._line.connection.codec.opcode:
            return False
        text = cast("str | bytes", message.data)
        if self._asking is not None and self._asking.is_mentioned(text):
            return self._take(text, message.size)
        is_small = message.size <= LONGEST_CANCEL
        return is_small and self.in_flight.may_take_back(text) and self._take_back(self._read(text))

    def _take(self, text: str | bytes, size: int) -> bool:
        codec = self._line.connection.codec
        try:
            fields = _object_reader(codec)(text)
        except Exception as error:  # a codec of the application's may raise what it likes
            return self._take_unreadable(_ref_in(text, codec), error)
        if not self.asking.is_asker_of(fields.get(REF)):
            return self._take_back(fields)
        ref, kind = fields.pop(REF), fields.pop(KIND, REPLY)
        self.asking.answer(ref, Answer(kind, fields, size if kind == ITEM else 0))
        return True

    def _take_unreadable(self, ref: str | None, error: Exception) -> bool:
        """Keep a message if its ref makes it an answer; what is wrong with another, its handler says."""
        if ref is None or not self.asking.is_asker_of(ref):
            return False
        self.asking.refuse(ref, error)
        return True

    def _take_back(self, fields: dict[str, Any]) -> bool:
        ref = fields.get(REF)
        if fields.get(KIND) != CANCEL or not is_ref(ref):
            return False
        self.in_flight.take_back(ref)
        return True

    def _read(self, text: str | bytes) -> dict[str, Any]:
        """Return the fields of a message; none if it is no object, which its handler will say."""
        try:
            return _object_reader(self._line.connection.codec)(text)
        except Exception:  # a codec of the application's may raise what it likes
            return {}

    def blocked(self) -> None:
        """Nothing is read until somebody handles what waits."""
        if self._asking is not None:
            self._asking.blocked()

    @property
    def asking(self) -> Asking:
        """The questions of ours; made with the first one."""
        if self._asking is None:
            self._asking = Asking(self._line, on_wait=self.in_flight.made_room)
        return self._asking

    def _askers(self) -> Collection[asyncio.Task[Any] | None]:
        return () if self._asking is None else self._asking.askers()

    def left(self, error: ConnectionClosed) -> None:
        """The connection ends, from one side or the other: ``error`` is for who waits for the peer."""
        if self._asking is not None:
            self._asking.fail(error)
        self.in_flight.left()


@lru_cache(maxsize=16)
def _object_reader(codec: Codec) -> Callable[[str | bytes], dict[str, Any]]:
    """Return what reads objects; one for all connections, which are many, and seldom need it."""
    decode = codec.decoder(dict[str, Any])
    return lambda message: decode(codec.open(message))


def _ref_in(text: str | bytes, codec: Codec) -> str | None:
    """Return the ref of a message whose other fields cannot be read."""
    try:
        (part,) = codec.splitter(REF)(codec.open(text))
        return cast("str", codec.decoder(str)(part))
    except Exception:  # it has none, or none of ours
        return None
