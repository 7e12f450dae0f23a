"""The half of a connection by which most handlers answer: a message goes to the outbox in one call."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from .._wire import Opcode
from ..codecs import Codec
from ..send_status import SendStatus
from ..wire_form import kind_of
from .outbox_core import OutboxCore

__all__ = ("ConnectionCore",)

# Members of an enum are looked up by way of its class, for each message.
_TEXT: Final = int(Opcode.TEXT)
_BINARY: Final = int(Opcode.BINARY)


class ConnectionCore:
    """What sends in ``codec`` by an outbox. A message of a rare class goes to `_push_other` of a subclass."""

    __slots__ = ("_outbox", "_protocol", "codec")

    _outbox: OutboxCore
    _protocol: Any
    codec: Codec

    def push(self, message: Any) -> SendStatus:
        """Send without waiting: ``str`` as TEXT, bytes-like as BINARY, any other object in its codec.

        DROPPED if the connection is closed, or if something waits already and this message would
        make it more than ``max_backpressure`` bytes. Raises TypeError for what the codec cannot say.
        """
        if type(message) is str:  # encoded where it is sent
            return self._outbox.push(_TEXT, message)
        if type(message) is bytes:
            return self._outbox.push(_BINARY, message)
        if type(message) is dict or isinstance(message, Struct):
            return self._push_object(message)
        return self._push_other(message)

    def _push_object(self, message: Any) -> SendStatus:
        if self._protocol.observer is not None:
            self._protocol.kind_sent(kind_of(message))
        return self._outbox.push(self.codec.opcode, self.codec.encode(message))

    def _push_other(self, message: Any) -> SendStatus:
        """Send what is of a class that is not sent often."""
        raise NotImplementedError
