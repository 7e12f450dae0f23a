"""Which task a hook finds itself in, over real sockets: messages that come in one read share none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
from aiohttp import WSMessage, web

from aiows import WebSocketView, on, setup, websocket
from raw_client import PING, TEXT, RawClient, build_frame

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


def task() -> str | None:
    """The name of the current task, which no other has. Who keeps the task itself changes what is tested."""
    its = asyncio.current_task()
    return None if its is None else its.get_name()


def said(kind: str) -> bytes:
    return build_frame(TEXT, f'{{"kind":"{kind}"}}')


class Mixed(WebSocketView):
    """Notes the task of each hook: kinds of both sorts, and messages that have none."""

    tasks: ClassVar[list[tuple[str, str | None]]]

    def note(self, name: str) -> None:
        self.tasks.append((name, task()))
        self.ws.push(name)

    @on("plain")
    def plain(self) -> None:
        self.note("plain")

    @on("at-once")
    async def at_once(self) -> None:
        self.note("at-once")

    @on("late")
    async def late(self) -> None:
        self.note("late")
        await asyncio.sleep(0)
        self.note("later")

    @on("fails")
    async def fails(self) -> None:
        self.note("fails")
        raise LookupError

    def on_message(self, msg: WSMessage) -> None:
        self.note("message")

    def on_close(self, code: int, reason: str) -> None:
        self.tasks.append(("close", task()))


def mixed() -> type[Mixed]:
    return type("MixedHere", (Mixed,), {"tasks": []})


async def sent(serve: Serve, raw_client: Connect, view: Any, *frames: bytes) -> RawClient:
    """A client that has sent all frames at once."""
    app = web.Application()
    app.router.add_view("/", view)
    setup(app)
    client = await raw_client(await serve(app))
    client.send_raw(b"".join(frames))
    return client


async def heard(client: RawClient, *names: str) -> None:
    for name in names:
        frame = await client.recv_frame()
        assert name in frame.payload.decode(), name


async def test_a_plain_handler_is_in_no_task_and_a_coroutine_is_in_one(
    serve: Serve, raw_client: Connect
) -> None:
    """Whatever came before it in the same read."""
    view, kinds = mixed(), ("at-once", "plain", "plain", "at-once", "at-once")
    frames = [said(kind) for kind in kinds]
    client = await sent(serve, raw_client, view, *frames, build_frame(2, b"x"), said("at-once"))
    await heard(client, *kinds, "message", "at-once")
    for name, its in view.tasks:
        assert (its is not None) == (name == "at-once"), name


async def test_who_goes_on_goes_on_in_its_task(serve: Serve, raw_client: Connect) -> None:
    """The one that its first line has seen, and no other message has it."""
    view = mixed()
    frames = map(said, ("at-once", "late", "at-once", "late", "at-once"))
    client = await sent(serve, raw_client, view, *frames)
    await heard(client, "at-once", "late", "later", "at-once", "late", "later", "at-once")
    tasks = [its for name, its in view.tasks if name.startswith("late")]
    assert tasks[0] == tasks[1] != tasks[2] == tasks[3]
    assert None not in tasks


async def test_what_a_failure_leads_to_is_in_no_task(serve: Serve, raw_client: Connect) -> None:
    """The next handler is in one again."""
    view = mixed()
    frames = map(said, ("at-once", "fails", "plain", "at-once"))
    client = await sent(serve, raw_client, view, *frames)
    await heard(client, "at-once", "fails", "error", "plain", "at-once")
    assert [its is None for _, its in view.tasks] == [False, False, True, False]


async def test_the_close_hook_is_in_no_task_of_a_message(serve: Serve, raw_client: Connect) -> None:
    """A Close may come in the read of the last message."""
    view = mixed()
    client = await sent(
        serve, raw_client, view, said("at-once"), build_frame(8, b"\x03\xe8"), said("plain")
    )
    await heard(client, "at-once")
    await client.recv_frame()
    assert [name for name, its in view.tasks if its is None] == ["close"]


async def test_a_task_that_somebody_keeps_is_not_the_next_message_s(
    serve: Serve, raw_client: Connect
) -> None:
    """A session by task, say; and who cancels it means that message."""
    kept: list[asyncio.Task[Any]] = []

    class Keeps(WebSocketView):
        async def on_message(self, msg: WSMessage) -> None:
            its = asyncio.current_task()
            assert its is not None
            kept.append(its)
            if msg.data == "cancel":
                its.cancel()
            self.ws.push(msg.data)

    texts = ("a", "cancel", "b", "c")
    client = await sent(serve, raw_client, Keeps, *(build_frame(TEXT, text) for text in texts))
    await heard(client, *texts)
    assert len({*map(id, kept)}) == len(texts)


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_ping_is_told_in_no_task_of_a_message(
    serve: Serve, raw_client: Connect, *, is_async: bool
) -> None:
    """Where a route asks for pings; whether its hooks for messages are coroutines or not."""
    tasks: list[str | None] = []

    async def message(ws: Any, message: Any, opcode: Any) -> None:
        ws.push(message)

    def plain_message(ws: Any, message: Any, opcode: Any) -> None:
        ws.push(message)

    def ping(ws: Any, data: bytes) -> None:
        tasks.append(task())

    app = web.Application()
    behaviour = {"message": message if is_async else plain_message, "ping": ping}
    app.add_routes([websocket("/", behaviour)])
    client = await raw_client(await serve(app))
    client.send_raw(b"".join((build_frame(TEXT, "a"), build_frame(PING), build_frame(TEXT, "b"))))
    await heard(client, "a")
    await client.recv_frame()
    await heard(client, "b")
    assert tasks == [None]


async def test_after_a_read_there_is_no_current_task(serve: Serve, raw_client: Connect) -> None:
    """What the loop calls next is nobody's."""
    seen: list[str | None] = []

    class Calls(WebSocketView):
        async def on_message(self, msg: WSMessage) -> None:
            asyncio.get_running_loop().call_soon(lambda: seen.append(task()))
            self.ws.push(msg.data)

    client = await sent(serve, raw_client, Calls, *[build_frame(TEXT, "a")] * 3)
    await heard(client, "a", "a", "a")
    assert seen == [None] * 3


async def test_a_hook_that_is_caused_meanwhile_leaves_a_handler_in_its_task(
    serve: Serve, raw_client: Connect
) -> None:
    """The close hook of somebody else's connection has a task of its own."""
    tasks: list[str | None] = []

    class Closes(WebSocketView):
        views: ClassVar[list[WebSocketView]] = []

        def on_open(self) -> None:
            self.views.append(self)

        async def on_message(self, msg: WSMessage) -> None:
            tasks.append(task())
            self.views[1].ws.close()
            tasks.append(task())
            self.ws.push(msg.data)

        async def on_close(self, code: int, reason: str) -> None:
            tasks.append(task())

    app = web.Application()
    app.router.add_view("/", Closes)
    port = await serve(app)
    client, _ = await raw_client(port), await raw_client(port)
    client.send_text("a")
    await heard(client, "a")
    before, its_own, after = tasks
    assert before == after
    assert its_own not in (None, before)
