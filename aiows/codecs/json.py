"""In go objects, out comes JSON (RFC 8259); typed objects come from it in one pass over the bytes."""

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

# What msgspec raises besides TypeError: for a lone surrogate, for what is nested too deeply.
_UNSAID: Final = (ValueError, RecursionError)


class JsonWriters(NamedTuple):
    """What writes JSON, without a call of the codec in between: the native pipeline saves one for each reply.

    ``dumps(value, default, options)`` writes dicts and lists, or raises TypeError for what it cannot;
    ``encode(value)`` writes all that JSON can say.
    """

    dumps: Callable[[Any, Callable[[Any], Any], int], bytes]
    default: Callable[[Any], Any]
    options: int
    encode: Callable[[Any], bytes]


class JsonCodec(EncodedCodec):
    """JSON, read by msgspec and written by it or, dicts and lists, by orjson, which is faster with them."""

    name = "JSON"
    content_type = "application/json"
    empty = b"{}"

    def __init__(self, subprotocol: str = "aiows.json") -> None:
        super().__init__(subprotocol, is_text=True)
        self._writers = JsonWriters(
            dumps=orjson.dumps,
            default=partial(msgspec.to_builtins, enc_hook=self._say),
            options=_OPTIONS,
            encode=msgspec.json.Encoder(enc_hook=self._say).encode,
        )

    @property
    def writers(self) -> JsonWriters | None:
        """What `encode` does it with; None in a class that encodes in another way."""
        return self._writers if type(self).encode is JsonCodec.encode else None

    def encode(self, value: Any, /) -> bytes:
        if type(value) is dict or type(value) is list:
            dumps, default, options, _ = self._writers
            try:
                return dumps(value, default, options)
            except TypeError:
                pass  # integers over 64 bits, keys that are no str
        try:
            return self._writers.encode(value)
        except _UNSAID as error:
            raise TypeError(f"JSON cannot say it: {error}") from error

    def decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        return msgspec.json.Decoder(type_, dec_hook=self._read).decode

    def encode_tagged(self, field: str, tag: str, value: Any, /) -> bytes:
        if self.writers is None:
            return self.encode({field: tag, **self._writers.default(value)})
        rest = self.encode(value)
        start = _start_of_object(field, tag)
        return start + rest[1:] if len(rest) > len(self.empty) else start[:-1] + b"}"


@lru_cache(maxsize=64)
def _start_of_object(field: str, value: str) -> bytes:
    """Return what is before the next field of an object that begins with ``field``."""
    return msgspec.json.encode({field: value})[:-1] + b","


JSON: Final = JsonCodec()
"""The codec that everybody speaks: ``aiows.json``."""
