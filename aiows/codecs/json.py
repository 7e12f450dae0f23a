"""JSON (RFC 8259): decoded by msgspec in one pass, encoded by msgspec or orjson."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .._native import core
from .base import Document
from .bounding import count_in_json
from .encoded import EncodedCodec
from .json_core import JsonCore

if not TYPE_CHECKING and core is not None:
    JsonCore = core.JsonCore

__all__ = ("JSON", "JsonCodec")


class JsonCodec(JsonCore, EncodedCodec):
    """JSON: decoded and encoded by msgspec, but dicts and lists by orjson, which is faster with them."""

    name = "JSON"
    content_type = "application/json"
    empty = b"{}"

    def __init__(self, subprotocol: str = "aiows.json") -> None:
        EncodedCodec.__init__(self, subprotocol, is_text=True)
        JsonCore.__init__(self, self._encode_hook)

    @property
    def _is_own(self) -> bool:
        """Whether no subclass encodes in another way."""
        return type(self).encode is JsonCore.encode

    def _decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        return msgspec.json.Decoder(type_, dec_hook=self._decode_hook).decode

    def _count(self, data: bytes, most: int) -> int:
        return count_in_json(data, most)

    def encode_tagged(self, field: str, tag: str, value: Any, /) -> bytes:
        if not self._is_own:
            return self.encode({field: tag, **self._plain(value)})
        rest = self.encode(value)
        start = _start_of_object(field, tag)
        return start + rest[1:] if len(rest) > len(self.empty) else start[:-1] + b"}"

    def with_tail(self, message: bytes, field: str, value: Any, /) -> bytes:
        if not self._is_own:
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
