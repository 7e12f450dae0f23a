"""Checks the examples of a kind's messages, and returns their fields as in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from ..payload import KIND, REF

__all__ = ("read_examples",)


def read_examples(
    kind: str, message_type: Any, examples: Iterable[Any]
) -> tuple[Mapping[str, Any], ...]:
    """Return the fields of ``examples``, which are payloads or dicts of fields.

    Raises ValueError for one that is not a valid ``message_type``.
    """
    return tuple(_read(kind, message_type, each) for each in examples)


def _read(kind: str, message_type: Any, example: Any) -> Mapping[str, Any]:
    built: Any = msgspec.to_builtins(example)
    if not isinstance(built, dict):
        raise ValueError(f"an example is a payload or a dict of fields, not {example!r}")
    fields = cast("dict[str, Any]", built)
    try:
        msgspec.convert({KIND: kind, **fields}, message_type)
    except msgspec.ValidationError as error:
        raise ValueError(f"the example {fields!r} would be refused: {error}") from error
    return {key: value for key, value in fields.items() if key not in (KIND, REF)}
