"""One outgoing message: encoded, framed and deflated once, however many connections get it."""

from __future__ import annotations

import logging
from typing import Any, Final, cast

from .._wire import Opcode, build_frame, shared_deflater
from ..codecs import JSON, Codec
from ..wire_form import kind_of

__all__ = ("PreparedMessage", "encode")

# Members of an enum are looked up by way of its class, for each message.
_TEXT: Final = int(Opcode.TEXT)
_BINARY: Final = int(Opcode.BINARY)

logger: Final = logging.getLogger("aiows.connection")


class PreparedMessage:
    """One outgoing message for many connections: encoded once a codec, framed once, deflated once.

    ``message`` is a ``str`` (TEXT), bytes-like (BINARY) or any other object, which each connection gets
    in its own codec unless an ``opcode`` is given. ``codec``: the one in which ``payload`` says it here
    (default: JSON). ``compress``: 0 or False sends it uncompressed, 1 or True compressed however small it
    is, where compression was agreed on; None: as the connection does.

    Raises TypeError for an object that ``codec`` cannot say.
    """

    __slots__ = (
        "_deflated",
        "_object",
        "_others",
        "codec",
        "compress",
        "opcode",
        "payload",
        "plain",
    )

    def __init__(
        self,
        message: Any,
        opcode: int | None = None,
        *,
        codec: Codec = JSON,
        compress: int | None = None,
    ) -> None:
        self.opcode, self.payload = encode(message, codec)
        self.compress = compress
        self.codec: Codec | None = None
        """Whose the payload is, if it is an object's; None: it is the same in all."""
        self.plain: bytes | None = None
        """The `frame`, once it was made."""
        self._object: Any = None
        self._others: dict[Codec, PreparedMessage | None] | None = None
        self._deflated: dict[int, bytes] | None = None
        if opcode is not None:
            self.opcode = opcode
        elif not isinstance(message, str | bytes | bytearray | memoryview):
            self.codec, self._object = codec, message

    @classmethod
    def of(cls, message: Any) -> PreparedMessage:
        """Return ``message`` itself if it is prepared already."""
        return message if isinstance(message, cls) else cls(message)

    @property
    def size(self) -> int:
        """The payload's bytes."""
        return len(self.payload)

    @property
    def data(self) -> str | bytes:
        """What a hook is given: TEXT as a ``str``."""
        return self.payload.decode("utf-8", "replace") if self.opcode == _TEXT else self.payload

    @property
    def kind(self) -> str | None:
        """The kind that an object names, None where it names none, or is text or bytes."""
        return kind_of(self._object)

    @property
    def is_object(self) -> bool:
        """Whether it is one that each connection gets in its own codec."""
        return self.codec is not None

    def spoken_in(self, codec: Codec) -> PreparedMessage | None:
        """Return the message for a connection that speaks ``codec``; None, once logged, if that cannot."""
        if self.codec is None or codec is self.codec:
            return self
        if self._others is None:
            self._others = {}
        if codec not in self._others:
            self._others[codec] = self._try_in(codec)
        return self._others[codec]

    def _try_in(self, codec: Codec) -> PreparedMessage | None:
        try:
            return PreparedMessage(self._object, codec=codec, compress=self.compress)
        except TypeError:
            logger.exception("a message does not reach the connections that speak %r", codec)
            return None

    @property
    def frame(self) -> bytes:
        """The message as one uncompressed frame."""
        if self.plain is None:
            self.plain = build_frame(self.opcode, self.payload)
        return self.plain

    def deflated_frame(self, window_bits: int) -> bytes:
        """The message as one frame whose deflate stream depends on no other message; plain if that is less.

        It may go only to connections without server context takeover (RFC 7692, section 7.1.1.1):
        any other peer's window would then be behind ours, and its next message garbage.
        """
        if self._deflated is None:
            self._deflated = {}
        frame = self._deflated.get(window_bits)
        if frame is None:
            frame = self._deflated[window_bits] = self._deflate(window_bits)
        return frame

    def _deflate(self, window_bits: int) -> bytes:
        deflated = shared_deflater(window_bits).compress(self.payload)
        if len(deflated) < self.size:
            return build_frame(self.opcode, deflated, rsv1=True)
        return self.frame


def encode(message: Any, codec: Codec) -> tuple[int, bytes]:
    """Return opcode and payload of ``message``. Raises TypeError for what ``codec`` cannot say."""
    if isinstance(message, str):
        return _TEXT, message.encode()
    if isinstance(message, bytes):
        return _BINARY, message
    if isinstance(message, bytearray | memoryview):
        return _BINARY, bytes(cast("bytearray", message))
    return codec.opcode, codec.encode(message)
