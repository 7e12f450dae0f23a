"""In go a kind's contract and the schemas of its types, out come its messages as they are on the wire.

What is on the wire says `aiows.kinds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from ..kinds import KindContract, PossibleError
from ..kinds.payload import KIND, REF
from .json_schema import JsonSchema, resolve
from .names import Names

__all__ = ("STANDARD_ERRORS", "Exchange", "Message", "WireForm", "cancel", "end", "error")

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
NO_FIELDS: Final[JsonSchema] = {"type": "object", "properties": {}}
ANY_FIELDS: Final[JsonSchema] = {"type": "object", "additionalProperties": True}


class Ref(Enum):
    """Whether a message has a ref."""

    NEVER = auto()
    OPTIONAL = auto()
    REQUIRED = auto()


OPENING_REF: Final = {"in": Ref.OPTIONAL, "out": Ref.NEVER, "ask": Ref.REQUIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message on the wire; ``name`` is unique in its channel, ``examples`` are whole messages."""

    name: str
    kind: str
    schema: JsonSchema
    ref: Ref
    summary: str = ""
    description: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A contract with its messages: the one that opens it and, unless it only tells, what answers.

    ``reply`` is one item where the contract streams. ``error`` is None where no codes were declared.
    """

    contract: KindContract
    opening: Message
    reply: Message | None = None
    error: Message | None = None


def end() -> Message:
    """Return what follows the last item of a stream."""
    return Message(name="end", kind="end", schema=_object("end", Ref.REQUIRED), ref=Ref.REQUIRED)


def cancel() -> Message:
    """Return what the side that asked says when it has given up."""
    schema = _object("cancel", Ref.REQUIRED)
    return Message(name="cancel", kind="cancel", schema=schema, ref=Ref.REQUIRED)


def error(codes: Iterable[PossibleError] = (), *, name: str = "error") -> Message:
    """Return the refusal with one of ``codes`` or the standard ones; without ``codes`` any."""
    declared = {each.code: each.text for each in codes}
    schema = _object(
        "error",
        Ref.REQUIRED if declared else Ref.OPTIONAL,
        {
            "error": {
                "type": "object",
                "properties": {
                    "code": _code(declared),
                    "message": {"type": "string", "description": "For people."},
                    "details": {"description": "For programs."},
                },
                "required": ["code", "message"],
            }
        },
    )
    return Message(name=name, kind="error", schema=schema, ref=Ref.OPTIONAL)


class WireForm:
    """Makes the messages of one channel, with the fields flat or under ``payload_key``."""

    def __init__(self, payload_key: str | None, components: dict[str, JsonSchema]) -> None:
        self._payload_key = payload_key
        self._components = components
        self._names = Names({"cancel", "end", "error"})

    def exchange(self, contract: KindContract, payload: JsonSchema, reply: JsonSchema) -> Exchange:
        """Return the messages of ``contract``, whose types have these schemas."""
        opening = self._opening(contract, payload)
        if contract.direction == "out":
            return Exchange(contract=contract, opening=opening)
        return Exchange(
            contract=contract,
            opening=opening,
            reply=self._reply(opening.name, reply, "item" if contract.streams else "reply"),
            error=self._error(opening.name, contract),
        )

    def _opening(self, contract: KindContract, payload: JsonSchema) -> Message:
        ref = OPENING_REF[contract.direction]
        return Message(
            name=self._names.take(contract.kind),
            kind=contract.kind,
            schema=self._enveloped(contract.kind, ref, payload),
            ref=ref,
            summary=contract.summary,
            description=contract.description,
            examples=tuple(self._example(contract.kind, ref, each) for each in contract.examples),
        )

    def _reply(self, opening: str, reply: JsonSchema, kind: str) -> Message:
        forms = [
            self._enveloped(self._own_kind(fields) or kind, Ref.REQUIRED, fields)
            for fields in self._forms_of(reply)
        ]
        return Message(
            name=self._names.take(f"{opening}.{kind}"),
            kind=kind,
            schema=forms[0] if len(forms) == 1 else {"anyOf": forms},
            ref=Ref.REQUIRED,
        )

    def _error(self, opening: str, contract: KindContract) -> Message | None:
        if not contract.errors:
            return None
        return error(contract.errors, name=self._names.take(f"{opening}.error"))

    def _forms_of(self, value: JsonSchema) -> Iterator[JsonSchema]:
        """Yield the schema of the fields that say ``value``, one for each form that it may have."""
        resolved = resolve(value, self._components)
        if "anyOf" in resolved:
            for each in resolved["anyOf"]:
                yield from self._forms_of(each)
        elif resolved.get("type") == "object":
            yield value
        elif resolved.get("type") == "null":
            yield NO_FIELDS
        elif resolved.keys().isdisjoint(("type", "enum", "const", "allOf", "oneOf")):
            yield ANY_FIELDS  # it was not said what it is
        else:
            yield {"type": "object", "properties": {"result": value}, "required": ["result"]}

    def _own_kind(self, fields: JsonSchema) -> str | None:
        """Return the kind that a payload brings along."""
        properties = resolve(fields, self._components).get("properties", {})
        tags: list[str] = properties.get(KIND, {}).get("enum", [])
        return tags[0] if tags else None

    def _enveloped(self, kind: str, ref: Ref, fields: JsonSchema) -> JsonSchema:
        resolved = resolve(fields, self._components)
        body = _without_envelope(resolved)
        if self._payload_key is None:
            return _object(kind, ref, **body)
        if body["properties"].keys() == resolved.get("properties", {}).keys():
            body = fields  # a component, to be referred to
        is_needed = body.get("required") or ref is Ref.REQUIRED
        needed = [self._payload_key] if is_needed else []
        return _object(kind, ref, {self._payload_key: body}, needed)

    def _example(self, kind: str, ref: Ref, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        envelope = {KIND: kind, REF: 1} if ref is Ref.REQUIRED else {KIND: kind}
        key = self._payload_key
        return {**envelope, **fields} if key is None else {**envelope, key: fields}


def _object(
    kind: str,
    ref: Ref,
    properties: Mapping[str, JsonSchema] | None = None,
    required: Iterable[str] | None = None,
    **others: Any,
) -> JsonSchema:
    """Return the schema of a message; of its own properties all are required if nothing is said."""
    own = properties or {}
    envelope: dict[str, JsonSchema] = {KIND: {"const": kind}}
    needed = [KIND]
    if ref is not Ref.NEVER:
        envelope[REF] = REF_SCHEMA
    if ref is Ref.REQUIRED:
        needed.append(REF)
    return {
        "type": "object",
        "properties": {**envelope, **own},
        "required": [*needed, *(own if required is None else required)],
        **{key: value for key, value in others.items() if key != "type"},
    }


def _without_envelope(schema: JsonSchema) -> JsonSchema:
    """Return an object's schema without a payload's kind and ref, and without its class's name."""
    properties: dict[str, JsonSchema] = schema.get("properties", {})
    rest = {key: value for key, value in schema.items() if key != "title"}
    if "properties" not in schema:
        rest.setdefault("additionalProperties", True)
    return {
        **rest,
        "properties": {name: each for name, each in properties.items() if name not in (KIND, REF)},
        "required": [name for name in schema.get("required", ()) if name not in (KIND, REF)],
    }


def _code(declared: Mapping[str, str]) -> JsonSchema:
    known = {**STANDARD_ERRORS, **declared}
    told = "\n".join(f"- {code}: {text}" if text else f"- {code}" for code, text in known.items())
    if declared:
        return {"enum": [*known], "description": told}
    return {"type": "string", "description": f"{told}\n- or what a handler refuses with"}
