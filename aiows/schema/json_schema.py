"""In go types, out come their JSON Schemas (draft 07, as AsyncAPI reads them) and the components they share.

msgspec writes them in draft 2020-12; the two differ in how they describe tuples and tagged unions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import NODEFAULT, defstruct

from ..kinds.payload import Fields

__all__ = ("COMPONENTS", "JsonSchema", "describe_types", "only_used", "resolve")

JsonSchema: TypeAlias = dict[str, Any]

COMPONENTS: Final = "#/components/schemas/"

# The keys of a schema whose values have schemas by name, and those whose values only look like schemas.
BY_NAME: Final = frozenset({"properties", "patternProperties", "$defs"})
NO_SCHEMAS: Final = frozenset({"const", "default", "discriminator", "enum", "example", "examples"})

# What a default may be so that it can be shown: nobody can change it, and JSON can say it.
PLAIN: Final = (bool, int, float, str, bytes, tuple, frozenset, Enum)


def describe_types(types: Iterable[Any]) -> tuple[list[JsonSchema], dict[str, JsonSchema]]:
    """Return a schema for each type, and by name the components to which they refer.

    A name is the class's, with its module in front where two share it. A type that msgspec cannot
    describe is asked itself, by ``model_json_schema()``, as pydantic's models can. Raises TypeError for
    one that does not know either.
    """
    named = [_with_own_name(each, number) for number, each in enumerate(types)]
    schemas, components = msgspec.json.schema_components(
        named, schema_hook=_own_schema, ref_template=f"{COMPONENTS}{{name}}"
    )
    for each in (*schemas, *components.values()):
        components = components | _definitions_taken_from(each)
    for each in (*schemas, *components.values()):
        _to_draft_07(each)
    return [*schemas], dict(sorted(components.items()))


def resolve(schema: JsonSchema, components: dict[str, JsonSchema]) -> JsonSchema:
    """Return what ``schema`` refers to, or itself."""
    while "$ref" in schema:
        schema = components[schema["$ref"].removeprefix(COMPONENTS)]
    return schema


def only_used(components: dict[str, JsonSchema], by: Iterable[JsonSchema]) -> dict[str, JsonSchema]:
    """Return the components that are needed to read the schemas ``by``."""
    used: set[str] = set()
    waiting = [*by]
    while waiting:
        new = {*_references_in(waiting.pop())} - used
        used |= new
        waiting += [components[name] for name in sorted(new)]
    return {name: schema for name, schema in components.items() if name in used}


def _references_in(schema: JsonSchema) -> Iterator[str]:
    for each in _walk(schema):
        if "$ref" in each:
            yield each["$ref"].removeprefix(COMPONENTS)


def _walk(schema: JsonSchema) -> Iterator[JsonSchema]:
    """Yield the schema and every one within it."""
    yield schema
    for key, value in schema.items():
        if key in NO_SCHEMAS:
            continue
        for each in _below(value, has_names=key in BY_NAME):
            yield from _walk(each)


def _below(value: Any, *, has_names: bool) -> Iterator[JsonSchema]:
    """Yield the schemas that are the value of a key: one, several, or several by name."""
    several: Iterable[Any] = value.values() if has_names else value
    each = several if has_names or isinstance(value, list) else (value,)
    yield from (one for one in each if isinstance(one, dict))


def _with_own_name(described: Any, number: int) -> Any:
    """Copy what was made of a handler's parameters: two handlers of one kind would share a name.

    msgspec does not ask a factory for the default that a schema could show.
    """
    made: type[Any] | None = described if isinstance(described, type) else None
    if made is None or not issubclass(made, Fields):
        return described
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (each.name, each.type) if each.required else (each.name, each.type, _shown_default(each))
        for each in msgspec.structs.fields(made)
    ]
    return defstruct(f"Fields_{number}", fields, kw_only=True)


def _shown_default(field: msgspec.structs.FieldInfo) -> Any:
    default: Any = field.default
    if field.default_factory is not NODEFAULT:
        default = field.default_factory()
    if default is not None and not isinstance(default, PLAIN):
        return msgspec.UNSET
    return cast("Any", default)


def _own_schema(described: type) -> JsonSchema:
    own = getattr(described, "model_json_schema", None)
    if own is None:
        raise TypeError(f"{described} is no type of JSON's")
    return cast("JsonSchema", own(ref_template=f"{COMPONENTS}{{model}}"))


def _definitions_taken_from(schema: JsonSchema) -> dict[str, JsonSchema]:
    """Take the definitions that types' own schemas brought along out of it."""
    taken: dict[str, JsonSchema] = {}
    for each in [*_walk(schema)]:
        taken |= each.pop("$defs", {})
    return taken


def _to_draft_07(schema: JsonSchema) -> None:
    for each in [*_walk(schema)]:
        if "prefixItems" in each:
            rest = each.pop("items", None)
            each["items"] = each.pop("prefixItems")
            if rest is not None:
                each["additionalItems"] = rest
        if "discriminator" in each:
            each["discriminator"] = each["discriminator"]["propertyName"]
