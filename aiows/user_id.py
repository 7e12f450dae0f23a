"""What can be a user id: a value that says who somebody is, and works as a key of a dict.

Whatever is not None counts as a user. So a mistake in the code that finds out who somebody is would let
everybody in; what only a mistake returns is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Hashable
from types import AsyncGeneratorType, GeneratorType
from typing import Final, TypeAlias
from uuid import UUID

from aiohttp import web

from .errors import InvalidUserId

__all__ = ("UserId", "check_user_id")

UserId: TypeAlias = str | int | bytes | UUID | tuple[Hashable, ...]
"""What user ids usually are. Another value that is hashable works, too; to type checkers it is `Any`."""

_RAISE: Final = "to refuse, raise web.HTTPUnauthorized or another web.HTTPException"

# A class counts as what it makes: ``return web.HTTPUnauthorized`` is the same mistake with and without "()".
_MISTAKES: Final[tuple[tuple[tuple[type, ...], str], ...]] = (
    ((web.StreamResponse, BaseException), f"does not refuse: {_RAISE}"),
    ((bool,), f"does not say who: return an id, or None for nobody; {_RAISE}"),
    ((Awaitable, GeneratorType, AsyncGeneratorType), "does not say who: await it"),
)


def check_user_id(user_id: object, source: str) -> None:
    """Raise InvalidUserId for what cannot be a user id; None is nobody. ``source``: where it was given."""
    if user_id is None:
        return
    kind = user_id if isinstance(user_id, type) else type(user_id)
    problem = _problem_of(user_id, kind)
    if problem is not None:
        raise InvalidUserId(source, kind, problem)


def _problem_of(user_id: object, kind: type) -> str | None:
    for mistake, problem in _MISTAKES:
        if issubclass(kind, mistake):
            return problem
    if callable(user_id):
        return "does not say who: call it"
    if isinstance(user_id, str | bytes) and not user_id:
        return "is empty: nobody is None"
    try:
        hash(user_id)
        is_itself = bool(user_id == user_id)
    except Exception:
        is_itself = False
    return None if is_itself else "cannot be a key of a dict"
