"""Pump: hooks are called in the order in which things happened, and what they raise ends the connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from aiows._wire import MessageReader
from aiows.connection import Connection, Hooks, PreparedMessage, Pump, per_loop, protocol_of
from aiows.settings import Settings
from fake_connection import FakeHost, FakeTransport
from raw_client import PING, PONG, TEXT, build_frame

name: ContextVar[str] = ContextVar("name", default="nobody")


class Recorded(Hooks):
    """Writes down each call with what the context says, and then does what it is told."""

    __slots__ = ("log", "then")

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.then: dict[str, Callable[[], Any]] = {}

    def _called(self, hook: str, *arguments: Any) -> Any:
        self.log.append((hook, *arguments, name.get()))
        name.set(hook)
        return self.then.get(hook, lambda: None)()

    def open(self, owner: Any, ws: Any) -> Any:
        return self._called("open", owner)

    def call(self, owner: Any, connection: Any, message: Any) -> Any:
        return self._called(message.data)

    def ping(self, owner: Any, ws: Any, data: bytes) -> Any:
        return self._called("ping", data)

    def pong(self, owner: Any, ws: Any, data: bytes) -> Any:
        return self._called("pong", data)

    def drain(self, owner: Any, ws: Any) -> Any:
        return self._called("drain")

    def dropped(self, owner: Any, ws: Any, message: Any) -> Any:
        return self._called("dropped")

    def close(self, owner: Any, ws: Any, code: int, reason: str) -> Any:
        return self._called("close", code)


class Line:
    """A connection without a network, whose hooks are recorded."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.hooks = Recorded()
        self.pump = Pump(self.hooks, "the view", per_loop(loop))
        self.connection = Connection(
            FakeTransport(),
            loop=loop,
            reader=MessageReader(),
            deflater=None,
            options=Settings(idle_timeout=0, control_messages=True),
            consumer=self.pump,
            host=FakeHost(),
        )

    async def open(self) -> Line:
        await self.pump.open()
        self.pump.start()
        self.hooks.log.clear()
        return self

    def hear(self, *frames: bytes) -> None:
        protocol_of(self.connection).feed(b"".join(frames))

    @property
    def log(self) -> list[Any]:
        return self.hooks.log


def frame(data: str, opcode: int = TEXT) -> bytes:
    return build_frame(opcode, data.encode(), mask=b"mask")


async def test_messages_and_control_frames_come_in_order_each_in_its_own_context() -> None:
    """Also where one of them waits; the owner is who opened it."""
    line = Line()
    await line.pump.open()
    assert line.log == [("open", "the view", "nobody")]
    line.pump.start()
    line.hooks.log.clear()
    gate = asyncio.Event()
    line.hooks.then = {"1": gate.wait, "ping": lambda: asyncio.sleep(0)}
    line.hear(frame("1"), frame("", PING), frame("2"), frame("", PONG))
    assert line.log == [("1", "open")]
    gate.set()
    await line.pump.settle(5)
    expected = [("1", "open"), ("ping", b"", "open"), ("2", "open"), ("pong", b"", "open")]
    assert line.log == expected


@pytest.mark.parametrize("way", ["plain", "async", "late"])
async def test_a_hook_that_raises_closes_with_1011(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the close hook sees nothing of what the other has set."""
    line = await Line().open()

    def fail() -> None:
        raise LookupError("the hook's")

    async def fail_in_task() -> None:
        if way == "late":
            await asyncio.sleep(0)
        fail()

    line.hooks.then = {"1": fail if way == "plain" else fail_in_task}
    line.hear(frame("1"), frame("2"))
    await line.pump.settle(5)
    assert line.log == [("1", "open"), ("close", 1011, "open")]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "the hook's"
    ]


async def test_what_fails_to_open_is_closed_in_the_context_that_it_has_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A close hook can tell how far it came."""
    caplog.set_level(logging.CRITICAL)
    line = Line()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError

    line.hooks.then = {"open": fail}
    await line.pump.open()
    assert line.log == [("open", "the view", "nobody"), ("close", 1011, "open")]


async def test_hooks_that_are_told_of_something_do_not_wait_for_a_message() -> None:
    """Nor does a message wait for them; and each has its own context."""
    line = await Line().open()
    gate = asyncio.Event()
    line.hooks.then = {"1": gate.wait, "drain": gate.wait}
    line.hear(frame("1"))
    name.set("who causes it")
    line.pump.on_drain()
    line.pump.on_drain()
    line.pump.on_dropped(PreparedMessage("dropped"))
    assert line.log == [("1", "open"), ("drain", "open"), ("dropped", "open")]
    gate.set()
    await line.pump.settle(5)
    assert line.log[3:] == [("drain", "open")]  # once for as many as there were meanwhile
    line.connection.close()
    assert line.log[4:] == [("close", 1000, "open")]
    assert name.get() == "who causes it"


async def test_settle_waits_for_hooks_and_then_cancels_them() -> None:
    """A shutdown waits, but not for ever."""
    line = await Line().open()
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    line.hooks.then = {"1": endless}
    line.hear(frame("1"))
    assert line.pump.is_at_work
    await line.pump.settle(0)
    assert ended == ["cancelled"]
    assert not line.pump.is_at_work
