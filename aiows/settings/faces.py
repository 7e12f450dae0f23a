"""Which settings can be chosen where: in a view, on a callback route, for a function, for the drop-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Final, cast

from .checking import OptionSet
from .settings import DEFAULTS, Settings, ViewOptions

__all__ = ("CALLBACK_OPTIONS", "RESPONSE_OPTIONS", "VIEW_OPTIONS", "WEBSOCKET_OPTIONS")


def _names(*but: str, are_all: bool = False, **renamed: str) -> Mapping[str, str]:
    """From options to settings, without those in ``but``; ``renamed``: from a setting to its option."""
    return {
        renamed.get(each.name, each.name): each.name
        for each in fields(Settings)
        if each.metadata and each.name not in but
        if are_all or each.metadata["is_everywhere"]
    }


VIEW_OPTIONS: Final = OptionSet(_names(), replace(DEFAULTS, codecs=ViewOptions.codecs))

CALLBACK_OPTIONS: Final = OptionSet(
    _names(
        "codecs",
        max_msg_size="max_payload_length",
        compress="compression",
        compress_threshold="compression_threshold",
    ),
    DEFAULTS,
)

WEBSOCKET_OPTIONS: Final = OptionSet(_names("protocols"), DEFAULTS)

# What aiohttp's class only asks whether it is true.
SWITCHES: Final = frozenset({"autoclose", "autoping", "compress", "decode_text"})


def _as_aiohttp_takes_it(option: str, value: Any) -> Any:
    """Take what works with aiohttp's class: one subprotocol as a ``str``, an iterator, a number as a bool."""
    if option == "protocols" and isinstance(value, str):
        return (value,)
    if option in ("codecs", "protocols") and isinstance(value, Iterator):
        return tuple(cast("Iterator[object]", value))
    if option in SWITCHES and isinstance(value, int):
        return bool(value)
    return value


# What a program says that was written for aiohttp means what it means there.
RESPONSE_OPTIONS: Final = OptionSet(
    _names(are_all=True, close_timeout="timeout"),
    replace(DEFAULTS, origins=None, idle_timeout=0.0, takes_limit=False),
    _as_aiohttp_takes_it,
)
