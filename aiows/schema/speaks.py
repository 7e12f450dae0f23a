"""`speaks`: tells the schema which kinds an endpoint serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from ..errors import RegistrationError
from ..inject import innermost
from ..kinds import KindDispatcher

__all__ = ("kinds_of", "speaks")

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

ATTRIBUTE: Final = "__aiows_speaks__"


def speaks(kinds: KindDispatcher, /) -> Callable[[Endpoint], Endpoint]:
    """Declare which kinds an endpoint serves, for the schema; nothing else changes.

    For an aiohttp handler or ``web.View`` with a drop-in response, for the function of a `WebSocketRoute`
    and for the ``message`` callback of a route. A `WebSocketView` does not need it. Returns the decorated
    endpoint unchanged. Raises RegistrationError if ``kinds`` is not a `KindDispatcher`.
    """
    if not isinstance(kinds, KindDispatcher):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"speaks() takes a KindDispatcher, not {kinds!r}")

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, ATTRIBUTE, kinds)
        return endpoint

    return mark


def kinds_of(endpoint: Callable[..., Any]) -> KindDispatcher | None:
    """Return the kinds that `speaks` declared for ``endpoint`` or the function within it, or None."""
    kinds = getattr(endpoint, ATTRIBUTE, None)
    return kinds or getattr(innermost(endpoint), ATTRIBUTE, None)
