"""The options that only the drop-in has: each acts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from aiohttp import WSMsgType, web

from aiows import SendStatus, WebSocketResponse
from aiows.settings import RESPONSE_OPTIONS, VIEW_OPTIONS
from raw_client import CLOSE, PING, PONG, How, RawClient

View: TypeAlias = Callable[[WebSocketResponse], Awaitable[None]]
Talk: TypeAlias = Callable[..., Awaitable[RawClient]]


@pytest.fixture
def talk(
    serve: Callable[..., Awaitable[int]], raw_client: Callable[..., Awaitable[RawClient]]
) -> Talk:
    """Connect to a view that is given a response with these options."""

    async def connect(
        view: View, *, receive_buffer: int | None = None, **options: Any
    ) -> RawClient:
        async def handler(request: web.Request) -> web.StreamResponse:
            ws = WebSocketResponse(**options)
            await ws.prepare(request)
            await view(ws)
            return ws

        return await raw_client(await serve(handler), receive_buffer=receive_buffer)

    return connect


def test_there_are_no_others() -> None:
    """A new one has a test below."""
    assert RESPONSE_OPTIONS.names.keys() - VIEW_OPTIONS.names.keys() == {
        "timeout",
        "receive_timeout",
        "autoclose",
        "autoping",
        "heartbeat",
        "writer_limit",
        "decode_text",
        "control_messages",
        "strict_masking",
    }


async def test_timeout_is_how_long_the_answer_to_a_close_is_waited_for(talk: Talk) -> None:
    """Then the TCP connection goes."""
    codes: list[int | None] = []

    async def view(ws: WebSocketResponse) -> None:
        await ws.close()
        codes.append(ws.close_code)

    client = await talk(view, timeout=0.05)
    assert (await client.recv_frame()).opcode == CLOSE
    assert (await client.wait_closed()).how in (How.EOF, How.RESET)
    assert codes == [1006]


async def test_receive_timeout_limits_each_receive(talk: Talk) -> None:
    """As a timeout of `receive` does."""

    async def view(ws: WebSocketResponse) -> None:
        with pytest.raises(TimeoutError):
            await ws.receive()
        await ws.send_str("nothing came")

    client = await talk(view, receive_timeout=0.01)
    assert (await client.recv_frame()).text == "nothing came"


@pytest.mark.parametrize(("autoclose", "answer"), [(True, 1000), (False, 3000)])
async def test_autoclose_answers_a_close_when_the_view_takes_it(
    talk: Talk, autoclose: bool, answer: int
) -> None:
    """Without it, the view's own close is the answer."""

    async def view(ws: WebSocketResponse) -> None:
        assert (await ws.receive()).type is WSMsgType.CLOSE
        await ws.close(code=3000)

    client = await talk(view, autoclose=autoclose)
    client.send_close(1000)
    assert (await client.recv_frame()).close_code == answer


@pytest.mark.parametrize(
    ("options", "is_answered", "is_given_out"),
    [
        ({}, True, False),
        ({"autoping": False}, False, True),
        ({"control_messages": True}, True, True),
    ],
)
async def test_autoping_and_control_messages_say_who_gets_a_ping(
    talk: Talk, options: dict[str, bool], is_answered: bool, is_given_out: bool
) -> None:
    """We answer it, the view is told, or both."""

    async def view(ws: WebSocketResponse) -> None:
        first = await ws.receive()
        await ws.send_str(first.type.name)

    client = await talk(view, **options)
    client.send_frame(PING, b"?")
    client.send_text("a text")
    if is_answered:
        assert (await client.recv_frame()).opcode == PONG
    assert (await client.recv_frame()).text == ("PING" if is_given_out else "TEXT")


async def test_heartbeat_pings(talk: Talk) -> None:
    """A peer that is silent for so long."""

    async def view(ws: WebSocketResponse) -> None:
        await ws.receive()

    client = await talk(view, heartbeat=0.05)
    assert (await client.recv_frame()).opcode == PING


@pytest.mark.parametrize("limit", [32 * 1024, 512 * 1024])
async def test_writer_limit_is_where_backpressure_begins(talk: Talk, limit: int) -> None:
    """For a peer that does not read."""
    part = bytes(16 * 1024)
    amount: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def view(ws: WebSocketResponse) -> None:
        while ws.push(part) is SendStatus.SUCCESS:
            pass
        amount.set_result(ws.buffered_amount)

    await talk(view, receive_buffer=4096, writer_limit=limit)
    async with asyncio.timeout(5):
        assert limit < await amount <= limit + 2 * len(part)


@pytest.mark.parametrize(("decode_text", "data"), [(True, "text"), (False, b"text")])
async def test_decode_text_says_what_a_text_is(
    talk: Talk, decode_text: bool, data: str | bytes
) -> None:
    """A ``str``, or its bytes."""

    async def view(ws: WebSocketResponse) -> None:
        assert (await ws.receive()).data == data
        await ws.send_str("it is")

    client = await talk(view, decode_text=decode_text)
    client.send_text("text")
    assert (await client.recv_frame()).text == "it is"


@pytest.mark.parametrize(("strict_masking", "answer"), [(True, CLOSE), (False, WSMsgType.TEXT)])
async def test_strict_masking_refuses_frames_without_a_mask(
    talk: Talk, strict_masking: bool, answer: int
) -> None:
    """RFC 6455, section 5.1."""

    async def view(ws: WebSocketResponse) -> None:
        async for message in ws:
            await ws.send_str(message.data)

    client = await talk(view, strict_masking=strict_masking)
    client.send_frame(WSMsgType.TEXT, "text", mask=False)
    assert (await client.recv_frame()).opcode == answer
