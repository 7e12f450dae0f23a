"""In go messages before any queue or handler, out come those that are no answer to what was asked.

Without this a handler that asks, in a loop that waits for it, would wait for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec

from .._wire import Message, Opcode
from ..errors import ConnectionClosed
from .asking import Answer, Asking
from .words import ITEM, KIND, REF, REPLY

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ("Exchange",)


class Exchange:
    """Requests and answers of one connection; there is none until it is needed."""

    __slots__ = ("asking",)

    def __init__(self, connection: Connection) -> None:
        self.asking = Asking(connection)

    def take(self, message: Message) -> bool:
        """Keep ``message`` if it is an answer to what we asked, or was: then nobody else sees it."""
        if message.opcode != Opcode.TEXT:
            return False
        text = cast("str | bytes", message.data)
        if not self.asking.is_mentioned(text):
            return False
        fields = _read(text)
        ref = fields.pop(REF, None)
        if not self.asking.is_asker_of(ref):
            return False
        kind = fields.pop(KIND, None)
        weight = message.size if kind == ITEM else 0
        self.asking.answer(ref, Answer(kind if isinstance(kind, str) else REPLY, fields, weight))
        return True

    def blocked(self) -> None:
        """Reading has paused, and stays so until what waits is handled."""
        self.asking.blocked()

    def fail(self, error: ConnectionClosed) -> None:
        """The peer will say no more."""
        self.asking.fail(error)


def _read(text: str | bytes) -> dict[str, Any]:
    """Return the fields of a message; none if it is no JSON object, which its handler will say."""
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return cast("dict[str, Any]", fields) if isinstance(fields, dict) else {}
