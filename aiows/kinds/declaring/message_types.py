"""The types that messages are read as: checks what was declared, and builds what is missing.

msgspec finds the kind of a message by a Struct that is tagged with it. That is the `Payload` type itself,
or a Struct that is built from the handler's parameters. For a type without a tag (``payload=``) it is a
Struct with the kind and the ref alone, and the message is read a second time, as that type.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, TypeGuard, get_origin, get_type_hints

import msgspec
from msgspec import Struct, defstruct
from msgspec.inspect import (
    CustomType,
    DataclassType,
    DecimalType,
    StructType,
    TypedDictType,
    type_info,
)

from ...codecs import hook_for, types_in
from ...inject import NO_DEFAULT, Parameter, Plan, fields_asked_by, refusal
from ..payload import KIND, REF, RESERVED, Fields, Payload

__all__ = (
    "check_readable",
    "fields_of",
    "has_decimals",
    "is_payload",
    "is_typed_dict",
    "own_doc",
    "payload_problem",
    "retagged",
    "struct_of_fields",
    "struct_of_kind",
    "type_name",
)

Function: TypeAlias = Callable[..., Any]

OBJECTS: Final = (DataclassType, StructType, TypedDictType)


def struct_of_fields(kind: str, plan: Plan) -> type[Struct]:
    """Build the type of messages with the fields that ``plan`` asks for.

    Raises RegistrationError for a field that is reserved, or that cannot be read.
    """
    fields = fields_asked_by(plan.function, plan.parameters)
    for asker, each, _ in fields:
        if each.name in RESERVED:
            raise refusal(asker, f"reserved, so no parameter may be named {each.name!r}")
        check_readable(asker, each.name, each.annotation)
    try:
        return struct_of_kind(kind, [_definition(each.parameter) for each in fields])
    except TypeError as error:
        raise refusal(plan.function, str(error)) from error


def struct_of_kind(kind: str, fields: Iterable[Any] = ()) -> type[Struct]:
    """Build a type that is tagged with ``kind`` and has the ref and ``fields``."""
    return defstruct(kind, fields, bases=(Fields,), tag=kind, tag_field=KIND, kw_only=True)


def retagged(message_type: type[Struct], kind: str) -> type[Struct]:
    """Return a subclass of ``message_type`` that is tagged with ``kind``."""
    if not is_payload(message_type):
        return defstruct(kind, [], bases=(message_type,), tag=kind, tag_field=KIND, kw_only=True)
    same = {name: getattr(message_type, name) for name in ("__doc__", "__module__", "__qualname__")}
    make: Any = type(message_type)  # `PayloadMeta`
    made: type[Struct] = make(message_type.__name__, (message_type,), same, kind=kind)
    return made


def is_payload(annotation: Any) -> TypeGuard[type[Payload]]:
    """Whether ``annotation`` is a `Payload` type."""
    return isinstance(annotation, type) and issubclass(annotation, Payload)


def payload_problem(payload: Any) -> str | None:
    """Return why ``payload=`` cannot be this type; None if it can."""
    if is_payload(payload):
        return None
    try:
        info = type_info(payload)
    except Exception as error:
        return f"cannot be read from JSON: {error}"
    if isinstance(info, CustomType) and hook_for(info.cls) is not None:
        return None
    if not isinstance(info, OBJECTS) or (isinstance(info, StructType) and info.array_like):
        return "is no dataclass, TypedDict, attrs class or msgspec.Struct"
    if isinstance(info, StructType) and info.tag is not None:
        return f"has the tag {info.tag!r} of its own"
    if isinstance(info, StructType) and info.forbid_unknown_fields:
        return "forbids unknown fields, which kind and ref would be: make it a Payload"
    clashes = sorted({each.encode_name for each in info.fields} & RESERVED)
    return f"has a field {clashes[0]!r}, which is reserved" if clashes else None


def fields_of(payload: Any) -> dict[str, Any]:
    """Return the fields that a handler of ``payload`` may ask for one by one, with their types."""
    info: Any = type_info(payload)
    if isinstance(info, CustomType):
        return {}  # only its hook knows them
    names = [each.name for each in info.fields if each.name != REF]
    hints = get_type_hints(get_origin(payload) or payload, include_extras=True)
    return {name: hints[name] for name in names}


def is_typed_dict(payload: Any) -> bool:
    """Whether values of ``payload`` are dicts at run time: their fields are items, not attributes."""
    return isinstance(type_info(payload), TypedDictType)


def type_name(annotation: Any) -> str:
    """Return the name of a type for error messages."""
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)


def own_doc(message_type: Any) -> str | None:
    """Return the docstring that was written for this very type, not its base's and not a generated one."""
    doc: str | None = getattr(get_origin(message_type) or message_type, "__doc__", None)
    name = getattr(message_type, "__name__", "")
    return None if doc is None or doc.startswith(f"{name}(") else inspect.cleandoc(doc)


def check_readable(function: Function, name: str, annotation: Any) -> None:
    """Raise RegistrationError for a type that msgspec cannot read: now, not at the first message."""
    try:
        custom = _unknown_class(type_info(annotation))
    except Exception as error:
        raise refusal(function, f"{name!r} cannot be read from JSON: {error}") from error
    if custom is not None:
        raise refusal(
            function,
            f"{name!r}: {custom.cls.__qualname__} is not provided and not readable from JSON",
        )


def _definition(parameter: Parameter) -> tuple[str, Any] | tuple[str, Any, Any]:
    name, annotation, default = parameter.name, parameter.annotation, parameter.default
    if default is NO_DEFAULT:
        return name, annotation
    # A factory, because msgspec refuses or copies a default that is a list: a plain call would not.
    return name, annotation, msgspec.field(default_factory=lambda: default)


def has_decimals(annotation: Any) -> bool:
    """Whether a Decimal is anywhere within a type."""
    return any(isinstance(each, DecimalType) for each in types_in(type_info(annotation)))


def _unknown_class(info: msgspec.inspect.Type) -> CustomType | None:
    """Return the first class within ``info`` that neither msgspec nor a hook knows."""
    classes = (each for each in types_in(info) if isinstance(each, CustomType))
    return next((each for each in classes if hook_for(each.cls) is None), None)
