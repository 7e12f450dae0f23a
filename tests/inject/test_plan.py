"""The call of a function: every argument in its place."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Annotated, Any

from aiows import use
from aiows.inject import Plan
from fake_connection import FakeConnection
from inject.handlers import read


async def test_arguments_are_passed_as_they_are_declared() -> None:
    """By position before, by name behind the star; the instance first."""

    def method(self: Any, a: int, /, b: Annotated[str, use(str)], *, c: int) -> list[Any]:
        return [self, a, b, c]

    def plain(a: int, /, b: int, *, c: int) -> list[Any]:
        return [a, b, c]

    peer = FakeConnection(asyncio.get_running_loop())
    message = SimpleNamespace(a=1, b=2, c=3, object="text")
    method.__annotations__["b"] = Annotated[str, use(lambda: "made")]
    plan = Plan(method, read(method, is_method=True), is_method=True)
    assert await plan.call(peer, message, "me") == ["me", 1, "made", 3]
    assert Plan(plain, read(plain)).call(peer, message) == [1, 2, 3]
