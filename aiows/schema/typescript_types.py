"""The TypeScript type of a JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from .json_schema import COMPONENTS, JsonSchema

__all__ = ("block", "comment", "indented", "literal", "members", "type_of")

PLAIN: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}

# What a type cannot express: it is put into the comment.
LIMITS: Final = (
    "format",
    "contentEncoding",
    "pattern",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "default",
)


def type_of(schema: JsonSchema, names: Mapping[str, str]) -> str:
    """Return the type; ``names`` has the TypeScript name of each component."""
    return _union(_alternatives(schema, names))


def members(schema: JsonSchema, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines between the braces of an object's type."""
    properties: dict[str, JsonSchema] = schema.get("properties", {})
    required = schema.get("required", ())
    for name, each in properties.items():
        yield from comment(each.get("description", ""), _limits(each))
        mark = "" if name in required else "?"
        yield f"{_key(name)}{mark}: {type_of(each, names)};"
    if schema.get("additionalProperties", "properties" not in schema) is not False:
        yield f"[key: string]: {_index_type(schema, names)};"


def literal(value: Any) -> str:
    """Return the type that has this one value."""
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) else literal(name)


def comment(*texts: str) -> list[str]:
    """Return the lines of a comment with these paragraphs; none if they are all empty."""
    lines = "\n\n".join(text for text in texts if text).replace("*/", "*\\/").splitlines()
    if len(lines) <= 1:
        return [f"/** {line} */" for line in lines]
    return ["/**", *(f" * {line}".rstrip() for line in lines), " */"]


def block(lines: Iterable[str]) -> str:
    """Return the lines in braces."""
    within = [*indented(lines)]
    return "\n".join(["{", *within, "}"]) if within else "{}"


def indented(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, indented by two spaces."""
    for line in lines:
        for each in line.split("\n"):
            yield f"  {each}" if each else ""


def _alternatives(schema: JsonSchema, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the types that a value may have."""
    kind: Any = schema.get("type")
    if "enum" in schema:
        yield from map(literal, schema["enum"])
    elif "anyOf" in schema or "oneOf" in schema:
        for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from _alternatives(each, names)
    elif isinstance(kind, list):
        for each in cast("list[str]", kind):
            yield from _alternatives({**schema, "type": each}, names)
    else:
        yield _one_type(schema, names)


def _one_type(schema: JsonSchema, names: Mapping[str, str]) -> str:
    if "$ref" in schema:
        return names[schema["$ref"].removeprefix(COMPONENTS)]
    if "const" in schema:
        return literal(schema["const"])
    if "allOf" in schema:
        return _intersection(type_of(each, names) for each in schema["allOf"])
    if schema.get("type") == "array":
        return _array(schema, names)
    if schema.get("type") == "object":
        return block(members(schema, names))
    return PLAIN.get(str(schema.get("type")), "unknown")


def _array(schema: JsonSchema, names: Mapping[str, str]) -> str:
    items: Any = schema.get("items", {})
    if not isinstance(items, list):
        return f"Array<{type_of(items, names)}>"
    needed = schema.get("minItems", 0)
    types = [type_of(each, names) for each in cast("list[JsonSchema]", items)]
    marked = [each if index < needed else f"({each})?" for index, each in enumerate(types)]
    is_open = schema.get("additionalItems", "maxItems" not in schema)
    return f"[{', '.join([*marked, *(['...Array<unknown>'] if is_open else [])])}]"


def _index_type(schema: JsonSchema, names: Mapping[str, str]) -> str:
    """Return the type of other properties; in TypeScript it has to include those of the known ones."""
    others: Any = schema.get("additionalProperties", True)
    if others is True:
        return "unknown"
    known: dict[str, JsonSchema] = schema.get("properties", {})
    types = [one for each in (others, *known.values()) for one in _alternatives(each, names)]
    return _union(types if known.keys() <= {*schema.get("required", ())} else [*types, "undefined"])


def _union(types: Iterable[str]) -> str:
    each = dict.fromkeys(types)
    return "unknown" if "unknown" in each else " | ".join(each) or "never"


def _intersection(types: Iterable[str]) -> str:
    return " & ".join(f"({each})" if " | " in each else each for each in types)


def _limits(schema: JsonSchema) -> str:
    return ", ".join(
        f"{key}: {literal(schema[key])}" for key in LIMITS if schema.get(key) is not None
    )
