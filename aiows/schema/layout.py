"""Where the fields of a message are: beside its kind, or together under one key (``payload_key``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..wire_form import KIND, REF
from .json_schema import JsonSchema, resolve
from .messages import RefUse, message_schema

__all__ = ("MessageLayout",)

# Keywords of the fields' schema that are replaced by those of the message.
REPLACED: Final = frozenset({"properties", "required", "title", "type"})


class MessageLayout:
    """Puts fields into messages: beside the kind (``payload_key`` is None) or under ``payload_key``.

    The schemas of the fields may refer to ``components``.
    """

    def __init__(self, payload_key: str | None, components: dict[str, JsonSchema]) -> None:
        self._payload_key = payload_key
        self._components = components

    def schema(self, kind: str, ref: RefUse, fields: JsonSchema) -> JsonSchema:
        """Return the schema of a message with these fields."""
        resolved = resolve(fields, self._components)
        properties = _without_kind(resolved.get("properties", {}))
        required = [*_without_kind(dict.fromkeys(resolved.get("required", ())))]
        others = {key: value for key, value in resolved.items() if key not in REPLACED}
        if "properties" not in resolved:
            others.setdefault("additionalProperties", True)
        if self._payload_key is None:
            return message_schema(kind, ref, properties, required=required, **others)
        if properties != resolved.get("properties"):
            fields = {"type": "object", "properties": properties, "required": required, **others}
        needed = [self._payload_key] if required or ref is RefUse.REQUIRED else []
        return message_schema(kind, ref, {self._payload_key: fields}, required=needed)

    def example(self, kind: str, ref: RefUse, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an example of a message with these fields."""
        head = {KIND: kind, REF: 1} if ref is RefUse.REQUIRED else {KIND: kind}
        key = self._payload_key
        return {**head, **fields} if key is None else {**head, key: fields}


def _without_kind(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``fields`` without kind and ref, which a payload has for the message."""
    return {name: each for name, each in fields.items() if name not in (KIND, REF)}
