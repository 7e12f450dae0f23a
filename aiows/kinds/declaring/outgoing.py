"""Checks a declared kind that the server sends or asks, and returns its contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...errors import KindError, RegistrationError
from .contract import Direction, KindContract, split_doc
from .examples import read_examples
from .message_types import is_payload, own_doc, payload_problem, struct_of_kind, type_name
from .routes import request_problem, reserved_problem
from .settings import possible_errors

__all__ = ("outgoing_contract",)


def outgoing_contract(
    direction: Direction,
    kind: object,
    payload: Any = None,
    *,
    reply: Any = None,
    errors: Iterable[str | KindError] = (),
    examples: Iterable[Any] = (),
    is_system: bool = False,
) -> KindContract:
    """Return the contract of ``kind``, a `Payload` type or a name with the type ``payload``.

    Without a type the messages have no fields. ``is_system``: it is one of aiows' own. Raises
    RegistrationError.
    """
    name, message_type = _name_and_type(kind, payload, is_system=is_system)
    try:
        checked = read_examples(name, message_type, examples)
    except ValueError as error:
        raise RegistrationError(f"the kind {name!r}: {error}") from error
    summary, description = split_doc(own_doc(message_type))
    return KindContract(
        kind=name,
        direction=direction,
        payload=message_type,
        reply=reply,
        errors=possible_errors(errors),
        summary=summary,
        description=description,
        examples=checked,
    )


def _name_and_type(kind: object, payload: Any, *, is_system: bool) -> tuple[str, Any]:
    if is_payload(kind) and payload is None:
        if kind.__struct_config__.tag is None:
            raise RegistrationError(
                f"{kind.__qualname__} has no kind: class ...(Payload, kind=...)"
            )
        if (problem := reserved_problem(kind.kind)) is not None:
            raise RegistrationError(problem)
        return kind.kind, kind
    if not isinstance(kind, str):
        raise RegistrationError(f"neither the name of a kind nor a Payload type: {kind!r}")
    if (problem := request_problem(kind, is_system=is_system)) is not None:
        raise RegistrationError(problem)
    if payload is None:
        return kind, struct_of_kind(kind)
    problem = payload_problem(payload)
    if is_payload(payload) and payload.__struct_config__.tag not in (None, kind):
        problem = f"is of the kind {payload.kind!r}"
    if problem is not None:
        raise RegistrationError(f"the kind {kind!r}: {type_name(payload)} {problem}")
    return kind, payload
