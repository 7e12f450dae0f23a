"""JSON (RFC 8259): decoded by msgspec in one pass, encoded by msgspec or orjson."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from .base import Document
from .encoded import EncodedCodec

__all__ = ("JSON", "JsonCodec", "JsonWriters")

# orjson leaves out a dataclass's fields whose names begin with "_".
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS

# What msgspec raises besides TypeError: for a lone surrogate, and for values nested too deeply.
_CANNOT_ENCODE: Final = (ValueError, RecursionError)


class JsonWriters(NamedTuple):
    """The functions that encode JSON: the native pipeline calls them directly, one call less for each reply.

    ``dumps(value, default, options)`` encodes dicts and lists, and raises TypeError for what it cannot;
    ``encode(value)`` encodes everything that JSON can express.
    """

    dumps: Callable[[Any, Callable[[Any], Any], int], bytes]
    default: Callable[[Any], Any]
    options: int
    encode: Callable[[Any], bytes]


class JsonCodec(EncodedCodec):
    """JSON: decoded and encoded by msgspec, but dicts and lists by orjson, which is faster with them."""

    name = "JSON"
    content_type = "application/json"
    empty = b"{}"

    def __init__(self, subprotocol: str = "aiows.json") -> None:
        super().__init__(subprotocol, is_text=True)
        self._writers = JsonWriters(
            dumps=orjson.dumps,
            default=partial(msgspec.to_builtins, enc_hook=self._encode_hook),
            options=_OPTIONS,
            encode=msgspec.json.Encoder(enc_hook=self._encode_hook).encode,
        )

    @property
    def writers(self) -> JsonWriters | None:
        """The functions that `encode` uses; None in a subclass that encodes in another way."""
        return self._writers if type(self).encode is JsonCodec.encode else None

    def encode(self, value: Any, /) -> bytes:
        if type(value) is dict or type(value) is list:
            dumps, default, options, _ = self._writers
            try:
                return dumps(value, default, options)
            except TypeError:
                pass  # integers over 64 bits, keys that are not str
        try:
            return self._writers.encode(value)
        except _CANNOT_ENCODE as error:
            raise TypeError(f"JSON cannot encode this: {error}") from error

    def decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        return msgspec.json.Decoder(type_, dec_hook=self._decode_hook).decode

    def encode_tagged(self, field: str, tag: str, value: Any, /) -> bytes:
        if self.writers is None:
            return self.encode({field: tag, **self._writers.default(value)})
        rest = self.encode(value)
        start = _start_of_object(field, tag)
        return start + rest[1:] if len(rest) > len(self.empty) else start[:-1] + b"}"

    def with_tail(self, message: bytes, field: str, value: Any, /) -> bytes:
        if self.writers is None:
            return super().with_tail(message, field, value)
        if not (message.startswith(b"{") and message.endswith(b"}")):
            raise TypeError(f"only an object can have the key {field!r}, not {message!r:.64}")
        comma = b"," if len(message) > len(self.empty) else b""
        return message[:-1] + comma + msgspec.json.encode({field: value})[1:]


@lru_cache(maxsize=64)
def _start_of_object(field: str, value: str) -> bytes:
    """Return an object that begins with ``field``, up to the comma before the next field."""
    return msgspec.json.encode({field: value})[:-1] + b","


JSON: Final = JsonCodec()
"""The default codec: ``aiows.json``."""
