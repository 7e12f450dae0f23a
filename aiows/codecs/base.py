"""What a codec is: in goes an object, out comes a message in one format, and the way back."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final, TypeAlias
from uuid import UUID

import msgspec

from .._wire import Opcode
from .hooks import hook_for

__all__ = ("Codec", "Document", "Parts")

Document: TypeAlias = Any
"""A message that `Codec.open` has looked at, or a part of one: what decoders take."""

Parts: TypeAlias = tuple[Document | None, ...]

TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2

# What is derived from these is encoded as they are: msgspec itself takes only the very types.
SCALARS: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: bytes.__bytes__,
}

# What a format may have of its own: it is not for us to make it text.
NATIVE: Final = (
    bytes,
    bytearray,
    memoryview,
    datetime,
    date,
    time,
    timedelta,
    Decimal,
    UUID,
)


class Codec(ABC):
    """One format of messages, the same object for all connections that speak it.

    ``subprotocol`` is what a client offers to get it: a token (RFC 6455, section 4.1). ``is_text``: its
    messages are TEXT, which has to be UTF-8, or else BINARY. Raises ValueError for a subprotocol that
    cannot be offered.

    To support a format derive from `ObjectCodec`.
    """

    name: ClassVar[str]
    """What people call the format; error replies quote it."""

    content_type: ClassVar[str] = "application/octet-stream"
    """The format's media type (RFC 2046), for the schema."""

    empty: ClassVar[Document]
    """An object without fields."""

    shows_text: ClassVar[bool] = False
    """Whether what is text in an object can be found in its message, as UTF-8 or escaped by a backslash."""

    def __init__(self, subprotocol: str, *, is_text: bool) -> None:
        if not TOKEN.fullmatch(subprotocol):
            raise ValueError(f"no name for a subprotocol: {subprotocol!r}")
        self.subprotocol = subprotocol
        self.is_text = is_text
        self.opcode = int(Opcode.TEXT if is_text else Opcode.BINARY)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.subprotocol}>"

    @abstractmethod
    def encode(self, value: Any, /) -> bytes:
        """Return the message that says ``value``. Raises TypeError for what cannot be said."""

    @abstractmethod
    def encode_tagged(self, field: str, tag: str, value: Any, /) -> bytes:
        """Return the message with the fields of the object ``value``, and the text ``tag`` in ``field``.

        Raises TypeError as `encode` does.
        """

    def plain(self, value: Any, /) -> Any:
        """Return ``value`` as dicts, lists, and what they hold: text, numbers, bytes, dates and the like."""
        return msgspec.to_builtins(value, builtin_types=NATIVE, enc_hook=self._say)

    def reader(self, type_: Any, /) -> Callable[[str | bytes], Any]:
        """Return what reads a message as ``type_``: `open` and a `decoder` in one."""
        decode = self.decoder(type_)
        return lambda data: decode(self.open(data))

    @abstractmethod
    def open(self, data: str | bytes, /) -> Document:
        """Return what the decoders take; raises as they do."""

    @abstractmethod
    def decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        """Return what reads a document, or a part of one, as ``type_``.

        It raises `msgspec.ValidationError` for a value that does not fit, and any other `Exception` for
        what is no message of this format.
        """

    def convert(self, plain: Any, type_: Any, /) -> Any:
        """Return the ``type_`` that a plain value stands for. Raises `msgspec.ValidationError`."""
        return msgspec.convert(plain, type_, dec_hook=self._read)

    @abstractmethod
    def splitter(self, *keys: str) -> Callable[[Document], Parts]:
        """Return what finds the values of ``keys`` in a document, unread; None for one that is not there.

        It raises as decoders do; what is no object does not fit.
        """

    def _say(self, value: Any) -> Any:
        """Be msgspec's ``enc_hook``: return what to encode in place of ``value``."""
        type_: type[Any] = value.__class__
        if (hook := hook_for(type_)) is not None:
            return hook.encode(value, self)
        for base, plain in SCALARS.items():
            if issubclass(type_, base):
                return plain(value)
        raise TypeError(f"no codec says objects of type {type_.__qualname__}")

    def _read(self, type_: type, plain: Any) -> Any:
        """Be msgspec's ``dec_hook``."""
        hook = hook_for(type_)
        if hook is None:
            raise TypeError(f"no codec reads objects of type {type_.__qualname__}")
        return hook.decode(type_, plain, self)
