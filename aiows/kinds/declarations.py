"""In go handlers with their kinds, out come the routes by which messages find them, and the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar, Unpack

from ..inject import refusal
from .calls import Guard, Middleware, read_guards, read_middleware
from .contract import KindContract, contract_of
from .payload import Payload
from .routes import Handler, Route, build_fallback, build_route
from .terms import KindOptions, read_terms

__all__ = ("Declarations",)

H = TypeVar("H", bound=Handler)


class Declarations:
    """What was declared so far; handlers can be added at any time."""

    def __init__(
        self, *, middleware: Iterable[Middleware] = (), guards: Iterable[Guard] = ()
    ) -> None:
        self._middleware = read_middleware(middleware)
        self._guards = read_guards(guards)
        self._routes: dict[str, Route] = {}
        self._fallback: Route | None = None

    def on(
        self, kind: str | type[Payload], /, *, method: bool = False, **options: Unpack[KindOptions]
    ) -> Callable[[H], H]:
        """Register the decorated function, ``def`` or ``async def``, for messages of ``kind``.

        ``kind`` is a name, or a `Payload` type, whose fields the messages must have. The function
        says by its parameters what it wants (`aiows.inject`): ``ws`` is the connection, a parameter
        annotated with a `Payload` type the whole message, every other one a field of the message.
        Returns the function unchanged; ``method=True``: its first parameter is the ``instance``
        that `dispatch` is called with.

        What it returns is the reply, sent if the message had a ``ref``. A `KindError` that it
        raises is the error reply.

        Raises RegistrationError for a handler that could never work and for a kind that has one.
        """

        def register(handler: H) -> H:
            terms = read_terms(handler, **options)
            route = build_route(kind, handler, is_method=method, terms=terms)
            if route.kind in self._routes:
                raise refusal(handler, f"the kind {route.kind!r} has a handler already")
            self._routes[route.kind] = route
            self._changed()
            return handler

        return register

    def fallback(self, handler: H, /, *, method: bool = False) -> H:
        """Register the decorated function for every kind that has no handler of its own.

        It can ask for ``kind`` and ``fields`` (a dict of the others, unchecked) besides what is no
        field. A message of kind ``error`` does not come here. Raises RegistrationError.
        """
        if self._fallback is not None:
            raise refusal(handler, "there is a fallback already")
        self._fallback = build_fallback(handler, is_method=method)
        self._changed()
        return handler

    def contracts(self) -> tuple[KindContract, ...]:
        """Return what was declared, for a schema or a test: one contract for each kind and direction."""
        return tuple(contract_of(route) for route in self._routes.values())

    def _surrounded_routes(self) -> dict[str, Route]:
        """Return the routes by kind, with what stands around all of them."""
        return {
            kind: route.within(self._middleware, self._guards)
            for kind, route in self._routes.items()
        }

    def _surrounded_fallback(self) -> Route | None:
        return self._fallback and self._fallback.within(self._middleware, self._guards)

    def _changed(self) -> None:
        """Something was declared: what was made from the routes is out of date."""
