"""The half of the JSON codec that encodes: what almost every message that leaves passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

import msgspec
import orjson

from .unsayable import refusal

__all__ = ("JsonCore", "encode_slowly")

# What orjson says in another way than msgspec is left to that. It leaves out a dataclass's fields whose names
# begin with "_", and the zeros with which the fraction of a second begins.
OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME

# What they raise: also for a lone surrogate, and for values nested too deeply.
CANNOT_ENCODE: Final = (TypeError, ValueError, RecursionError)


class JsonCore:
    """Encodes dicts and lists by orjson, which is faster with them, and all else by msgspec.

    ``hook(value)`` says in other words what neither of them knows.
    """

    def __init__(self, hook: Callable[[Any], Any]) -> None:
        self._plain = partial(msgspec.to_builtins, enc_hook=hook)
        self._encode_any = msgspec.json.Encoder(enc_hook=hook).encode

    def encode(self, value: Any, /) -> bytes:
        """Return ``value`` as a message. Raises TypeError for what JSON cannot express, and says where."""
        try:
            if type(value) is dict or type(value) is list:
                return orjson.dumps(value, self._plain, OPTIONS)
            return self._encode_any(value)
        except CANNOT_ENCODE:
            return encode_slowly(value, self._plain)


def encode_slowly(value: Any, plain: Callable[[Any], Any]) -> bytes:
    """Encode integers over 64 bits and keys that are no ``str``. Raises TypeError for what cannot be said."""

    def encode(part: Any) -> bytes:
        return msgspec.json.encode(_with_text_keys(plain(part)))

    try:
        return encode(value)
    except CANNOT_ENCODE as error:
        raise refusal("JSON", value, error, encode) from error


def _with_text_keys(value: Any) -> Any:
    """Return dicts with keys as JSON has these values, where msgspec would write others, or none."""
    if isinstance(value, dict):
        items = cast("Any", value).items()
        return {_key_of(key): _with_text_keys(each) for key, each in items}
    if isinstance(value, list | tuple):
        return [_with_text_keys(each) for each in cast("list[Any]", value)]
    return value


def _key_of(key: Any) -> Any:
    return orjson.dumps(key).decode() if isinstance(key, bool | float | None) else key
