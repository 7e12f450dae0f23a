"""What cannot be sent, or is no code, is an error at the call; the connection stays as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import WebSocket, WebSocketView, setup
from aiows.errors import InvalidCloseCode
from raw_client import RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


async def finished(value: Any) -> Any:
    """What a call of any face comes to: some are awaited."""
    return await value if asyncio.iscoroutine(value) else value


async def closed_with(client: RawClient) -> tuple[int | None, str]:
    frame = await client.recv_frame()
    return frame.close_code, frame.close_reason


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
async def test_a_close_that_cannot_be_sent_is_an_error(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """Whatever was given for the code or the reason; a close that can be sent still ends it."""
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    client = await raw_client(await serve(face.serve(lambda ws, _: opened.set_result(ws), {})))
    client.send_text("here I am")
    ws = await opened
    for code in (None, 0, True, "4000", 4000.0, 1005, [], object()):
        with pytest.raises(InvalidCloseCode, match="is not a close code that may be sent"):
            await finished(ws.close(code=code))
    reason = "reason" if isinstance(ws, WebSocket) else "message"
    reasons: tuple[Any, ...] = (5, 0, [1], object())
    for wrong in reasons:
        with pytest.raises(TypeError, match="a close reason is a str or bytes"):
            await finished(ws.close(code=4000, **{reason: wrong}))
    for wrong in ("x" * 124, "\ud800"):
        with pytest.raises(ValueError, match=r"at most 123|surrogates"):
            await finished(ws.close(code=4000, **{reason: wrong}))
    assert not ws.closed
    closing = asyncio.ensure_future(finished(ws.close(code=4000, **{reason: "bye"})))
    assert await closed_with(client) == (4000, "bye")
    client.send_close(4000)
    await closing


async def test_on_close_is_called_once_after_a_close_that_failed(
    serve: Serve, raw_client: Connect
) -> None:
    """The wrong one has begun nothing."""
    ends: list[tuple[int, str]] = []

    class View(WebSocketView):
        def on_message(self, msg: Any) -> None:
            code: Any = None
            with pytest.raises(InvalidCloseCode, match="None is not a close code"):
                self.ws.close(code)
            self.ws.close(4000, "bye")

        def on_close(self, code: int, reason: str) -> None:
            ends.append((code, reason))

    app = web.Application()
    app.router.add_view("/", View)
    client = await raw_client(await serve(app))
    client.send_text("close")
    assert await closed_with(client) == (4000, "bye")
    assert ends == [(4000, "bye")]


async def test_what_is_no_text_is_not_sent_as_text(serve: Serve, raw_client: Connect) -> None:
    """The peer would have to close (RFC 6455, section 8.1)."""
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    class View(WebSocketView):
        def on_message(self, msg: Any) -> None:
            opened.set_result(self.ws)

    app = web.Application()
    app.router.add_view("/", View)
    client = await raw_client(await serve(app))
    client.send_text("here I am")
    ws = await opened
    with pytest.raises(ValueError, match="utf-8"):
        ws.send(b"\xff", 1)
    wrong: tuple[Any, ...] = ("text", 8, [], object())
    for opcode in wrong:
        with pytest.raises(ValueError, match="is no message"):
            ws.send("a", opcode)
    assert ws.send("schön".encode(), 1)
    assert (await client.recv_frame()).text == "schön"


@pytest.mark.parametrize("since", [5, "ab", ("e",), ("e", "1"), ("e", 1.5), (1, 1)])
async def test_what_is_no_position_is_no_place_to_go_on(
    since: Any, serve: Serve, raw_client: Connect
) -> None:
    """Said before anything is joined; and so is what is no number of messages."""
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    class View(WebSocketView):
        def on_message(self, msg: Any) -> None:
            opened.set_result(self.ws)

    app = web.Application()
    app.router.add_view("/", View)
    setup(app)
    client = await raw_client(await serve(app))
    client.send_text("here I am")
    ws = await opened
    with pytest.raises(TypeError, match="a position is a pair of epoch and number, not"):
        await ws.join("room", since=since)
    wrong: tuple[Any, ...] = ("1", None, 1.5)
    for last in wrong:
        with pytest.raises(TypeError, match="how many messages is a number"):
            await ws.join("room", last=last)
    with pytest.raises(ValueError, match="0 or more"):
        await ws.join("room", last=-1)
    assert ws.topics == frozenset()
