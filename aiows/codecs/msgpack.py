"""MessagePack: msgspec encodes it, and decodes it in one pass over the bytes.

The format has no integers over 64 bits. They are sent as extension 0, which holds a str of decimal digits:
that is how the documentation of JavaScript's ``@msgpack/msgpack`` encodes a BigInt. A key cannot be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
from msgspec import ValidationError
from msgspec.msgpack import Ext

from .base import Document
from .bounding import count_in_msgpack
from .encoded import EncodedCodec
from .finite import check_finite
from .unsayable import refusal

__all__ = ("MSGPACK", "MsgpackCodec")

BIG_INTEGER: Final = 0
SMALLEST: Final = -(2**63)
LARGEST: Final = 2**64 - 1

# How each NaN and infinity begins, as float 32 and as float 64. Other data may contain the same bytes, so a
# match has to be checked. Two expressions, each with one fixed first byte: an expression that begins with an
# alternative takes 17 ms for a message of 1 MiB, and a peer could send those all day.
_SINGLE: Final = re.compile(rb"\xca[\x7f\xff][\x80-\xff]")
_DOUBLE: Final = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")

# How a map begins: with up to 15 pairs, and with more.
_MAPS: Final = frozenset(bytes((each,)) for each in (*range(0x80, 0x90), 0xDE, 0xDF))

_digits_of: Final = msgspec.msgpack.Decoder(str).decode


class MsgpackCodec(EncodedCodec):
    """MessagePack, read and written by msgspec."""

    name = "MessagePack"
    content_type = "application/vnd.msgpack"
    empty = b"\x80"

    def __init__(self, subprotocol: str = "aiows.msgpack") -> None:
        super().__init__(subprotocol, is_text=False)
        self._write = msgspec.msgpack.Encoder(enc_hook=self._encode_hook).encode
        self._read_plain = msgspec.msgpack.Decoder(ext_hook=_read_extension).decode

    def encode(self, value: Any, /) -> bytes:
        try:
            return self._encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise refusal(self.name, value, error, self._encode) from error

    def _encode(self, value: Any) -> bytes:
        try:
            return self._write(value)
        except OverflowError:  # an integer over 64 bits
            return self._write(_with_extensions(self.plain(value)))

    def loads(self, data: bytes, /) -> Any:
        """Decode a message to plain values, NaN and the infinities included.

        Raises `msgspec.DecodeError`, UnicodeDecodeError, and RecursionError for data nested too deeply.
        """
        return self._read_plain(data)

    def _decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        decode = msgspec.msgpack.Decoder(
            type_, dec_hook=self._decode_hook, ext_hook=_read_extension
        ).decode

        def read(document: Document) -> Any:
            data = document if document.__class__ is bytes else bytes(document)
            try:
                value = decode(data)
            except ValidationError as error:
                if "got `ext`" not in str(error):
                    raise
                value = self._read_large_integers(data, type_)
            if _may_have_nan(data):
                check_finite(value)
            return value

        return read

    def _read_large_integers(self, data: bytes, type_: Any) -> Any:
        """Read plain values first, so also those that ``type_`` does not have."""
        self._check_values(data, "among them an integer over 64 bits")
        return self.convert(self.loads(data), type_)

    def _decode_hook(self, type_: type, plain: Any) -> Any:
        check_finite(plain)  # what the hook makes of it cannot be looked into
        return super()._decode_hook(type_, plain)

    def _count(self, data: bytes, most: int) -> int:
        return count_in_msgpack(data, most)

    def _raw_decoder(self, type_: Any) -> Callable[[Document], Any]:
        return msgspec.msgpack.Decoder(type_).decode

    def encode_tagged(self, field: str, tag: str, value: Any, /) -> bytes:
        first, second = self.encode({field: tag}), self.encode(value)
        count, start = _read_map_header(second)
        return _map_header(1 + count) + first[1:] + second[start:]

    def with_tail(self, message: bytes, field: str, value: Any, /) -> bytes:
        if not _is_map(message):
            raise TypeError(f"only an object can have the key {field!r}, not {message!r:.64}")
        count, start = _read_map_header(message)
        return _map_header(count + 1) + message[start:] + self.encode({field: value})[1:]


def _may_have_nan(data: bytes) -> bool:
    return (b"\xcb" in data and _DOUBLE.search(data) is not None) or (
        b"\xca" in data and _SINGLE.search(data) is not None
    )


def _map_header(count: int) -> bytes:
    if count < 16:
        return bytes((0x80 | count,))
    return b"\xde" + count.to_bytes(2) if count < 1 << 16 else b"\xdf" + count.to_bytes(4)


def _is_map(data: bytes) -> bool:
    return data[:1] in _MAPS


def _read_map_header(data: bytes) -> tuple[int, int]:
    """Return how many pairs a map has, and where the first of them begins."""
    size = {0xDE: 2, 0xDF: 4}.get(data[0], 0)
    return int.from_bytes(data[1 : 1 + size]) if size else data[0] & 0x0F, 1 + size


def _with_extensions(plain: Any) -> Any:
    if isinstance(plain, dict):
        items = cast("Any", plain).items()
        return {key: _with_extensions(each) for key, each in items}
    if isinstance(plain, list | tuple):
        return [_with_extensions(each) for each in cast("list[Any]", plain)]
    if isinstance(plain, int) and not SMALLEST <= plain <= LARGEST:
        return Ext(BIG_INTEGER, msgspec.msgpack.encode(str(plain)))
    return plain


def _read_extension(code: int, data: memoryview) -> Any:
    if code != BIG_INTEGER:
        return Ext(code, bytes(data))
    try:
        return int(_digits_of(data))
    except (
        ValueError
    ) as error:  # also over 4,300 digits: Python's own bound, as the time is quadratic
        raise msgspec.DecodeError(f"extension {BIG_INTEGER} holds no integer: {error}") from None


MSGPACK: Final = MsgpackCodec()
"""The codec for MessagePack: ``aiows.msgpack``."""
