"""The errors that a bad message is answered with: each says what is wrong, and where.

At most 128 characters of a peer's text are quoted.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec import ValidationError

from ...codecs import JSON, Codec, Document, JsonCodec, Misfit
from ...errors import KindError
from ..payload import Ref

__all__ = (
    "INTERNAL",
    "Refusals",
    "missing_kind",
    "missing_ref",
    "quote",
    "ref_in_use",
    "superseded",
    "taken_back",
    "unknown_kind",
    "wrong_message_type",
)

# Error replies and the log quote what a peer sent. Without a bound a message of 4 MiB would cost as much
# again in each.
LONGEST_QUOTE: Final = 128

INTERNAL: Final = KindError("internal", "the handler failed")

# msgspec's error messages. Names of fields are ours; values and unknown fields are the peer's.
_PATH: Final = re.compile(r"(?s)(?P<what>.*) - at (?:`key` in )?`\$(?P<path>[^`]*)`")
_MISMATCH: Final = re.compile(r"Expected `(?P<expected>[^`]+)`, got `(?P<got>[^`]+)`")
_LIMIT: Final = re.compile(r"(?s)Expected (?P<expected>.+)")
_INVALID: Final = re.compile(r"""(?s)Invalid (?P<expected>[^'"]+?)(?: ['"].*)?""")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_UNKNOWN: Final = re.compile(r"(?s)Object contains unknown field `(?P<name>.+)`")
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(.)")


class Refusals:
    """The errors of messages in one codec."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._read_scalar = codec.decoder(None | bool | int | float | str)

    def unreadable(self, error: Exception) -> KindError:
        """The message is not in the codec's format, or is nested too deeply."""
        code = _unreadable_code(self._codec)
        if isinstance(error, RecursionError):
            return KindError(code, "the message is nested too deeply")
        return KindError(code, _shorten(f"the message is not {self._codec.name}: {error}"))

    def not_object(self, error: ValidationError) -> KindError:
        """The message is not an object."""
        found = _MISMATCH.match(str(error))
        got = found["got"] if found else "something else"
        details = {"expected": "object", "got": got}
        return KindError("not_object", f"a message is an object, not {got}", details)

    def bad_kind(self, error: ValidationError) -> KindError:
        """The kind is not a string."""
        refused = self.bad_field(error, prefix="kind")
        return KindError("bad_kind", refused.message, refused.details)

    def bad_field(
        self,
        error: ValidationError,
        *,
        prefix: str = "",
        document: Document = None,
        message_type: Any = None,
    ) -> KindError:
        """A field is missing, wrong or unknown.

        ``document`` was read as ``message_type``; ``prefix`` is the key whose value it is.
        """
        match = _PATH.fullmatch(str(error))
        what, path = (match["what"], match["path"]) if match else (str(error), "")
        if isinstance(misfit := error.__cause__, Misfit):
            what, path = misfit.problem, path + _shorten(misfit.path)
        if missing := _MISSING.fullmatch(what):
            name = missing["name"]
            expected = "a value" if path else _expected_at(message_type, name)
            return _invalid(f"{prefix}{path}.{name}", expected=expected, got="nothing")
        if unknown := _UNKNOWN.fullmatch(what):
            name = _shorten(unknown["name"])
            return _invalid(f"{prefix}{path}.{name}", expected="nothing", got="a value")
        if mismatch := _MISMATCH.fullmatch(what):
            return _invalid(f"{prefix}{path}", expected=mismatch["expected"], got=mismatch["got"])
        got = self._value_at(document, path) if path else None
        if limit := _LIMIT.fullmatch(what) or _INVALID.fullmatch(what):
            expected = limit["expected"].replace("`", "")
            return _invalid(f"{prefix}{path}", expected=expected, got=got)
        return _invalid(f"{prefix}{path}", problem=_shorten(what), got=got)

    def _value_at(self, document: Document, path: str) -> str | None:
        """Return what is at msgspec's ``path``: a scalar as JSON, a container's type, or None."""
        steps = _STEP.findall(path)
        if any(other for _, _, other in steps):  # [...]: the path does not say where
            return None
        try:
            part = self._codec.part_at(document, [name or int(index) for name, index, _ in steps])
            if part is None:
                return None
            value = self._read_scalar(part)
            quoted = value[:LONGEST_QUOTE] if isinstance(value, str) else value
            return _shorten(JSON.encode(quoted).decode())
        except ValidationError as error:
            found = _MISMATCH.match(str(error))
            return found["got"] if found else None
        except Exception:  # then the error does without the value
            return None


def wrong_message_type(codec: Codec) -> KindError:
    """The message is TEXT where messages with a kind are BINARY, or the other way round."""
    expected, got = ("TEXT", "BINARY") if codec.is_text else ("BINARY", "TEXT")
    problem = f"a message with a kind is {expected}, not {got}"
    return KindError(f"not_{expected.lower()}", problem, {"expected": expected, "got": got})


def missing_kind() -> KindError:
    """The object has no kind."""
    details = {"field": "kind", "expected": "str", "got": "nothing"}
    return KindError("missing_kind", "the message has no kind", details)


def unknown_kind(kind: str) -> KindError:
    """The kind has no handler."""
    details = {"field": "kind", "expected": "a kind that is handled here", "got": _shorten(kind)}
    return KindError("unknown_kind", f"there is no handler for the kind {quote(kind)}", details)


def missing_ref(kind: str) -> KindError:
    """The message has no ref, but its handler answers with a stream."""
    details = {"field": "ref", "expected": "str | int", "got": "nothing"}
    return KindError(
        "invalid", f"ref: {quote(kind)} answers with a stream, which needs one", details
    )


def ref_in_use(ref: Ref) -> KindError:
    """The ref belongs to a running request: the peer could not tell the two answers apart."""
    return _invalid("ref", expected="a ref that no running request has", got=_shorten(str(ref)))


def superseded() -> KindError:
    """A later request was handled instead of this one (`Latest`)."""
    return KindError("superseded", "a later message was handled instead of this one")


def taken_back() -> KindError:
    """The peer has taken the request back while its handler was at work."""
    return KindError("cancelled", "the request was taken back while it was at work")


def _unreadable_code(codec: Codec) -> str:
    if isinstance(codec, JsonCodec):
        return "bad_json"
    return "bad_text" if codec.is_text else "bad_binary"


def _invalid(
    field: str, *, expected: str | None = None, got: str | None, problem: str = ""
) -> KindError:
    field = _shorten(field.removeprefix("."))
    problem = problem or f"expected {expected}" + ("" if got is None else f", got {got}")
    all_details = {"field": field or None, "expected": expected, "got": got}
    details = {key: value for key, value in all_details.items() if value is not None}
    return KindError("invalid", f"{field}: {problem}" if field else problem, details or None)


class _Nothing:
    """A value that fits no type, so that msgspec names the type that it expects."""


def _expected_at(message_type: Any, name: str) -> str:
    """Return msgspec's name for the type of a field."""
    try:
        msgspec.convert({name: _Nothing()}, message_type)
    except ValidationError as error:
        if found := _MISMATCH.match(str(error)):
            return found["expected"]
    return "a value"


def quote(value: object) -> str:
    """Return the repr of a peer's ``value``, at most 128 characters: fit for one line of a log."""
    return _shorten(repr(value[:LONGEST_QUOTE] if isinstance(value, str) else value))


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."
