"""The schemas of whole messages as they are on the wire, with kind and ref; see `aiows.kinds`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from ..kinds import PossibleError
from ..wire_form import CANCEL, END, ERROR, KIND, LONGEST_REF, REF
from .json_schema import JsonSchema

__all__ = (
    "PLACE_SCHEMA",
    "STANDARD_ERRORS",
    "MessageSchema",
    "RefUse",
    "cancel",
    "end",
    "error",
    "message_schema",
)

STANDARD_ERRORS: Final[Mapping[str, str]] = {
    "bad_json": "The message is not JSON, or nested too deeply.",
    "bad_binary": "The message is BINARY that cannot be read.",
    "bad_text": "The message is TEXT that cannot be read.",
    "not_object": "The message is not an object.",
    "missing_kind": "The message has no kind.",
    "bad_kind": "The kind is not a string.",
    "unknown_kind": "The kind has no handler.",
    "invalid": "A field, or the ref, is missing, wrong or unknown.",
    "timeout": "The handler took too long.",
    "superseded": "A later message was handled instead of this one.",
    "not_text": "The message is BINARY where messages are TEXT.",
    "not_binary": "The message is TEXT where messages are BINARY.",
    "internal": "The handler failed.",
}
"""The errors that any request may be answered with: code and text."""

REF_SCHEMA: Final[JsonSchema] = {"type": ["string", "integer"], "maxLength": LONGEST_REF}


PLACE_SCHEMA: Final[JsonSchema] = {
    "type": "array",
    "minItems": 1,
    "maxItems": 2,
    "items": [{"type": "string"}, {"type": "integer"}],
    "additionalItems": False,
    "description": "Where it belongs: its topic, and its number there if the topic has history.",
}


class RefUse(Enum):
    """Whether a message has a ref."""

    NEVER = auto()
    OPTIONAL = auto()
    REQUIRED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSchema:
    """A message on the wire; ``name`` is unique in its channel, ``examples`` are whole messages."""

    name: str
    kind: str
    schema: JsonSchema
    ref: RefUse
    summary: str = ""
    description: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()


def end() -> MessageSchema:
    """Return the message that follows the last item of a stream."""
    schema = message_schema(END, RefUse.REQUIRED, {})
    return MessageSchema(name=END, kind=END, schema=schema, ref=RefUse.REQUIRED)


def cancel() -> MessageSchema:
    """Return the message that takes a request back."""
    schema = message_schema(CANCEL, RefUse.REQUIRED, {})
    return MessageSchema(name=CANCEL, kind=CANCEL, schema=schema, ref=RefUse.REQUIRED)


def error(codes: Iterable[PossibleError] = (), *, name: str = ERROR) -> MessageSchema:
    """Return the error reply with one of ``codes`` or a standard code; without ``codes``, with any code.

    It has a ref if the message that it answers had one.
    """
    declared = {each.code: each.text for each in codes}
    body: JsonSchema = {
        "type": "object",
        "properties": {
            "code": _code(declared),
            "message": {"type": "string", "description": "For people."},
            "details": {"description": "For programs."},
        },
        "required": ["code", "message"],
    }
    schema = message_schema(ERROR, RefUse.OPTIONAL, {ERROR: body}, required=[ERROR])
    return MessageSchema(name=name, kind=ERROR, schema=schema, ref=RefUse.OPTIONAL)


def message_schema(
    kind: str,
    ref: RefUse,
    properties: Mapping[str, JsonSchema],
    *,
    required: Iterable[str] = (),
    **others: Any,
) -> JsonSchema:
    """Return the schema of a message with these properties besides kind and ref.

    ``others`` are more keywords of the schema.
    """
    own_kind: JsonSchema = {"const": kind}
    head = {KIND: own_kind} if ref is RefUse.NEVER else {KIND: own_kind, REF: REF_SCHEMA}
    needed = [KIND, REF] if ref is RefUse.REQUIRED else [KIND]
    return {
        "type": "object",
        "properties": {**head, **properties},
        "required": [*needed, *required],
        **others,
    }


def _code(declared: Mapping[str, str]) -> JsonSchema:
    known = {**STANDARD_ERRORS, **declared}
    listed = "\n".join(f"- {code}: {text}" if text else f"- {code}" for code, text in known.items())
    if declared:
        return {"enum": [*known], "description": listed}
    return {"type": "string", "description": f"{listed}\n- or the code of a handler's own error"}
