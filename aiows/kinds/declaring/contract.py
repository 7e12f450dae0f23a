"""`KindContract`: what was declared of a kind, for both ends to rely on."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from ...inject import innermost
from .calls import Guard
from .message_types import own_doc
from .routes import Route, is_stream
from .settings import PossibleError, possible_errors

__all__ = ("Direction", "KindContract", "contract_of", "split_doc")

Direction: TypeAlias = Literal["in", "out", "ask"]
"""``in``: a client sends it; ``out``: the server sends it; ``ask``: the server asks, a client replies."""

ONCE_ERRORS: Final = (
    PossibleError("in_progress", "The request was sent before, and is at work: ask again."),
    PossibleError("done", "The request was handled before, and its answer is not kept."),
    PossibleError("unavailable", "Whether it was handled before cannot be known now: ask again."),
)
"""Of kinds that are handled once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindContract:
    """One kind in one direction.

    ``payload``: the type of its messages, one that msgspec can describe: a `Payload`, what was given as
    ``payload=``, or a Struct made of the handler's parameters. The first and the last also have a field
    ``ref``. ``reply``: the type of the reply; None: no fields; `typing.Any`: not declared. ``streams``: the
    handler sends any number of replies, then an end. ``errors``: the errors of this kind, besides those of
    any request. ``once``: a request is handled at most once, also if it is sent again. ``summary``: the
    first line of the handler's docstring, or else of the payload's, and ``description`` the rest.
    ``examples``: fields as in JSON, without ``kind`` and ``ref``.
    """

    kind: str
    direction: Direction
    payload: Any
    reply: Any = None
    streams: bool = False
    errors: tuple[PossibleError, ...] = ()
    once: bool = False
    summary: str = ""
    description: str = ""
    examples: tuple[Mapping[str, Any], ...] = ()


def contract_of(route: Route) -> KindContract:
    """Return the contract of a kind that has a handler."""
    reply, streams = _item_of(route.reply)
    payload = route.payload or route.message_type
    summary, description = split_doc(
        inspect.getdoc(innermost(route.plan.function)) or own_doc(payload)
    )
    return KindContract(
        kind=route.kind,
        direction="in",
        payload=payload,
        reply=reply,
        streams=streams,
        once=route.once,
        errors=_distinct(
            (*_errors_of(route.guards), *(ONCE_ERRORS if route.once else ()), *route.errors)
        ),
        summary=summary,
        description=description,
        examples=route.examples,
    )


def _item_of(reply: Any) -> tuple[Any, bool]:
    """Return the type of one reply, and whether there are many of them."""
    if reply is type(None):
        return None, False
    if not is_stream(reply):
        return reply, False
    items = get_args(reply)
    return (items[0] if items else Any), True


def _errors_of(guards: Iterable[Guard]) -> Iterator[PossibleError]:
    """Yield the errors that guards declare, in an attribute ``errors``."""
    for guard in guards:
        yield from possible_errors(getattr(guard, "errors", ()))


def _distinct(errors: Iterable[PossibleError]) -> tuple[PossibleError, ...]:
    """Return one error for each code; the last one replaces those before it."""
    return tuple({each.code: each for each in errors}.values())


def split_doc(doc: str | None) -> tuple[str, str]:
    """Return the first line of a docstring, and the rest."""
    summary, _, description = (doc or "").partition("\n")
    return summary.strip(), description.strip()
