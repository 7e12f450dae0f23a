"""The messages of each kind: the one that is sent first, its reply and its error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..kinds import KindContract
from ..wire_form import CANCEL, END, ERROR, ITEM, KIND, PLACE, REPLY
from .json_schema import JsonSchema, resolve
from .layout import MessageLayout
from .messages import PLACE_SCHEMA, MessageSchema, RefUse, error
from .names import Names

__all__ = ("Operation", "OperationBuilder")

NO_FIELDS: Final[JsonSchema] = {"type": "object", "properties": {}}
ANY_FIELDS: Final[JsonSchema] = {"type": "object", "additionalProperties": True}
# A schema without any of these keywords does not restrict the type.
TYPE_KEYWORDS: Final = frozenset({"allOf", "const", "enum", "oneOf", "type"})

# What is added to the name of a kind that is also a message of the other direction.
NAME_SUFFIX: Final = {"in": "request", "out": "event", "ask": "question"}
REF_USE: Final = {"in": RefUse.OPTIONAL, "out": RefUse.NEVER, "ask": RefUse.REQUIRED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A contract with its messages: the one that is sent first and, if it is a request, its answers.

    ``reply`` is one item if the contract streams. ``error`` is None if no codes were declared.
    """

    contract: KindContract
    message: MessageSchema
    reply: MessageSchema | None = None
    error: MessageSchema | None = None


class OperationBuilder:
    """Makes the operations of one channel.

    ``payload_key`` is for the requests of clients and their answers. What the server sends or asks itself is
    always flat, as it does not go through the dispatcher. ``has_topics``: what it sends may say its topic.
    """

    def __init__(
        self,
        payload_key: str | None,
        components: dict[str, JsonSchema],
        *,
        has_topics: bool = False,
    ) -> None:
        self._has_topics = has_topics
        flat = MessageLayout(None, components)
        self._layouts = {"in": MessageLayout(payload_key, components), "out": flat, "ask": flat}
        self._components = components
        self._names = Names({CANCEL, END, ERROR})

    def operation(
        self, contract: KindContract, payload: JsonSchema, reply: JsonSchema
    ) -> Operation:
        """Return the operation of ``contract``, whose types have these schemas."""
        message = self._message(contract, payload)
        if contract.direction == "out":
            return Operation(contract=contract, message=message)
        return Operation(
            contract=contract,
            message=message,
            reply=self._reply(contract, message.name, reply),
            error=self._error(contract, message.name),
        )

    def _message(self, contract: KindContract, payload: JsonSchema) -> MessageSchema:
        kind, ref = contract.kind, REF_USE[contract.direction]
        layout = self._layouts[contract.direction]
        schema = layout.schema(kind, ref, payload)
        if self._has_topics and contract.direction == "out":
            schema["properties"][PLACE] = PLACE_SCHEMA
        return MessageSchema(
            name=self._names.take(kind, f"{kind}.{NAME_SUFFIX[contract.direction]}"),
            kind=kind,
            schema=schema,
            ref=ref,
            summary=contract.summary,
            description=contract.description,
            examples=tuple(layout.example(kind, ref, each) for each in contract.examples),
        )

    def _reply(self, contract: KindContract, message: str, reply: JsonSchema) -> MessageSchema:
        kind = ITEM if contract.streams else REPLY
        layout = self._layouts[contract.direction]
        forms = [
            layout.schema(kind if contract.streams else self._kind_of(each), RefUse.REQUIRED, each)
            for each in self._forms_of(reply)
        ]
        return MessageSchema(
            name=self._names.take(f"{message}.{kind}"),
            kind=kind,
            schema=forms[0] if len(forms) == 1 else {"anyOf": forms},
            ref=RefUse.REQUIRED,
        )

    def _error(self, contract: KindContract, message: str) -> MessageSchema | None:
        if not contract.errors:
            return None
        return error(contract.errors, name=self._names.take(f"{message}.{ERROR}"))

    def _forms_of(self, value: JsonSchema) -> Iterator[JsonSchema]:
        """Yield the schemas of a reply's fields: one for each type that the handler's ``value`` may have."""
        resolved = resolve(value, self._components)
        if "anyOf" in resolved:
            for each in resolved["anyOf"]:
                yield from self._forms_of(each)
        elif resolved.get("type") == "object":
            yield value
        elif resolved.get("type") == "null":
            yield NO_FIELDS
        elif TYPE_KEYWORDS.isdisjoint(resolved):
            yield ANY_FIELDS
        else:
            yield {"type": "object", "properties": {"result": value}, "required": ["result"]}

    def _kind_of(self, reply: JsonSchema) -> str:
        """Return the kind of a reply: that of the payload, if it is one with a kind, or else ``reply``."""
        properties = resolve(reply, self._components).get("properties", {})
        tags: list[str] = properties.get(KIND, {}).get("enum", [])
        return tags[0] if tags else REPLY
