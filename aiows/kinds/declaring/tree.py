"""`KindTree`: the routes of one dispatcher and of those that it includes; no kind has two handlers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from weakref import WeakSet

from ...errors import RegistrationError
from ...inject import place_of, refusal
from .contract import KindContract
from .message_types import type_name
from .routes import Handler, Route, request_problem
from .settings import Wrappers

__all__ = ("KindTree",)


@dataclass(frozen=True, slots=True)
class _Branch:
    """An included tree, with a ``prefix`` for its kinds and ``wrappers`` for its handlers."""

    tree: KindTree
    prefix: str
    wrappers: Wrappers


class KindTree:
    """What one dispatcher declares, and the trees that it includes; both may grow at any time.

    ``wrappers`` are around all its handlers; ``on_change`` is called whenever something in it has changed.
    """

    def __init__(self, wrappers: Wrappers, on_change: Callable[[], None]) -> None:
        self._wrappers = wrappers
        self._on_change = on_change
        self._routes: dict[str, Route] = {}
        self._fallback: Route | None = None
        self._outgoing: dict[str, KindContract] = {}
        self._branches: list[_Branch] = []
        self._includers: WeakSet[KindTree] = WeakSet()

    # what is declared

    def add(self, route: Route) -> None:
        """Add a route. Raises RegistrationError if its kind already has one."""
        handler = route.plan.function
        if route.kind in self._routes:
            raise _handled_already(route.kind, handler, self._routes[route.kind].plan.function)
        self._routes[route.kind] = route
        try:
            self.check_kinds((handler,))
        except RegistrationError:
            del self._routes[route.kind]
            raise
        self.changed()

    def add_fallback(self, route: Route) -> None:
        """Set the route of all other kinds. Raises RegistrationError if there is one, or an includer."""
        if self._fallback is not None:
            known = place_of(self._fallback.plan.function)
            raise refusal(route.plan.function, f"there is a fallback already: {known}")
        if self._includers:
            raise _fallback_below(route)
        self._fallback = route
        self.changed()

    def add_outgoing(self, contract: KindContract) -> None:
        """Add a kind that the server sends. Raises RegistrationError if it is declared differently."""
        self.check_outgoing(contract)
        self._outgoing[contract.kind] = contract

    def include(self, tree: KindTree, prefix: str, wrappers: Wrappers) -> None:
        """Include ``tree``. Raises RegistrationError for a circle, a fallback, a kind with two handlers."""
        if self in tree.all_trees():
            raise RegistrationError("a dispatcher cannot include itself")
        if tree._fallback is not None:
            raise _fallback_below(tree._fallback)
        for contract in tree.outgoing():
            self.check_outgoing(contract)
        self._branches.append(_Branch(tree, prefix, wrappers))
        try:
            self.check_kinds([route.handler for _, route in tree.own_routes()])
        except RegistrationError:
            self._branches.pop()
            raise
        tree._includers.add(self)
        self.changed()

    # what there is

    def routes(self) -> dict[str, Route]:
        """Return the routes by kind, each with all its guards and middleware."""
        found = dict(self._routes)
        for each in self._branches:
            for kind, route in each.tree.routes().items():
                renamed = route.of_kind(f"{each.prefix}{kind}")
                found[renamed.kind] = renamed.within(each.wrappers)
        return {kind: route.within(self._wrappers) for kind, route in found.items()}

    def fallback(self) -> Route | None:
        """Return the route of all other kinds, with its guards and middleware."""
        return self._fallback and self._fallback.within(self._wrappers)

    def outgoing(self) -> Iterator[KindContract]:
        """Yield what the server sends and asks; a contract in two branches is yielded twice."""
        yield from self._outgoing.values()
        for each in self._branches:
            yield from each.tree.outgoing()

    def own_routes(self) -> Iterator[tuple[str, Route]]:
        """Yield every kind that has a handler, with the route as it was added."""
        yield from self._routes.items()
        for each in self._branches:
            for kind, route in each.tree.own_routes():
                yield f"{each.prefix}{kind}", route

    def all_trees(self) -> Iterator[KindTree]:
        """Yield this tree and every one below it."""
        yield self
        for each in self._branches:
            yield from each.tree.all_trees()

    # changes and checks, passed on to the trees that include this

    def changed(self) -> None:
        """Call ``on_change``, here and in every tree that includes this."""
        self._on_change()
        for includer in self._includers:
            includer.changed()

    def check_kinds(self, newcomers: Collection[Handler]) -> None:
        """Raise RegistrationError if a kind of ``newcomers`` has a handler, here or in includers."""
        seen: dict[str, Handler] = {}
        for kind, route in self.own_routes():
            handler = route.handler
            if (problem := request_problem(kind, is_system=route.is_system)) is not None:
                raise refusal(handler, problem)
            if kind in seen:
                is_newer = handler in newcomers
                known, second = (seen[kind], handler) if is_newer else (handler, seen[kind])
                raise _handled_already(kind, second, known)
            seen[kind] = handler
        for includer in self._includers:
            includer.check_kinds(newcomers)

    def check_outgoing(self, contract: KindContract) -> None:
        """Raise RegistrationError for a kind that is declared differently; the same again is allowed."""
        for known in self.outgoing():
            if known.kind == contract.kind and known != contract:
                raise RegistrationError(
                    f"the kind {contract.kind!r} is declared already, with another payload, reply "
                    f"or direction: {type_name(known.payload)}"
                )
        for includer in self._includers:
            includer.check_outgoing(contract)


def _handled_already(kind: str, handler: Handler, known: Handler) -> RegistrationError:
    return refusal(handler, f"the kind {kind!r} has a handler already: {place_of(known)}")


def _fallback_below(route: Route) -> RegistrationError:
    problem = (
        "an included dispatcher cannot have a fallback: it would handle the kinds of all others"
    )
    return refusal(route.plan.function, problem)
