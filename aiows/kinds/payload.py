"""`Payload`: the base of typed messages, whose class has a kind: ``class Say(Payload, kind="say")``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import (
    Any,
    ClassVar,
    Literal,
    TypedDict,
    Unpack,
    dataclass_transform,
)

from msgspec import UNSET, Struct, StructMeta, UnsetType, field
from msgspec.structs import force_setattr

from ..errors import RegistrationError
from ..wire_form import KIND, LONGEST_KIND, REF, RESERVED, Ref

__all__ = (
    "KIND",
    "REF",
    "RESERVED",
    "Fields",
    "Payload",
    "Ref",
    "kind_problem",
    "prefix_problem",
    "take_ref",
)


class Fields(Struct, kw_only=True):
    """The base of message types that are built from the parameters of a handler."""

    ref: Ref | UnsetType = UNSET


class _Options(TypedDict, total=False):
    """The options of `msgspec.Struct` that a payload may have: all except those for the tag."""

    rename: (
        Literal["lower", "upper", "camel", "pascal", "kebab"]
        | Callable[[str], str | None]
        | Mapping[str, str]
        | None
    )
    omit_defaults: bool
    forbid_unknown_fields: bool
    frozen: bool
    eq: bool
    order: bool
    kw_only: bool
    repr_omit_defaults: bool
    gc: bool
    weakref: bool
    dict: bool
    cache_hash: bool


@dataclass_transform(field_specifiers=(field,))
class PayloadMeta(StructMeta):
    """Turns the class keyword ``kind`` into the tag that msgspec decodes and encodes."""

    def __new__(  # noqa: PYI034 (no Self in a metaclass)
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        /,
        *,
        kind: str | None = None,
        **options: Unpack[_Options],
    ) -> PayloadMeta:
        """Make the class; raises RegistrationError for one that could never be sent or read."""
        if not any(isinstance(base, PayloadMeta) for base in bases):
            return super().__new__(mcls, name, bases, namespace, **options)
        where = f"{namespace.get('__module__')}.{namespace.get('__qualname__', name)}"
        _check_options(where, options)
        _check_kind(where, kind, bases)
        _check_namespace(where, namespace)
        tagging: dict[str, Any] = {}
        if kind is not None:
            namespace = {**namespace, KIND: kind}
            tagging = {"tag": kind, "tag_field": KIND}
        try:
            made = super().__new__(mcls, name, bases, namespace, **options, **tagging)
        except ValueError as error:  # a field is named like the tag
            raise RegistrationError(f"{where}: {error}") from error
        _check_fields(where, made)
        return made


class Payload(Struct, metaclass=PayloadMeta, kw_only=True, repr_omit_defaults=True):
    """A typed message: ``class ChatSend(Payload, kind="chat.send")`` with fields as in a dataclass.

    As JSON it is flat: ``{"kind": "chat.send", "room": "a"}``. A class without ``kind=`` is a base for
    others, or the fields of a reply; a subclass of a class with a kind needs a kind of its own. No field
    may be named ``kind``, ``ref`` or ``error``. The other class keywords are those of `msgspec.Struct`,
    without ``tag``, ``tag_field`` and ``array_like``.

    ``ref`` is for the dispatcher, which removes it from messages that it reads: a payload that a handler
    sends on has no ``ref``.

    Raises RegistrationError, when the class is made, for a kind or a field that is not allowed.
    """

    kind: ClassVar[str]
    ref: Ref | UnsetType = UNSET


def take_ref(message: Fields | Payload) -> Ref:
    """Return the ref of a message that was read, and remove it from the message."""
    ref = message.ref
    if ref is UNSET:
        return None
    force_setattr(message, REF, UNSET)  # frozen payloads too
    return ref


def kind_problem(kind: object) -> str | None:
    """Return why ``kind`` is not a valid kind; None if it is one."""
    if not isinstance(kind, str) or not kind:
        return f"a kind is a str that is not empty, not {kind!r}"
    if len(kind) > LONGEST_KIND:
        return f"the kind {kind!r:.32}... has {len(kind)} characters: {LONGEST_KIND} at most"
    return None if _is_utf8(kind) else f"the kind {kind!r} is not UTF-8 text"


def prefix_problem(prefix: object) -> str | None:
    """Return why ``prefix`` is not a valid prefix for kinds; None if it is one."""
    if isinstance(prefix, str) and _is_utf8(prefix):
        return None
    return f"a prefix is a str of UTF-8 text, not {prefix!r}"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_options(where: str, options: Mapping[str, Any]) -> None:
    unknown = options.keys() - _Options.__annotations__.keys()
    if unknown:
        raise RegistrationError(
            f"{where}: unknown options of a Payload: {', '.join(sorted(unknown))}"
        )


def _check_namespace(where: str, namespace: Mapping[str, Any]) -> None:
    for name in (KIND, REF):
        if name in namespace:
            raise RegistrationError(f"{where}: {name!r} is reserved for the {name} of the message")


def _check_kind(where: str, kind: str | None, bases: tuple[type, ...]) -> None:
    problem = None if kind is None else kind_problem(kind)
    if problem is not None:
        raise RegistrationError(f"{where}: {problem}")
    for base in bases:
        if kind is None and isinstance(base, PayloadMeta) and base.__struct_config__.tag:
            raise RegistrationError(
                f"{where}: its base {base.__qualname__} is of the kind "
                f"{base.__struct_config__.tag!r}; give this one a kind= of its own"
            )


def _check_fields(where: str, made: StructMeta) -> None:
    taken = {*made.__struct_fields__, *made.__struct_encode_fields__} - {REF}
    defaults = zip(
        reversed(made.__struct_fields__), reversed(made.__struct_defaults__), strict=False
    )
    if (REF, UNSET) not in defaults:  # not the field of Payload itself
        taken.add(REF)
    clashes = sorted(taken & RESERVED)
    if clashes:
        raise RegistrationError(f"{where}: reserved, so no field may be named {clashes[0]!r}")
