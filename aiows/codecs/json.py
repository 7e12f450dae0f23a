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


class JsonCodec(EncodedCodec):
    """JSON, read by msgspec and written by orjson, or by msgspec where orjson cannot."""

    name = "JSON"
    content_type = "application/json"
    is_text = True
    empty = b"{}"

    def __init__(self, subprotocol: str = "aiows.json") -> None:
        super().__init__(subprotocol)
        self._write = msgspec.json.Encoder(enc_hook=self._say).encode
        self._to_plain: Callable[[Any], Any] = partial(msgspec.to_builtins, enc_hook=self._say)

    def encode(self, value: Any, /) -> bytes:
        if isinstance(value, msgspec.Struct):
            return self._encode_all(value)
        try:
            return orjson.dumps(value, self._to_plain, _OPTIONS)
        except TypeError:  # integers over 64 bits, keys that are no str
            return self._encode_all(value)

    def _encode_all(self, value: Any) -> bytes:
        try:
            return self._write(value)
        except (ValueError, RecursionError) as error:
            raise TypeError(f"JSON cannot say it: {error}") from error

    def decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        return msgspec.json.Decoder(type_, dec_hook=self._read).decode

    def encode_with(self, head: dict[str, Any], value: Any, /) -> bytes:
        body = self.encode(value)
        rest = b"}" if body == self.empty else b"," + body[1:]
        return self.encode(head)[:-1] + rest


JSON: Final = JsonCodec()
"""The codec that everybody speaks: ``aiows.json``."""
