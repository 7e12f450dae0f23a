"""`KindTable`: registers handlers, includes other tables, and declares what the server sends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar, Unpack, overload

from ...errors import KindError, RegistrationError
from ...inject import Factory, read_dependencies
from ..payload import Payload, prefix_problem
from .calls import Guard, Middleware
from .contract import KindContract, contract_of
from .outgoing import outgoing_contract
from .routes import Handler, Route, build_fallback, build_route
from .settings import KindOptions, check_named, read_settings, read_wrappers
from .tree import KindTree

__all__ = ("KindTable",)

H = TypeVar("H", bound=Handler)


class KindTable:
    """What was declared so far, here and in included tables; more can be declared at any time.

    ``is_system``: its kinds are aiows' own, whose names are reserved.
    """

    def __init__(
        self,
        *,
        middleware: Iterable[Middleware] = (),
        guards: Iterable[Guard] = (),
        dependencies: Iterable[Factory] = (),
        timeout: float | None = None,
        is_system: bool = False,
    ) -> None:
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout takes more than 0 seconds, or None, not {timeout!r}")
        self._is_system = is_system
        self._dependencies = read_dependencies(dependencies)
        wrappers = read_wrappers(middleware, guards, timeout)
        self._tree = KindTree(wrappers, on_change=self._changed)

    def on(
        self, kind: str | type[Payload], /, *, method: bool = False, **options: Unpack[KindOptions]
    ) -> Callable[[H], H]:
        """Register the decorated function, ``def`` or ``async def``, for messages of ``kind``.

        ``kind`` is a name, or a `Payload` type, whose fields the messages must have. The parameters of the
        function name what it gets (`aiows.inject`): ``ws`` is the connection, a parameter annotated with a
        `Payload` type is the whole message, any other one is a field of the message. With ``method=True`` its
        first parameter is the ``instance`` that `dispatch` is called with. The other keywords are those of
        `KindOptions`. Returns the function unchanged.

        What the function returns is the reply, sent if the message has a ``ref``. A `KindError` that it
        raises is the error reply.

        Raises RegistrationError for a handler that could never work, and for a kind that already has one.
        """
        check_named(kind)

        def register(handler: H) -> H:
            own = read_settings(handler, **options)
            settings = replace(own, dependencies=(*self._dependencies, *own.dependencies))
            route = build_route(
                kind, handler, is_method=method, settings=settings, is_system=self._is_system
            )
            self._tree.add(route)
            return handler

        return register

    def fallback(self, handler: H, /, *, method: bool = False) -> H:
        """Register the decorated function for every kind that has no handler of its own.

        It can ask for ``kind`` and ``fields`` (a dict of the other fields, unchecked), and for anything
        that is not a field. Messages of the kinds ``error`` and ``cancel`` do not come here. Raises
        RegistrationError.
        """
        route = build_fallback(handler, is_method=method, dependencies=self._dependencies)
        self._tree.add_fallback(route)
        return handler

    def include(
        self,
        other: KindTable,
        prefix: str = "",
        *,
        middleware: Iterable[Middleware] = (),
        guards: Iterable[Guard] = (),
    ) -> None:
        """Also handle the kinds of ``other``, each with ``prefix`` before its name.

        This holds for handlers that are registered in ``other`` later, too. A handler that asks for a
        `Payload` type gets a subclass of it, whose kind has the prefix. ``middleware`` and ``guards`` come
        after this dispatcher's own and before those of ``other``. The ``middleware``, ``guards``,
        ``dependencies`` and ``timeout`` of ``other`` hold for its kinds; its other options are not used.
        What ``other`` sends and asks keeps its kind, without the prefix: its handlers send it under that
        name.

        Raises RegistrationError if a kind already has a handler, if ``other`` includes this dispatcher, and
        if ``other`` has a fallback.
        """
        if not isinstance(other, KindTable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise RegistrationError(f"include() takes a KindDispatcher, not {other!r}")
        if (problem := prefix_problem(prefix)) is not None:
            raise RegistrationError(problem)
        self._tree.include(other._tree, prefix, read_wrappers(middleware, guards))

    @overload
    def sends(self, *payloads: type[Payload], examples: Iterable[Any] = ()) -> None: ...

    @overload
    def sends(self, kind: str, payload: Any = None, /, *, examples: Iterable[Any] = ()) -> None: ...

    def sends(self, *declared: Any, examples: Iterable[Any] = ()) -> None:
        """Declare kinds that the server sends, for the contract: `Payload` types, or a name and a type.

        The type after a name is a dataclass, TypedDict, attrs class or `msgspec.Struct` without a kind;
        None: no fields. ``examples`` are messages of that kind. What is sent is not checked against this.

        Raises RegistrationError for a type that cannot be sent, and for a kind that is declared with another
        type.
        """
        is_named = isinstance(next(iter(declared), None), str)
        for each in [declared] if is_named else [(payload,) for payload in declared]:
            self._tree.add_outgoing(
                outgoing_contract("out", *each, examples=examples, is_system=self._is_system)
            )

    def asks(
        self,
        kind: str | type[Payload],
        /,
        *,
        payload: Any = None,
        reply: Any = Any,
        errors: Iterable[str | KindError] = (),
        examples: Iterable[Any] = (),
    ) -> None:
        """Declare a kind that the server asks of a client, for the contract.

        ``payload``: the type of the message where ``kind`` is a name; None: it has no fields. ``reply``: the
        type of what a client answers; None: no fields. Raises RegistrationError as `sends` does.
        """
        self._tree.add_outgoing(
            outgoing_contract("ask", kind, payload, reply=reply, errors=errors, examples=examples)
        )

    def contracts(self) -> tuple[KindContract, ...]:
        """Return what was declared: a contract for each kind that is handled, sent or asked."""
        handled = (contract_of(route) for route in self._tree.routes().values())
        outgoing = {each.kind: each for each in self._tree.outgoing()}
        return (*handled, *outgoing.values())

    def _routes_beside(self, other: KindTable) -> dict[str, Route]:
        """Return the routes of this table and of ``other``, which know nothing of each other."""
        return {**other._tree.routes(), **self._tree.routes()}

    def _changed(self) -> None:
        """Called when something was declared: whatever was made from the routes is out of date."""
