"""Finds the method of a view that answers an HTTP method, such as ``get``, as in any `aiohttp.web.View`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from aiohttp import hdrs, web

from ..kinds import is_marked

__all__ = ("answers_to", "method_for")

Answer: TypeAlias = Callable[[], Awaitable[web.StreamResponse]]


def method_for(view: web.View, http_method: str) -> Answer | None:
    """Return the method of ``view`` that answers requests with ``http_method``; None if it has none.

    It is a coroutine method that needs no arguments. Others of that name are the application's own, such as
    a handler of a kind or a helper ``delete(self, key)``: nobody calls those from outside.
    """
    if http_method not in hdrs.METH_ALL:
        return None
    method: Any = getattr(view, http_method.lower(), None)
    return method if _is_answer(method) else None


def answers_to(view: web.View) -> set[str]:
    """Return the HTTP methods that ``view`` answers."""
    return {each for each in hdrs.METH_ALL if method_for(view, each) is not None}


def _is_answer(method: Any) -> bool:
    if not callable(method) or is_marked(method):
        return False
    if not inspect.iscoroutinefunction(inspect.unwrap(method)):
        return False
    try:
        inspect.signature(method).bind()
    except TypeError:
        return False
    return True
