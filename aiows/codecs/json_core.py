"""The half of the JSON codec that encodes: what almost every message that leaves passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec
import orjson

__all__ = ("JsonCore",)

# orjson leaves out a dataclass's fields whose names begin with "_".
OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS

# What msgspec raises besides TypeError: for a lone surrogate, and for values nested too deeply.
CANNOT_ENCODE: Final = (ValueError, RecursionError)


class JsonCore:
    """Encodes dicts and lists by orjson, which is faster with them, and all else by msgspec.

    ``hook(value)`` says in other words what neither of them knows.
    """

    def __init__(self, hook: Callable[[Any], Any]) -> None:
        self._plain = partial(msgspec.to_builtins, enc_hook=hook)
        self._encode_any = msgspec.json.Encoder(enc_hook=hook).encode

    def encode(self, value: Any, /) -> bytes:
        """Return ``value`` as a message. Raises TypeError for what JSON cannot express."""
        if type(value) is dict or type(value) is list:
            try:
                return orjson.dumps(value, self._plain, OPTIONS)
            except TypeError:
                pass  # integers over 64 bits, keys that are not str
        try:
            return self._encode_any(value)
        except CANNOT_ENCODE as error:
            raise TypeError(f"JSON cannot encode this: {error}") from error
