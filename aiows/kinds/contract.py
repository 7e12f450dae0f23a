"""In goes what was declared of a kind, out comes its contract: what both ends may rely on."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin

import msgspec

from .payload import KIND, REF
from .routes import Route
from .terms import PossibleError

__all__ = ("Direction", "KindContract", "contract_of")

Direction: TypeAlias = Literal["in", "out", "ask"]
"""``in``: a client sends it; ``out``: the server sends it; ``ask``: the server asks, a client replies."""

STREAMS: Final = (AsyncGenerator, AsyncIterator, AsyncIterable)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindContract:
    """One kind in one direction.

    ``payload``: the type of its messages, one that msgspec can describe: a `Payload`, what was given as
    ``payload=``, or a Struct made of the handler's parameters. The first and the last have a field
    ``ref`` besides. ``reply``: the type of what answers a request; None: no fields; `typing.Any`: it was
    not said. ``streams``: there are any number of them, then an end. ``errors``: with what a request may
    be refused, besides what any request may be. ``summary``: the first line of the docstring, and
    ``description`` the rest. ``examples``: fields as in JSON, without ``kind`` and ``ref``.
    """

    kind: str
    direction: Direction
    payload: Any
    reply: Any = None
    streams: bool = False
    errors: tuple[PossibleError, ...] = ()
    summary: str = ""
    description: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()


def contract_of(route: Route) -> KindContract:
    """Return the contract of a kind that has a handler."""
    handler = route.plan.function
    reply, streams = _item_of(route.reply)
    summary, description = _split(inspect.getdoc(handler))
    return KindContract(
        kind=route.kind,
        direction="in",
        payload=route.payload or route.message_type,
        reply=reply,
        streams=streams,
        errors=route.errors,
        summary=summary,
        description=description,
        examples=tuple(_fields_of(each) for each in route.examples),
    )


def _item_of(said: Any) -> tuple[Any, bool]:
    """Return the type of one reply, and whether it is one of many."""
    if said is type(None):
        return None, False
    if (get_origin(said) or said) not in STREAMS:
        return said, False
    items = get_args(said)
    return (items[0] if items else Any), True


def _split(doc: str | None) -> tuple[str, str]:
    summary, _, description = (doc or "").partition("\n")
    return summary.strip(), description.strip()


def _fields_of(example: Any) -> Mapping[str, Any]:
    built = msgspec.to_builtins(example)
    return {key: value for key, value in built.items() if key not in (KIND, REF)}
