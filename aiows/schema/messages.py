"""In go a kind and the schemas of its fields, out comes the schema of a message as it is on the wire.

What is on the wire says `aiows.kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from ..kinds import PossibleError
from ..wire_form import CANCEL, END, ERROR, KIND, REF
from .json_schema import JsonSchema

__all__ = ("STANDARD_ERRORS", "MessageSchema", "RefUse", "cancel", "end", "error", "message_schema")

STANDARD_ERRORS: Final[Mapping[str, str]] = {
    "bad_json": "It is no JSON, or nested too deeply.",
    "bad_binary": "It is BINARY that cannot be read.",
    "bad_text": "It is TEXT that cannot be read.",
    "not_object": "It is no object.",
    "missing_kind": "It has no kind.",
    "bad_kind": "Its kind is no text.",
    "unknown_kind": "Nobody handles its kind.",
    "invalid": "A field, or the ref, is missing, wrong or not known.",
    "timeout": "The handler took longer than it may.",
    "superseded": "A later message was handled in its place.",
    "not_text": "It is BINARY where messages are TEXT.",
    "not_binary": "It is TEXT where messages are BINARY.",
    "internal": "The handler failed.",
}
"""What any request may be refused with: code and text."""

REF_SCHEMA: Final[JsonSchema] = {"type": ["string", "integer"]}


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
    """Return what follows the last item of a stream."""
    schema = message_schema(END, RefUse.REQUIRED, {})
    return MessageSchema(name=END, kind=END, schema=schema, ref=RefUse.REQUIRED)


def cancel() -> MessageSchema:
    """Return what the side that asked says when it has given up."""
    schema = message_schema(CANCEL, RefUse.REQUIRED, {})
    return MessageSchema(name=CANCEL, kind=CANCEL, schema=schema, ref=RefUse.REQUIRED)


def error(codes: Iterable[PossibleError] = (), *, name: str = ERROR) -> MessageSchema:
    """Return the refusal with one of ``codes`` or the standard ones; without ``codes`` any.

    It has a ref where it refuses what asked for a reply.
    """
    declared = {each.code: each.text for each in codes}
    told: JsonSchema = {
        "type": "object",
        "properties": {
            "code": _code(declared),
            "message": {"type": "string", "description": "For people."},
            "details": {"description": "For programs."},
        },
        "required": ["code", "message"],
    }
    schema = message_schema(ERROR, RefUse.OPTIONAL, {ERROR: told}, required=[ERROR])
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
    envelope = {KIND: own_kind} if ref is RefUse.NEVER else {KIND: own_kind, REF: REF_SCHEMA}
    needed = [KIND, REF] if ref is RefUse.REQUIRED else [KIND]
    return {
        "type": "object",
        "properties": {**envelope, **properties},
        "required": [*needed, *required],
        **others,
    }


def _code(declared: Mapping[str, str]) -> JsonSchema:
    known = {**STANDARD_ERRORS, **declared}
    told = "\n".join(f"- {code}: {text}" if text else f"- {code}" for code, text in known.items())
    if declared:
        return {"enum": [*known], "description": told}
    return {"type": "string", "description": f"{told}\n- or what a handler refuses with"}
