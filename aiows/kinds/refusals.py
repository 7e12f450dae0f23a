"""In goes what is wrong with a message, out comes a `KindError` that says what and where.

Of a peer's text no more than 128 characters come back.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec import ValidationError

from ..errors import KindError

__all__ = (
    "INTERNAL",
    "bad_binary",
    "bad_field",
    "bad_json",
    "bad_kind",
    "missing_kind",
    "not_object",
    "not_text",
    "quote",
    "unknown_kind",
)

# What a peer sent is quoted in error replies and in the log: without a bound a message of 4 MiB
# would cost as much again in each.
LONGEST_QUOTE: Final = 128

INTERNAL: Final = KindError("internal", "the handler failed")

# What msgspec says. Names of fields are ours; values and unknown fields are the peer's.
_PLACE: Final = re.compile(r"(?s)(?P<what>.*) - at (?:`key` in )?`\$(?P<path>[^`]*)`")
_MISMATCH: Final = re.compile(r"Expected `(?P<expected>[^`]+)`, got `(?P<got>[^`]+)`")
_LIMIT: Final = re.compile(r"(?s)Expected (?P<expected>.+)")
_INVALID: Final = re.compile(r"""(?s)Invalid (?P<expected>[^'"]+?)(?: ['"].*)?""")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_UNKNOWN: Final = re.compile(r"(?s)Object contains unknown field `(?P<name>.+)`")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(.)")


def bad_json(error: Exception) -> KindError:
    """Refuse text that is no JSON: ``error`` is msgspec's, a UnicodeError or a RecursionError."""
    if isinstance(error, RecursionError):
        return KindError("bad_json", "the message is nested too deeply")
    return KindError("bad_json", _shorten(f"the message is not JSON: {error}"))


def not_object(error: ValidationError) -> KindError:
    """Refuse JSON that is no object."""
    found = _MISMATCH.fullmatch(str(error))
    got = found["got"] if found else "something else"
    details = {"expected": "object", "got": got}
    return KindError("not_object", f"a message is a JSON object, not {got}", details)


def not_text() -> KindError:
    """Refuse a BINARY message where only kinds are served."""
    details = {"expected": "TEXT", "got": "BINARY"}
    return KindError("not_text", "a message with a kind is TEXT, not BINARY", details)


def bad_binary(error: Exception) -> KindError:
    """Refuse a BINARY message that the application's own decoder could not read."""
    return KindError("bad_binary", _shorten(f"the message cannot be decoded: {error}"))


def missing_kind() -> KindError:
    """Refuse an object without a kind."""
    details = {"field": "kind", "expected": "str", "got": "nothing"}
    return KindError("missing_kind", "the message has no kind", details)


def bad_kind(error: ValidationError) -> KindError:
    """Refuse a kind that is no string."""
    refused = bad_field(error, prefix="kind")
    return KindError("bad_kind", refused.message, refused.details)


def unknown_kind(kind: str) -> KindError:
    """Refuse a kind that nobody handles."""
    details = {"field": "kind", "expected": "a kind that is handled here", "got": _shorten(kind)}
    return KindError("unknown_kind", f"there is no handler for the kind {quote(kind)}", details)


def bad_field(
    error: ValidationError, *, prefix: str = "", text: Any = b"", message_type: Any = None
) -> KindError:
    """Refuse a field that is missing, wrong or not known.

    ``prefix`` is the key that ``text``, which was read as ``message_type``, is the value of.
    """
    place = _PLACE.fullmatch(str(error))
    what, path = (place["what"], place["path"]) if place else (str(error), "")
    if missing := _MISSING.fullmatch(what):
        name = missing["name"]
        expected = "a value" if path else _expected_at(message_type, name)
        return _invalid(f"{prefix}{path}.{name}", expected=expected, got="nothing")
    if unknown := _UNKNOWN.fullmatch(what):
        name = _shorten(unknown["name"])
        return _invalid(f"{prefix}{path}.{name}", expected="nothing", got="a value")
    if mismatch := _MISMATCH.fullmatch(what):
        return _invalid(f"{prefix}{path}", expected=mismatch["expected"], got=mismatch["got"])
    got = _value_at(text, path) if path else None
    if limit := _LIMIT.fullmatch(what) or _INVALID.fullmatch(what):
        return _invalid(f"{prefix}{path}", expected=limit["expected"].replace("`", ""), got=got)
    return _invalid(f"{prefix}{path}", problem=_shorten(what), got=got)


def _invalid(
    field: str, *, expected: str | None = None, got: str | None, problem: str = ""
) -> KindError:
    field = field.removeprefix(".")
    problem = problem or f"expected {expected}" + ("" if got is None else f", got {got}")
    told = {"field": field or None, "expected": expected, "got": got}
    details = {key: value for key, value in told.items() if value is not None}
    return KindError("invalid", f"{field}: {problem}" if field else problem, details or None)


class _Nothing:
    """Is of no type at all."""


def _expected_at(message_type: Any, name: str) -> str:
    """Return msgspec's own name for the type of a field."""
    try:
        msgspec.convert({name: _Nothing()}, message_type)
    except ValidationError as error:
        if found := _MISMATCH.match(str(error)):
            return found["expected"]
    return "a value"


def _value_at(text: Any, path: str) -> str | None:
    """Return what is at msgspec's ``path``: a scalar's JSON, a container's type, or None."""
    try:
        value = msgspec.json.decode(text)
        for name, index, other in _STEP.findall(path):
            if other:  # [...]: somewhere within an object
                return None
            value = value[name] if name else value[int(index)]
    except (LookupError, TypeError, msgspec.DecodeError, UnicodeError):
        return None
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return _shorten(msgspec.json.encode(value).decode())


def quote(value: object) -> str:
    """Return the repr of a peer's ``value``, at most 128 characters: fit for one line of a log."""
    return _shorten(repr(value[:LONGEST_QUOTE] if isinstance(value, str) else value))


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."
