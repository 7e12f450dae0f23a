"""What asyncio's debug mode adds: who uses a connection outside of its event loop is told so.

Nothing of a connection is locked. What another thread sends may be mixed with what the loop sends, or wait
until something else wakes the loop, and `Connection.push` answers SUCCESS all the same. To look each time
would cost more than to send, so it is only done where the loop has its debug mode on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from ..errors import WrongEventLoop

__all__ = ("check_loop", "in_its_loop")


class HasLoop(Protocol):
    """Who belongs to an event loop."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...


Method = TypeVar("Method", bound=Callable[..., Any])


def check_loop(loop: asyncio.AbstractEventLoop, what: str) -> None:
    """Raise WrongEventLoop if ``what`` is called while ``loop`` runs, and not in it."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is not loop and loop.is_running():
        raise WrongEventLoop(what)


def in_its_loop(method: Method) -> Method:
    """Return ``method``, which raises WrongEventLoop unless it is called in the ``loop`` of its object."""

    @wraps(method)
    def checked(self: HasLoop, *args: Any, **options: Any) -> Any:
        check_loop(self.loop, f"{method.__name__}()")
        return method(self, *args, **options)

    return cast(Method, checked)
