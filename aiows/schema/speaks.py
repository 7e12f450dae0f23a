"""In goes an endpoint and the kinds that it serves, out comes the same endpoint, known to a schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from ..errors import RegistrationError
from ..inject import innermost
from ..kinds import KindDispatcher

__all__ = ("kinds_of", "speaks")

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

SPOKEN: Final = "__aiows_speaks__"


def speaks(kinds: KindDispatcher, /) -> Callable[[Endpoint], Endpoint]:
    """Say which kinds an endpoint serves, for the schema: nothing else changes.

    For an aiohttp handler or ``web.View`` with a drop-in response, for the function of a `WebSocketRoute`
    and for the ``message`` callback of a route; the kinds of a `WebSocketView` are known without it. Returns
    the decorated endpoint unchanged. Raises RegistrationError for what is no `KindDispatcher`.
    """
    if not isinstance(kinds, KindDispatcher):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"speaks() takes a KindDispatcher, not {kinds!r}")

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, SPOKEN, kinds)
        return endpoint

    return mark


def kinds_of(endpoint: Callable[..., Any]) -> KindDispatcher | None:
    """Return what `speaks` said of ``endpoint`` or the function within it; None if nothing."""
    said = getattr(endpoint, SPOKEN, None)
    return said or getattr(innermost(endpoint), SPOKEN, None)
