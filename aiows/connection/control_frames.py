"""Answers the control frames of a peer: a Ping with a Pong, and a Close with a Close in its turn."""

from __future__ import annotations

from typing import Final, Protocol

from .._wire import Message, Opcode, build_frame
from ..settings import Settings
from .closing import Closing
from .outbox import Outbox

__all__ = ("control_received",)

# Members of an enum are looked up by way of its class, for each message.
_CLOSE: Final = int(Opcode.CLOSE)
_PING: Final = int(Opcode.PING)
_PONG: Final = int(Opcode.PONG)


class Receiver(Protocol):
    """The connection that has received them."""

    is_ignoring: bool

    @property
    def options(self) -> Settings: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def is_closed(self) -> bool: ...

    @property
    def can_end_now(self) -> bool:
        """Whether nothing that came before has still to be begun."""
        ...

    def made_closing(self) -> Closing: ...

    def queue(self, message: Message) -> None:
        """Let the application have ``message`` when it is its turn."""


def control_received(receiver: Receiver, message: Message) -> None:
    """Take a Ping, a Pong or a Close (RFC 6455, section 5.5)."""
    if message.opcode == _CLOSE:
        _close_received(receiver, message)
        return
    if receiver.is_closed:
        return
    autoping = receiver.options.autoping
    if message.opcode == _PING and autoping:
        assert isinstance(message.data, bytes)
        receiver.outbox.write_pong(build_frame(_PONG, message.data))
    if receiver.options.control_messages or not autoping:
        receiver.queue(message)


def _close_received(receiver: Receiver, message: Message) -> None:
    """Answer at once where nothing that came before waits; otherwise when it is taken."""
    code = message.data
    assert isinstance(code, int)
    receiver.is_ignoring = True  # RFC 6455, section 5.5.1: nothing follows a Close
    closing = receiver.made_closing()
    closing.close_received(code, message.extra)
    if not closing.is_answerable:
        return
    if receiver.can_end_now:
        closing.answer_close()
    else:
        receiver.queue(message)
