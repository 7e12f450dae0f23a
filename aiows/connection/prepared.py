"""One outgoing message: encoded, framed and deflated once, however many connections get it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, ClassVar, Final, cast

from .._wire import Opcode, build_frame, shared_deflater
from ..codecs import JSON, MSGPACK, Codec
from ..wire_form import PLACE, kind_of
from .deflation import Deflation

__all__ = ("LoggedMessage", "PlacedMessage", "PreparedMessage", "encode")

# Members of an enum are looked up by way of its class, for each message.
_TEXT: Final = int(Opcode.TEXT)
_BINARY: Final = int(Opcode.BINARY)

logger: Final = logging.getLogger("aiows.connection")

UNREAD: Final = object()
"""In place of an object of which only the payload is known."""


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
        "_deflations",
        "_object",
        "_others",
        "codec",
        "compress",
        "opcode",
        "payload",
        "plain",
    )

    comes_again: ClassVar[bool] = False
    """Whether it is sent again after the drain where there is no room: so it is not dropped."""

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
        self._deflations: dict[int, Deflation] | None = None
        if opcode is not None:
            self.opcode = opcode
        elif not isinstance(message, str | bytes | bytearray | memoryview):
            self.codec, self._object = codec, message

    @classmethod
    def of(cls, message: Any) -> PreparedMessage:
        """Return ``message`` itself if it is prepared already."""
        return message if isinstance(message, cls) else cls(message)

    @classmethod
    def encoded(cls, payload: bytes, codec: Codec) -> PreparedMessage:
        """Return the object that is ``payload`` in ``codec``; it is read only for another codec."""
        message = PreparedMessage(payload, codec.opcode)
        message.codec, message._object = codec, UNREAD
        return message

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
        try:
            return kind_of(self.value)
        except Exception:  # its bytes may be another node's
            return None

    @property
    def value(self) -> Any:
        """The object that it is, which nobody may change; None for text and bytes."""
        if self._object is UNREAD or isinstance(self._object, PreparedMessage):
            self._object = self.read()
        return self._object

    def read(self) -> Any:
        """Return an object of its own that says the same; None for text and bytes."""
        whole = self.detach()
        return None if whole.codec is None else _reader(whole.codec)(whole.payload)

    def detach(self) -> PreparedMessage:
        """Do without the object that it was made of, which may change: from now on the bytes count.

        Returns the message that says all of it: this one, or the same in MessagePack, if that says more.
        """
        said = self._object
        if self.codec is None or said is UNREAD:
            return self
        if isinstance(said, PreparedMessage):
            return said
        whole: PreparedMessage = self
        if self.codec is not JSON or not JSON.says_all(said, self.payload):
            whole = self.spoken_in(MSGPACK) or self.spoken_in(JSON) or self
        self._object = whole
        whole._object = UNREAD  # noqa: SLF001 (of this class)
        return whole

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
            return self._in(codec)
        except Exception:  # its bytes may be another node's
            logger.exception("a message does not reach the connections that speak %r", codec)
            return None

    def _in(self, codec: Codec) -> PreparedMessage | None:
        return PreparedMessage(self.value, codec=codec, compress=self.compress)

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

    def is_deflated(self, window_bits: int) -> bool:
        """Whether `deflated_frame` has no more to do."""
        return self._deflated is not None and window_bits in self._deflated

    def deflation(self, window_bits: int) -> Deflation:
        """Return the work on `deflated_frame` in a thread: one for all connections of a loop.

        Raises RuntimeError as `Deflation` does.
        """
        if self._deflations is None:
            self._deflations = {}
        deflation = self._deflations.get(window_bits)
        if deflation is None or not deflation.is_at_work:
            deflation = Deflation(partial(self.deflated_frame, window_bits))
            self._deflations[window_bits] = deflation
        return deflation

    def _deflate(self, window_bits: int) -> bytes:
        deflated = shared_deflater(window_bits).compress(self.payload)
        if len(deflated) < self.size:
            return build_frame(self.opcode, deflated, rsv1=True)
        return self.frame


class PlacedMessage(PreparedMessage):
    """A message that says where it belongs, with the last of its keys: ``"@": [topic]``.

    ``bare``: the same without. The key is added once for each codec that is spoken.

    Raises TypeError for text, bytes, and what is no object in its format: they have no keys.
    """

    __slots__ = ("_place", "bare")

    def __init__(self, bare: PreparedMessage, place: list[Any]) -> None:
        codec = bare.codec
        if codec is None:
            raise TypeError(f"only an object can say its topic, not {bare.payload!r:.64}")
        self.opcode, self.payload = codec.opcode, codec.with_tail(bare.payload, PLACE, place)
        self.codec, self.compress = codec, bare.compress
        self.plain = self._object = self._others = self._deflated = None
        self.bare = bare
        self._place = place

    @property
    def value(self) -> Any:
        """The object that it is, without its place."""
        return self.bare.value

    def _in(self, codec: Codec) -> PreparedMessage | None:
        spoken = self.bare.spoken_in(codec)
        return None if spoken is None else type(self)(spoken, self._place)


class LoggedMessage(PlacedMessage):
    """One of a topic with history, or one about it: who has a log can send it again."""

    __slots__ = ()

    comes_again = True


@lru_cache(maxsize=16)
def _reader(codec: Codec) -> Callable[[bytes], Any]:
    return MSGPACK.loads if codec is MSGPACK else codec.reader(Any)  # NaN included


def encode(message: Any, codec: Codec) -> tuple[int, bytes]:
    """Return opcode and payload of ``message``. Raises TypeError for what ``codec`` cannot say."""
    if isinstance(message, str):
        return _TEXT, message.encode()
    if isinstance(message, bytes):
        return _BINARY, message
    if isinstance(message, bytearray | memoryview):
        return _BINARY, bytes(cast("bytearray", message))
    return codec.opcode, codec.encode(message)
