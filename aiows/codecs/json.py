"""JSON (RFC 8259): decoded by msgspec in one pass, encoded by msgspec or orjson."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from .._native import core
from .base import Document
from .bounding import count_in_json
from .encoded import EncodedCodec
from .finite import check_finite
from .json_core import JsonCore

if not TYPE_CHECKING and core is not None:
    JsonCore = core.JsonCore

__all__ = ("JSON", "JsonCodec")

# With these orjson calls ``default`` for all that JSON and MessagePack say in different ways.
STRICT: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


class JsonCodec(JsonCore, EncodedCodec):
    """JSON: decoded and encoded by msgspec, but dicts and lists by orjson, which is faster with them."""

    name = "JSON"
    content_type = "application/json"
    empty = b"{}"

    def __init__(self, subprotocol: str = "aiows.json") -> None:
        EncodedCodec.__init__(self, subprotocol, is_text=True)
        JsonCore.__init__(self, self._encode_hook)
        # No subclass encodes in another way.
        self._is_own = type(self).encode is JsonCore.encode

    def _decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        return msgspec.json.Decoder(type_, dec_hook=self._decode_hook).decode

    def _count(self, data: bytes, most: int) -> int:
        return count_in_json(data, most)

    def says_all(self, value: Any, message: bytes, /) -> bool:
        """Whether nothing of ``value`` is missing in ``message``, which is its JSON.

        JSON has neither bytes nor dates, and one null for None and for NaN.
        """
        if type(value) is not dict and type(value) is not list:
            return False
        try:
            orjson.dumps(value, _refuse, STRICT)
            if b"null" in message:
                check_finite(value)
        except (TypeError, msgspec.ValidationError):
            return False
        return True

    def encode_tagged(self, field: str, tag: str, value: Any, /) -> bytes:
        if not self._is_own:
            return self.encode({field: tag, **self._plain(value)})
        rest = self.encode(value)
        start = _start_of_object(field, tag)
        return start + rest[1:] if len(rest) > len(self.empty) else start[:-1] + b"}"

    def with_tail(self, message: bytes, field: str, value: Any, /) -> bytes:
        if not self._is_own:
            return super().with_tail(message, field, value)
        if message[:1] != b"{" or message[-1:] != b"}":
            raise TypeError(f"only an object can have the key {field!r}, not {message!r:.64}")
        tail = msgspec.json.encode({field: value})
        return tail if message == self.empty else message[:-1] + b"," + tail[1:]


def _refuse(value: object) -> object:
    raise TypeError(f"JSON does not say all of {value!r:.64}")


@lru_cache(maxsize=64)
def _start_of_object(field: str, value: str) -> bytes:
    """Return an object that begins with ``field``, up to the comma before the next field."""
    return msgspec.json.encode({field: value})[:-1] + b","


JSON: Final = JsonCodec()
"""The default codec: ``aiows.json``."""
