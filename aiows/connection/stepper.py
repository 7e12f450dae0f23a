"""In goes a coroutine that has not begun, out comes how its first step ended."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

__all__ = ("first_step",)


def first_step(coroutine: Coroutine[Any, Any, Any]) -> tuple[bool, Any]:
    """Step ``coroutine`` once: ``(True, what it returned)`` or ``(False, what it waits for)``.

    Raises what it raises. The native one is cheaper for a reason: it makes no StopIteration of a return.
    """
    try:
        return False, coroutine.send(None)
    except StopIteration as done:
        return True, done.value
