"""JSON Schemas of types, in draft 07, which AsyncAPI uses, and the components that they share.

msgspec makes them in draft 2020-12. The two drafts differ for tuples and for tagged unions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec import NODEFAULT, Struct, defstruct

from ..codecs import hook_for
from ..kinds.payload import Fields
from .names import Names

__all__ = ("COMPONENTS", "JsonSchema", "describe_types", "only_used", "resolve")

JsonSchema: TypeAlias = dict[str, Any]

COMPONENTS: Final = "#/components/schemas/"
DEFINITIONS: Final = "#/$defs/"

# The keys whose values are schemas by name, and the keys whose values may look like schemas but are none.
BY_NAME: Final = frozenset({"properties", "patternProperties", "$defs"})
NO_SCHEMAS: Final = frozenset({"const", "default", "discriminator", "enum", "example", "examples"})

# The types of defaults that are shown: immutable, and JSON can express them.
PLAIN: Final = (bool, int, float, str, bytes, tuple, frozenset, Enum)


def describe_types(types: Iterable[Any]) -> tuple[list[JsonSchema], dict[str, JsonSchema]]:
    """Return a schema for each type, and the components that they refer to, by name.

    The name is that of the class, with its module in front where two classes have the same name. Raises
    TypeError for a type that neither msgspec nor a type hook knows.
    """
    named = [_with_own_name(each, number) for number, each in enumerate(types)]
    schemas, components = msgspec.json.schema_components(
        named, schema_hook=_schema_by_hook, ref_template=f"{COMPONENTS}{{name}}"
    )
    for each in (*schemas, *components.values()):
        components = components | _taken_out_of(each, components)
    for each in (*schemas, *components.values()):
        _adapt(each)
    return [*schemas], dict(sorted(components.items()))


def resolve(schema: JsonSchema, components: dict[str, JsonSchema]) -> JsonSchema:
    """Return the schema that ``schema`` refers to, or itself."""
    while "$ref" in schema:
        schema = components[schema["$ref"].removeprefix(COMPONENTS)]
    return schema


def only_used(components: dict[str, JsonSchema], by: Iterable[JsonSchema]) -> dict[str, JsonSchema]:
    """Return the components that the schemas ``by`` refer to, directly or through others."""
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
    """Yield the schema and every schema within it."""
    yield schema
    for key, value in schema.items():
        if key in NO_SCHEMAS:
            continue
        for each in _below(value, has_names=key in BY_NAME):
            yield from _walk(each)


def _below(value: Any, *, has_names: bool) -> Iterator[JsonSchema]:
    """Yield the schemas in the value of a key: one, a list, or several by name."""
    several: Iterable[Any] = value.values() if has_names else value
    each = several if has_names or isinstance(value, list) else (value,)
    yield from (one for one in each if isinstance(one, dict))


def _with_own_name(described: Any, number: int) -> Any:
    """Return a type with the same fields and a unique name.

    Types that are built from the parameters of handlers may have the same name. A payload that a prefix was
    put on is replaced by the original. Defaults from a factory are made here, as msgspec does not call it.
    """
    made: type[Any] | None = described if isinstance(described, type) else None
    if made is None or not issubclass(made, Struct):
        return described
    if not issubclass(made, Fields):
        return next(each for each in reversed(made.__mro__) if _name_of(each) == _name_of(made))
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (each.name, each.type) if each.required else (each.name, each.type, _shown_default(each))
        for each in msgspec.structs.fields(made)
    ]
    return defstruct(f"Fields_{number}", fields, kw_only=True)


def _name_of(named: type[Any]) -> tuple[str, str]:
    return named.__module__, named.__qualname__


def _shown_default(field: msgspec.structs.FieldInfo) -> Any:
    default: Any = field.default
    if field.default_factory is not NODEFAULT:
        default = field.default_factory()
    if default is not None and not isinstance(default, PLAIN):
        return msgspec.UNSET
    return cast("Any", default)


# The schema for ``object``. It is not empty, because msgspec ignores an empty schema from a hook.
ANYTHING: Final[JsonSchema] = {"$comment": "anything"}


def _schema_by_hook(type_: type) -> JsonSchema:
    if type_ is object:
        return dict(ANYTHING)
    hook = hook_for(type_)
    if hook is None:
        raise TypeError(f"no codec knows the type {type_}")
    return hook.schema(type_)


def _taken_out_of(
    schema: JsonSchema, components: Mapping[str, JsonSchema]
) -> dict[str, JsonSchema]:
    """Move the ``$defs`` that come with hooks' schemas out of them; return them as components."""
    taken: dict[str, JsonSchema] = {}
    for each in [one for one in _walk(schema) if "$defs" in one]:
        brought: dict[str, JsonSchema] = each.pop("$defs")
        parts = [each, *brought.values()]
        names = {name: re.sub(r"[^\w.-]", "_", name, flags=re.ASCII) for name in brought}
        _refer(parts, DEFINITIONS, names)
        known = {**components, **taken}
        others = Names(name for name in known if known[name] != brought.get(name))
        free = {names[name]: others.take(names[name]) for name in brought}
        _refer(parts, COMPONENTS, {name: new for name, new in free.items() if name != new})
        taken |= {free[names[name]]: definition for name, definition in brought.items()}
    return taken


def _refer(schemas: list[JsonSchema], start: str, names: Mapping[str, str]) -> None:
    """Change references that begin with ``start`` to references to the components in ``names``."""
    for each in _walk({"allOf": schemas}):
        reference = each.get("$ref", "")
        if reference.startswith(start) and (name := reference.removeprefix(start)) in names:
            each["$ref"] = COMPONENTS + names[name]


def _adapt(schema: JsonSchema) -> None:
    """Change msgspec's schema to draft 07, the same one in every process."""
    for each in [*_walk(schema)]:
        if "prefixItems" in each:
            rest = each.pop("items", None)
            each["items"] = each.pop("prefixItems")
            if rest is not None:
                each["additionalItems"] = rest
        if "discriminator" in each:
            each["discriminator"] = each["discriminator"]["propertyName"]
        if each.get("uniqueItems") and each.get("default"):  # a set, which has no order
            each["default"] = sorted(each["default"], key=msgspec.json.encode)
