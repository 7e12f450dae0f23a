"""In go objects, out comes JSON (RFC 8259); typed objects come from it in one pass over the bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
import orjson

from .base import Document
from .encoded import EncodedCodec

__all__ = ("JSON", "JsonCodec")

# orjson leaves out a dataclass's fields whose names begin with "_".
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS

# What msgspec raises besides TypeError: for a lone surrogate, for what is nested too deeply.
_UNSAID: Final = (ValueError, RecursionError)


class JsonCodec(EncodedCodec):
    """JSON, read by msgspec and written by it or, dicts and lists, by orjson, which is faster with them."""

    name = "JSON"
    content_type = "application/json"
    empty = b"{}"

    def __init__(self, subprotocol: str = "aiows.json") -> None:
        super().__init__(subprotocol, is_text=True)
        self._write = msgspec.json.Encoder(enc_hook=self._say).encode
        self._to_plain: Callable[[Any], Any] = partial(msgspec.to_builtins, enc_hook=self._say)

    def encode(self, value: Any, /) -> bytes:
        if type(value) is dict or type(value) is list:
            try:
                return orjson.dumps(value, self._to_plain, _OPTIONS)
            except TypeError:
                pass  # integers over 64 bits, keys that are no str
        try:
            return self._write(value)
        except _UNSAID as error:
            raise TypeError(f"JSON cannot say it: {error}") from error

    def decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        return msgspec.json.Decoder(type_, dec_hook=self._read).decode

    def encode_with(self, head: dict[str, Any], value: Any, /) -> bytes:
        try:
            start, rest = self._write(head), self._write(value)
        except _UNSAID as error:
            raise TypeError(f"JSON cannot say it: {error}") from error
        return start[:-1] + b"," + rest[1:] if len(rest) > len(self.empty) else start


JSON: Final = JsonCodec()
"""The codec that everybody speaks: ``aiows.json``."""
