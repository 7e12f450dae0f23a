"""Guards: they refuse a call with a `KindError` before it reaches its handler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from inspect import isawaitable
from itertools import islice
from typing import Any, Final, Literal, TypeAlias, cast
from weakref import WeakKeyDictionary

from ..connection import Connection
from ..errors import KindError
from .declaring.calls import Guard, KindCall
from .declaring.settings import PossibleError

__all__ = ("Roles", "authenticated", "rate_limit", "role")

Roles: TypeAlias = str | Collection[str] | None
"""The roles of a user: one, several, or none."""

UNAUTHENTICATED: Final = PossibleError("unauthenticated", "Sign in first.")
FORBIDDEN: Final = PossibleError("forbidden", "You may not do that.")
RATE_LIMITED: Final = PossibleError("rate_limited", "Too many messages; try again later.")

ROUNDING: Final = 1e-6  # seconds; the rounding error of a sum of intervals is less
FORGOTTEN_AT_ONCE: Final = 2  # a message adds at most one user, so the table shrinks again


class _Authenticated:
    """Refuses a call on a connection without a user."""

    __slots__ = ()
    errors: Final = (UNAUTHENTICATED,)

    def __repr__(self) -> str:
        return "authenticated"

    def __call__(self, call: KindCall) -> None:
        if call.ws.user_id is None:
            raise KindError(*UNAUTHENTICATED)


authenticated: Final = _Authenticated()
"""A guard: the connection has a ``user_id``, otherwise the code is ``unauthenticated``."""


def role(*names: str, of: str | Callable[[KindCall], Roles | Awaitable[Roles]] = "roles") -> Guard:
    """Return a guard: one of the roles ``names`` is needed, otherwise the code is ``forbidden``.

    ``of``: where the user's roles are. A name: an attribute of the connection's ``user_data``, or a key if
    that is a mapping (default "roles"). A function, plain or async: it is called with the `KindCall` and
    returns the roles. One role is a str, several are a collection; None, or no ``user_data``, is no role.

    Raises ValueError without a name.
    """
    if not names:
        raise ValueError("role() needs the name of a role")
    return _Role(frozenset(names), of)


class _Role:
    """Refuses a call on a connection that has none of the roles."""

    __slots__ = ("_names", "_of")
    errors: Final = (FORBIDDEN,)

    def __init__(
        self, names: frozenset[str], of: str | Callable[[KindCall], Roles | Awaitable[Roles]]
    ) -> None:
        self._names = names
        self._of = of

    def __repr__(self) -> str:
        return f"role({', '.join(map(repr, sorted(self._names)))})"

    def __call__(self, call: KindCall) -> Awaitable[None] | None:
        if isinstance(self._of, str):
            found: Any = _value_in(call.ws.user_data, self._of)
        else:
            found = self._of(call)
        if isawaitable(found):
            return self._check_later(cast("Awaitable[Roles]", found))
        self._check(cast("Roles", found))
        return None

    async def _check_later(self, roles: Awaitable[Roles]) -> None:
        self._check(await roles)

    def _check(self, roles: Roles) -> None:
        held = (roles,) if isinstance(roles, str) else (roles or ())
        if self._names.isdisjoint(held):
            raise KindError(*FORBIDDEN)


def _value_in(user_data: Any, name: str) -> Any:
    if isinstance(user_data, Mapping):
        return cast("Mapping[str, Any]", user_data).get(name)
    return getattr(user_data, name, None)


def rate_limit(
    messages: int,
    *,
    per: float = 1.0,
    burst: int | None = None,
    by: Literal["connection", "user"] = "connection",
    silent: bool = False,
) -> Guard:
    """Return a guard: at most ``messages`` in ``per`` seconds, otherwise the code is ``rate_limited``.

    ``burst``: how many may come at once after a pause (default: ``messages``). ``by``: which messages are
    counted together: those of one ``"connection"``, or those of one ``"user"`` on this node, over all
    connections and reconnects. A connection without a user is then counted alone. The error's details are
    ``{"retry_after": seconds}``. ``silent``: a message without a ``ref`` is dropped without an error reply; a
    request is answered all the same.

    A guard that is used for several kinds, or for a router, counts all their messages together. Raises
    ValueError for numbers that are not positive.
    """
    for name, number in {"messages": messages, "per": per, "burst": burst}.items():
        if not _is_positive(number) and (name, number) != ("burst", None):
            raise ValueError(f"rate_limit(): {name} is a positive number, not {number!r}")
    if by not in ("connection", "user"):
        raise ValueError(f'by is "connection" or "user", not {by!r}')
    return _RateLimit(
        interval=per / messages, burst=burst or messages, is_by_user=by == "user", silent=silent
    )


def _is_positive(number: object) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and number > 0


class _RateLimit:
    """Refuses calls that come too fast: the generic cell rate algorithm.

    For each connection or user it keeps one number: the time at which the last message would have come if all
    had come at even intervals. Once that time has passed, the number is not needed.
    """

    __slots__ = ("_by_connection", "_by_user", "_interval", "_is_by_user", "_silent", "_tolerance")
    errors: Final = (RATE_LIMITED,)

    def __init__(self, *, interval: float, burst: int, is_by_user: bool, silent: bool) -> None:
        self._interval = interval
        self._tolerance = interval * burst
        self._is_by_user = is_by_user
        self._silent = silent
        # A connection's number goes with it. A user's must stay: otherwise a reconnect would reset the count.
        self._by_connection: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()
        self._by_user: dict[Any, float] = {}  # in the order in which users were last seen

    def __repr__(self) -> str:
        return f"<rate_limit: one in {self._interval:g} s, {self._tolerance / self._interval:g} at once>"

    def __call__(self, call: KindCall) -> None:
        now = asyncio.get_running_loop().time()
        user = call.ws.user_id if self._is_by_user else None
        if user is None:
            self._count(self._by_connection, call.ws.connection, now)
        else:
            self._forget(now)
            self._count(self._by_user, user, now)

    def _count(self, ends: MutableMapping[Any, float], key: Any, now: float) -> None:
        end = max(ends.pop(key, now), now)
        wait = end + self._interval - self._tolerance - now
        is_too_early = wait > ROUNDING
        ends[key] = end if is_too_early else end + self._interval
        if is_too_early:
            details = {"retry_after": round(wait, 3)}
            raise KindError(*RATE_LIMITED, details, silent=self._silent)

    def _forget(self, now: float) -> None:
        """Drop users whose number is not needed, beginning with those who were not seen for longest.

        Stops somebody who signs up again and again from filling the memory.
        """
        for user in [*islice(self._by_user, FORGOTTEN_AT_ONCE)]:
            if self._by_user[user] <= now:
                del self._by_user[user]
