"""In go a kind's contract and the schemas of its types, out come the messages that open and answer it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..kinds import KindContract
from ..wire_form import CANCEL, END, ERROR, ITEM, KIND, REPLY
from .envelope import Envelope
from .json_schema import JsonSchema, resolve
from .messages import MessageSchema, RefUse, error
from .names import Names

__all__ = ("Operation", "WireForm")

NO_FIELDS: Final[JsonSchema] = {"type": "object", "properties": {}}
ANY_FIELDS: Final[JsonSchema] = {"type": "object", "additionalProperties": True}
# A schema without any of them does not say what it is of.
TELLING: Final = frozenset({"allOf", "const", "enum", "oneOf", "type"})

# What is added to a kind's name where it is a message of the other direction, too.
OPENING_NOUN: Final = {"in": "request", "out": "event", "ask": "question"}
OPENING_REF: Final = {"in": RefUse.OPTIONAL, "out": RefUse.NEVER, "ask": RefUse.REQUIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A contract with its messages: the one that opens it and, unless it only tells, what answers.

    ``reply`` is one item where the contract streams. ``error`` is None where no codes were declared.
    """

    contract: KindContract
    opening: MessageSchema
    reply: MessageSchema | None = None
    error: MessageSchema | None = None


class WireForm:
    """Makes the messages of one channel.

    ``payload_key`` is for requests and their answers. What the server sends and asks by itself is flat:
    it does not come from the dispatcher.
    """

    def __init__(self, payload_key: str | None, components: dict[str, JsonSchema]) -> None:
        flat = Envelope(None, components)
        self._envelopes = {"in": Envelope(payload_key, components), "out": flat, "ask": flat}
        self._components = components
        self._names = Names({CANCEL, END, ERROR})

    def operation(
        self, contract: KindContract, payload: JsonSchema, reply: JsonSchema
    ) -> Operation:
        """Return the messages of ``contract``, whose types have these schemas."""
        opening = self._opening(contract, payload)
        if contract.direction == "out":
            return Operation(contract=contract, opening=opening)
        return Operation(
            contract=contract,
            opening=opening,
            reply=self._reply(contract, opening.name, reply),
            error=self._error(contract, opening.name),
        )

    def _opening(self, contract: KindContract, payload: JsonSchema) -> MessageSchema:
        kind, ref = contract.kind, OPENING_REF[contract.direction]
        envelope = self._envelopes[contract.direction]
        return MessageSchema(
            name=self._names.take(kind, f"{kind}.{OPENING_NOUN[contract.direction]}"),
            kind=kind,
            schema=envelope.around(kind, ref, payload),
            ref=ref,
            summary=contract.summary,
            description=contract.description,
            examples=tuple(envelope.example(kind, ref, each) for each in contract.examples),
        )

    def _reply(self, contract: KindContract, opening: str, reply: JsonSchema) -> MessageSchema:
        kind = ITEM if contract.streams else REPLY
        envelope = self._envelopes[contract.direction]
        forms = [
            envelope.around(
                kind if contract.streams else self._kind_of(each), RefUse.REQUIRED, each
            )
            for each in self._forms_of(reply)
        ]
        return MessageSchema(
            name=self._names.take(f"{opening}.{kind}"),
            kind=kind,
            schema=forms[0] if len(forms) == 1 else {"anyOf": forms},
            ref=RefUse.REQUIRED,
        )

    def _error(self, contract: KindContract, opening: str) -> MessageSchema | None:
        if not contract.errors:
            return None
        return error(contract.errors, name=self._names.take(f"{opening}.{ERROR}"))

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
        elif TELLING.isdisjoint(resolved):
            yield ANY_FIELDS
        else:
            yield {"type": "object", "properties": {"result": value}, "required": ["result"]}

    def _kind_of(self, reply: JsonSchema) -> str:
        """Return the kind of a reply: the one that a payload brings along, or else ``reply``."""
        properties = resolve(reply, self._components).get("properties", {})
        tags: list[str] = properties.get(KIND, {}).get("enum", [])
        return tags[0] if tags else REPLY
