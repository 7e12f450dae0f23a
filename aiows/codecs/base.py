"""What an application may add: a `Codec` for a format of messages, a `TypeHook` for a class of values.

Both are in one file because each refers to the other: a codec asks the hooks, a hook gets the codec.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final, Protocol, TypeAlias
from uuid import UUID

import msgspec

from .._wire import Opcode

__all__ = ("Codec", "Document", "Misfit", "Parts", "TypeHook", "add_type_hook", "hook_for")

Document: TypeAlias = Any
"""What `Codec.open` returns for a message, or a part of that: the input of decoders."""

Parts: TypeAlias = tuple[Document | None, ...]
"""The values of some keys of a document, not decoded yet; None for a key that is missing."""

TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2

# Subclasses of these are encoded like the class itself; msgspec takes only the exact types.
SCALARS: Final[dict[type, Callable[[Any], Any]]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    bytes: bytes.__bytes__,
}

# Types that a format may have itself: they stay as they are instead of becoming text.
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

    ``subprotocol`` is the name under which a client asks for it, a token (RFC 6455, section 4.1).
    ``is_text``: messages are TEXT, which has to be UTF-8; otherwise BINARY. Raises ValueError for a
    subprotocol that is no token.

    To add a format, derive from `ObjectCodec`.
    """

    name: ClassVar[str]
    """The name of the format, as error replies show it."""

    content_type: ClassVar[str] = "application/octet-stream"
    """The format's media type (RFC 2046), for the schema."""

    empty: ClassVar[Document]
    """The document of an object without fields."""

    shows_text: ClassVar[bool] = False
    """Whether a text in an object appears in its message too, as UTF-8 or with backslash escapes."""

    opens_as_is: ClassVar[bool] = False
    """Whether a document is the message itself, so that to `open` it twice costs nothing."""

    def __init__(self, subprotocol: str, *, is_text: bool) -> None:
        if not TOKEN.fullmatch(subprotocol):
            raise ValueError(f"not a valid name for a subprotocol: {subprotocol!r}")
        self.subprotocol = subprotocol
        self.is_text = is_text
        self.opcode = int(Opcode.TEXT if is_text else Opcode.BINARY)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.subprotocol}>"

    @abstractmethod
    def encode(self, value: Any, /) -> bytes:
        """Return ``value`` as a message. Raises TypeError for what the format cannot express."""

    @abstractmethod
    def encode_tagged(self, field: str, tag: str, value: Any, /) -> bytes:
        """Return the object ``value`` as a message that also has the text ``tag`` in ``field``.

        Raises TypeError as `encode` does.
        """

    def with_tail(self, message: bytes, field: str, value: Any, /) -> bytes:
        """Return ``message``, an object, with ``field`` as its last key: the last of two equal keys counts.

        Raises TypeError for a message that is no object.
        """
        try:
            fields = self.reader(dict[str, Any])(message)
        except msgspec.ValidationError as error:
            raise TypeError(f"only an object can have the key {field!r}: {error}") from error
        fields.pop(field, None)
        return self.encode({**fields, field: value})

    def plain(self, value: Any, /) -> Any:
        """Return ``value`` as dicts and lists of plain values: text, numbers, bytes, dates and the like."""
        return msgspec.to_builtins(value, builtin_types=NATIVE, enc_hook=self._encode_hook)

    def reader(self, type_: Any, /) -> Callable[[str | bytes], Any]:
        """Return a function that decodes a message as ``type_``: `open` and a `decoder` in one.

        It takes any number of values, so it is for messages of our own, or for types that are fully declared.
        """
        decode = self.decoder(type_)
        return lambda data: decode(self.open(data))

    @abstractmethod
    def open(self, data: str | bytes, /) -> Document:
        """Return the document of a message, for the decoders; raises as they do."""

    @abstractmethod
    def decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        """Return a function that decodes a document, or a part of one, as ``type_``.

        It raises `msgspec.ValidationError` for a value of another type, and for more than `MOST_VALUES` where
        ``type_`` leaves open what there may be; any other `Exception` for data that is not in this format.
        """

    def convert(self, plain: Any, type_: Any, /) -> Any:
        """Convert a plain value to ``type_``. Raises `msgspec.ValidationError`."""
        return msgspec.convert(plain, type_, dec_hook=self._decode_hook)

    def part_at(self, document: Document, path: Iterable[str | int], /) -> Document | None:
        """Return what a document has at the end of a path of keys and indexes, not decoded yet.

        It is for errors, and costs no more than to read the document: None if it would. Raises as decoders
        do.
        """
        return None

    @abstractmethod
    def splitter(self, *keys: str) -> Callable[[Document], Parts]:
        """Return a function that takes the values of ``keys`` out of a document, not decoded yet.

        A key that is missing gives None. The function raises as decoders do: `msgspec.ValidationError` for
        a document that is no object.
        """

    def _encode_hook(self, value: Any) -> Any:
        """msgspec's ``enc_hook``: return what to encode in place of ``value``."""
        type_: type[Any] = value.__class__
        if (hook := hook_for(type_)) is not None:
            return hook.encode(value, self)
        for base, plain in SCALARS.items():
            if issubclass(type_, base):
                return plain(value)
        forgotten = ": await it" if inspect.iscoroutine(value) else ""
        raise TypeError(f"no codec encodes objects of type {type_.__qualname__}{forgotten}")

    def _decode_hook(self, type_: type, plain: Any) -> Any:
        """msgspec's ``dec_hook``: convert ``plain`` to ``type_``."""
        hook = hook_for(type_)
        if hook is None:
            raise TypeError(f"no codec decodes objects of type {type_.__qualname__}")
        return hook.decode(type_, plain, self)


class TypeHook(Protocol):
    """Encodes and decodes classes that msgspec does not know; see `add_type_hook`.

    Plain values are None, bool, int, float, str, bytes, and dicts and lists of them; `encode` may also
    return anything else that msgspec encodes.
    """

    def knows(self, type_: type, /) -> bool:
        """Whether this hook encodes and decodes values of ``type_``."""
        ...

    def encode(self, value: Any, codec: Codec, /) -> Any:
        """Return what ``codec`` is to encode in place of ``value``."""
        ...

    def decode(self, type_: type, plain: Any, codec: Codec, /) -> Any:
        """Convert ``plain`` to ``type_``. Raises ValueError, best a `Misfit`."""
        ...

    def schema(self, type_: type, /) -> dict[str, Any]:
        """Return the JSON schema of ``type_``."""
        ...


_hooks: Final[list[TypeHook]] = []


def add_type_hook(hook: TypeHook) -> None:
    """Let every codec use ``hook``; a hook that is added later is asked first.

    Add it before handlers with such types are registered. pydantic's models need no hook.
    """
    _hooks.insert(0, hook)


def hook_for(type_: type) -> TypeHook | None:
    """Return the hook that knows ``type_``, None if there is none."""
    return next((hook for hook in _hooks if hook.knows(type_)), None)


class Misfit(ValueError):
    """A `TypeHook` cannot decode a value.

    ``problem`` goes to the peer; ``path`` says where in the value it is: ``.items[2].price``, or "" for
    the whole value.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem
