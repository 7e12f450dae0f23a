"""Factories of every sort: what they return or yield, and how they end."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext, suppress
from typing import Annotated, Any

import pytest
from aiohttp import web

from aiows import KindError, use
from aiows.inject import Plan
from fake_connection import FakeConnection
from inject.handlers import read


async def value_of(factory: Any, error: Exception | None = None) -> Any:
    """What a handler gets from ``factory``, and in which the call of the handler then ends."""
    got: list[Any] = []

    def handler(it: Any) -> None:
        got.append(it)
        if error is not None:
            raise error

    handler.__annotations__ = {"it": Annotated[Any, use(factory)]}
    peer = FakeConnection(asyncio.get_running_loop())
    with pytest.raises(type(error)) if error else nullcontext():
        await Plan(handler, read(handler)).call(peer, None)
    return got[0]


def unguarded() -> Iterator[Any]:
    with nullcontext():
        pass
    yield (ends := ["begin"])
    ends.append("end")


def guarded() -> Iterator[Any]:
    ends: list[Any] = ["begin"]
    try:
        yield ends
    finally:
        ends.append("end")


def in_a_block() -> Iterator[Any]:
    ends: list[Any] = ["begin"]
    with suppress(ZeroDivisionError):
        yield ends
    ends.append("end")


async def in_an_async_block() -> AsyncIterator[Any]:
    ends: list[Any] = ["begin"]
    async with AsyncExitStack() as stack:
        stack.push(lambda kind, *_: ends.append(kind and kind.__name__))
        yield ends


def deep_down() -> Iterator[Any]:
    ends: list[Any] = ["begin"]

    def other() -> Iterator[None]:
        try:
            yield
        finally:
            pass

    for _ in other():
        if ends:
            yield ends
            ends.append("end")


class Factories:
    def method(self) -> Iterator[Any]:
        """Its text
        has lines that stand further to the left."""
        yield (ends := ["begin"])
        ends.append("end")

    def __call__(self) -> Iterator[Any]:
        yield (ends := ["begin"])
        ends.append("end")


nowhere: dict[str, Any] = {}
exec("def without_source():\n ends = ['begin']\n yield ends\n ends.append('end')", nowhere)


@pytest.mark.parametrize(
    ("factory", "after_an_error"),
    [
        (unguarded, ["begin", "end"]),
        (guarded, ["begin", "end"]),
        (in_a_block, ["begin", "end"]),
        (in_an_async_block, ["begin", "ZeroDivisionError"]),
        (deep_down, ["begin", "end"]),
        (Factories().method, ["begin", "end"]),
        (Factories(), ["begin", "end"]),
        (functools.partial(unguarded), ["begin", "end"]),
        (contextmanager(unguarded), ["begin"]),
        (nowhere["without_source"], ["begin"]),
    ],
    ids=str,
)
async def test_what_follows_yield_runs_and_what_guards_it_is_told(
    factory: Any, after_an_error: list[str]
) -> None:
    """Without a source, or with a decorator that has rules of its own, contextlib's rules hold."""
    without = await value_of(factory)
    assert without == ["begin", None if factory is in_an_async_block else "end"]
    assert await value_of(factory, ZeroDivisionError()) == after_an_error


async def test_what_can_be_awaited_is() -> None:
    """A lambda that calls a coroutine function is one in effect."""

    async def later(text: str) -> str:
        return text

    assert await value_of(lambda: later("now")) == "now"


@pytest.mark.parametrize(
    "refusal",
    [web.Response(status=401), web.HTTPForbidden(), KindError("forbidden", "no")],
    ids=repr,
)
async def test_a_refusal_that_a_factory_returns_reaches_nobody(refusal: Any) -> None:
    """Who asks for the user would take it for one: it has to be raised."""

    def user() -> Any:
        return refusal

    def handler(user: Annotated[Any, use(user)]) -> None:
        pytest.fail("nobody may be let in")

    peer = FakeConnection(asyncio.get_running_loop())
    with pytest.raises(TypeError, match=r"user \(.+\): it returned a \w+, .* raise it"):
        await Plan(handler, read(handler)).call(peer, None)
