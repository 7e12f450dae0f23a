"""`WebSocketResponse` over real sockets: what is aiohttp's, what is more, and where it is right instead."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import weakref
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from aiows import (
    Compression,
    ConnectionClosed,
    PreparedMessage,
    ProtocolError,
    SendStatus,
    WebSocketResponse,
)
from aiows.connection.keepalive import KeepAlive
from raw_client import BINARY, CLOSE, PING, PONG, TEXT, How, RawClient, build_frame, close_payload

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


async def echo(request: web.Request) -> web.StreamResponse:
    ws = WebSocketResponse()
    await ws.prepare(request)
    async for msg in ws:
        if msg.type is WSMsgType.TEXT:
            await ws.send_str(msg.data + "/answer")
        elif msg.type is WSMsgType.BINARY:
            await ws.send_bytes(msg.data)
    return ws


class Outcome:
    """What a view saw, for the test to wait for."""

    def __init__(self) -> None:
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def set(self, value: Any) -> None:
        if not self.done.done():
            self.done.set_result(value)

    async def get(self) -> Any:
        async with asyncio.timeout(5):
            return await self.done


# what is aiohttp's


def test_every_public_method_of_aiohttps_class_is_overridden() -> None:
    """A method that a new aiohttp adds cannot run on state that we never set."""
    theirs = {name for name in vars(web.WebSocketResponse) if not name.startswith("_")}
    ours = {name for cls in WebSocketResponse.__mro__[:2] for name in vars(cls)}
    assert theirs - ours == set()


def test_it_is_an_instance_of_aiohttps_class() -> None:
    """Code that asks isinstance goes on working."""
    assert isinstance(WebSocketResponse(), web.WebSocketResponse)


def test_it_is_made_without_a_loop_hashable_and_weakly_referenceable() -> None:
    """aiohttp's own idiom keeps responses in a WeakSet."""
    ws = WebSocketResponse()
    assert ws in weakref.WeakSet([ws])


@pytest.mark.parametrize(
    "name", ["send_str", "send_bytes", "send_json", "send_json_bytes", "send_frame", "ping", "pong"]
)
def test_senders_are_coroutine_functions(name: str) -> None:
    """`inspect.iscoroutinefunction` is true, as instrumentation expects."""
    assert inspect.iscoroutinefunction(getattr(WebSocketResponse, name))


async def test_the_documents_example_runs_unchanged(serve: Serve, raw_client: Connect) -> None:
    """Text comes back with its answer, bytes as they went."""
    client = await raw_client(await serve(echo))
    assert client.headers["sec-websocket-accept"] == client.expected_accept
    client.send_text("hi")
    assert (await client.recv_frame()).text == "hi/answer"
    client.send_frame(BINARY, b"\x00\xff")
    assert (await client.recv_frame()).payload == b"\x00\xff"


async def test_frames_in_the_segment_of_the_handshake_are_seen(
    serve: Serve, raw_client: Connect
) -> None:
    """What came before the 101 was out is the first message."""
    client = await raw_client(await serve(echo), handshake=False)
    client.send_request("localhost", "/", [])
    client.send_text("early")
    await client.recv_response()
    assert (await client.recv_frame()).text == "early/answer"


async def test_a_view_may_prepare_in_a_task_of_its_own(serve: Serve, raw_client: Connect) -> None:
    """The connection ends with the view, not with the task that prepared it."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await asyncio.create_task(ws.prepare(request))
        await ws.send_str(await ws.receive_str())
        return ws

    client = await raw_client(await serve(view))
    client.send_text("hi")
    assert (await client.recv_frame()).text == "hi"
    assert (await client.recv_frame()).close_code == 1000


async def test_bytes_are_given_out_as_text_came_with_decode_text_off(
    serve: Serve, raw_client: Connect
) -> None:
    """TEXT stays bytes."""
    seen = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse(decode_text=False)
        await ws.prepare(request)
        seen.set(await ws.receive())
        return ws

    client = await raw_client(await serve(view))
    client.send_text("hü")
    message = await seen.get()
    assert (message.type, message.data) == (WSMsgType.TEXT, "hü".encode())


async def test_two_receives_at_once_are_refused(serve: Serve, raw_client: Connect) -> None:
    """The second one says so; the first goes on."""
    refused = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        first = asyncio.create_task(ws.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="Concurrent"):
            await ws.receive()
        await ws.send_str("ready")
        refused.set((await first).data)
        return ws

    client = await raw_client(await serve(view))
    assert (await client.recv_frame()).text == "ready"
    client.send_text("for the first")
    assert await refused.get() == "for the first"


# where it is right instead


async def test_an_exception_after_the_101_closes_with_1011(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The peer learns that it was the server's fault; the log has the traceback."""

    async def view(request: web.Request) -> web.StreamResponse:
        await WebSocketResponse().prepare(request)
        raise LookupError("broken")

    client = await raw_client(await serve(view))
    frame = await client.recv_frame()
    assert (frame.opcode, frame.close_code) == (CLOSE, 1011)
    client.send_close(1011)
    assert (await client.wait_closed()).rest == b""
    assert "LookupError: broken" in caplog.text


async def test_an_http_error_after_the_101_writes_no_http(
    serve: Serve, raw_client: Connect
) -> None:
    """1011, and not one byte of HTTP in the stream."""

    async def view(request: web.Request) -> web.StreamResponse:
        await WebSocketResponse().prepare(request)
        raise web.HTTPForbidden

    client = await raw_client(await serve(view))
    assert (await client.recv_frame()).close_code == 1011
    client.send_close(1011)
    assert (await client.wait_closed()).rest == b""


async def test_returning_none_closes_with_1000_and_logs_nothing(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """A view has nothing to return."""

    async def view(request: web.Request) -> None:
        await WebSocketResponse().prepare(request)

    client = await raw_client(await serve(view))
    assert (await client.recv_frame()).close_code == 1000
    client.send_close(1000)
    assert (await client.wait_closed()).rest == b""
    assert "Missing return" not in caplog.text


@pytest.mark.parametrize(("sent", "answered"), [(4001, 4001), (1000, 1000), (None, None)])
async def test_the_peers_close_code_is_echoed(
    serve: Serve, raw_client: Connect, sent: int | None, answered: int | None
) -> None:
    """RFC 6455, section 5.5.1."""
    client = await raw_client(await serve(echo))
    client.send_close(sent)
    assert (await client.recv_frame()).close_code == answered
    assert (await client.wait_closed()).how is How.EOF


async def test_the_peers_reason_is_echoed_with_its_code(serve: Serve, raw_client: Connect) -> None:
    """aiohttp's class answers without one."""
    client = await raw_client(await serve(echo))
    client.send_close(4001, "enough for today")
    answer = await client.recv_frame()
    assert (answer.close_code, answer.close_reason) == (4001, "enough for today")


async def test_what_came_before_the_close_is_answered_first(
    serve: Serve, raw_client: Connect
) -> None:
    """A peer that sends and closes at once still gets its answers."""
    client = await raw_client(await serve(echo))
    client.send_raw(
        build_frame(TEXT, b"a") + build_frame(TEXT, b"b") + build_frame(CLOSE, close_payload(1000))
    )
    frames = [await client.recv_frame() for _ in range(3)]
    assert [frame.payload for frame in frames[:2]] == [b"a/answer", b"b/answer"]
    assert frames[2].close_code == 1000


async def test_what_came_before_an_error_is_answered_first(
    serve: Serve, raw_client: Connect
) -> None:
    """The broken frame behind a good one does not take the good one's answer."""
    client = await raw_client(await serve(echo))
    client.send_raw(build_frame(TEXT, b"a") + build_frame(TEXT, b"b", rsv2=True))
    assert (await client.recv_frame()).payload == b"a/answer"
    assert (await client.recv_frame()).close_code == 1002


async def test_a_lost_peer_is_known_to_a_view_that_only_sends(
    serve: Serve, raw_client: Connect
) -> None:
    """`closed` and `close_code` tell the truth, and sending raises what aiohttp's users catch."""
    seen = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        lost = asyncio.Event()
        ws.connection.add_leave_callback(lambda _: lost.set())
        await ws.send_str("one")
        await lost.wait()
        with pytest.raises(ConnectionResetError) as caught:
            await ws.send_str("two")
        seen.set((ws.closed, ws.close_code, type(caught.value), ws.push("three")))
        assert isinstance(ws.exception(), ConnectionResetError)
        return ws

    client = await raw_client(await serve(view))
    await client.recv_frame()
    client.abort()
    assert await seen.get() == (True, 1006, ConnectionClosed, SendStatus.DROPPED)


async def test_the_close_of_a_peer_is_answered_for_a_view_that_only_sends(
    serve: Serve, raw_client: Connect
) -> None:
    """It never calls receive, and the peer need not wait for a timeout."""
    seen = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        left = asyncio.Event()
        ws.connection.add_leave_callback(lambda _: left.set())
        await left.wait()
        seen.set((ws.closed, ws.close_code))
        return ws

    client = await raw_client(await serve(view))
    client.send_close(4002)
    assert (await client.recv_frame()).close_code == 4002
    assert await seen.get() == (True, 4002)


async def test_a_message_too_big_says_1009_on_both_sides(serve: Serve, raw_client: Connect) -> None:
    """Refused on its header, and the Close is not lost in a reset."""
    seen = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(max_msg_size=1000)
        await ws.prepare(request)
        message = await ws.receive()
        seen.set((message.type, message.data.code, ws.close_code, ws.exception()))
        return ws

    client = await raw_client(await serve(view))
    client.send_frame(BINARY, bytes(1_000_000))
    assert (await client.recv_frame()).close_code == 1009
    type_, code, close_code, error = await seen.get()
    assert (type_, code, close_code) == (WSMsgType.ERROR, 1009, 1009)
    assert isinstance(error, ProtocolError)
    assert (await client.wait_closed()).how is How.EOF


async def test_close_code_1006_on_the_wire_is_a_protocol_error(
    serve: Serve, raw_client: Connect
) -> None:
    """RFC 6455, section 7.4.1 reserves it."""
    client = await raw_client(await serve(echo))
    client.send_close(1006)
    assert (await client.recv_frame()).close_code == 1002


DEFLATE = "permessage-deflate"


async def test_one_message_can_be_sent_uncompressed(serve: Serve, raw_client: Connect) -> None:
    """compress=0 for what does not get smaller."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("a" * 200)
        await ws.send_str("a" * 200, compress=0)
        await ws.send_bytes(b"a" * 200)
        return ws

    client = await raw_client(await serve(view), extensions=DEFLATE)
    assert [(await client.recv_frame()).rsv1 for _ in range(3)] == [True, False, True]


@pytest.mark.parametrize(
    ("options", "compressed"),
    [
        ({}, [False, True, False, True, True]),
        ({"compress_threshold": 0}, [True] * 5),
        ({"compress_threshold": 1000}, [False] * 4 + [True]),
        ({"compress": Compression.DEDICATED_4KB}, [True] * 5),
    ],
)
async def test_small_messages_go_uncompressed(
    serve: Serve, raw_client: Connect, options: dict[str, Any], compressed: list[bool]
) -> None:
    """There is little to save; whoever wants it all the same says so, for one message or for all."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(**options)
        await ws.prepare(request)
        await ws.send_str("a" * 127)
        await ws.send_str("a" * 128)
        ws.push("a" * 127)
        ws.push("a" * 128)
        await ws.send_str("a" * 127, compress=1)
        return ws

    client = await raw_client(await serve(view), extensions=DEFLATE)
    assert [(await client.recv_frame()).rsv1 for _ in range(5)] == compressed


@pytest.mark.parametrize("mode", [Compression.SHARED, Compression.DEDICATED_4KB])
async def test_what_deflate_makes_larger_goes_as_it_is(
    serve: Serve, raw_client: Connect, mode: Compression
) -> None:
    """And the messages after it are understood: the compressor has forgotten what the peer never saw."""
    messages = [b"chat " * 50, os.urandom(1000), b"chat " * 50, b"chat " * 50]

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(compress=mode)
        await ws.prepare(request)
        for message in messages:
            await ws.send_bytes(message)
        return ws

    client = await raw_client(await serve(view), extensions=DEFLATE)
    frames = [await client.recv_frame() for _ in messages]
    assert [each.rsv1 for each in frames] == [True, False, True, True]
    inflater = zlib.decompressobj(wbits=-15)
    tail = b"\x00\x00\xff\xff"
    got = [
        inflater.decompress(each.payload + tail) if each.rsv1 else each.payload for each in frames
    ]
    assert got == messages


async def test_compress_without_the_extension_never_sets_rsv1(
    serve: Serve, raw_client: Connect
) -> None:
    """The peer did not offer it and would have to fail the connection."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("a" * 100, compress=15)
        return ws

    client = await raw_client(await serve(view))
    frame = await client.recv_frame()
    assert (frame.rsv1, frame.payload) == (False, b"a" * 100)


async def test_what_a_view_answers_leaves_with_the_read_that_asked_for_it(
    serve: Serve, raw_client: Connect
) -> None:
    """In one write for all messages of the read; before the next read all of it has left."""
    waiting: list[tuple[int, int]] = []

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        async for msg in ws:
            before = ws.buffered_amount
            await ws.send_str(msg.data)
            waiting.append((before, ws.buffered_amount))
        return ws

    client = await raw_client(await serve(view))
    client.send_text("first")
    assert (await client.recv_frame()).text == "first"
    client.send_raw(build_frame(TEXT, "one") + build_frame(TEXT, "two"))
    assert [(await client.recv_frame()).text for _ in range(2)] == ["one", "two"]
    client.send_text("last")
    assert (await client.recv_frame()).text == "last"
    size = len("..one")
    assert waiting == [(0, len("..first")), (0, size), (size, 2 * size), (0, len("..last"))]


async def test_a_heartbeat_spares_a_peer_whose_reading_we_paused(
    serve: Serve, raw_client: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view is busy, its inbox is full: the silence is our own."""
    looks = 0
    looked_often, survived = Outcome(), Outcome()
    look = KeepAlive.is_due

    def counted(keepalive: KeepAlive, listener: Any, tick: int) -> None:
        nonlocal looks
        looks += 1
        if looks == 6:  # each look is at least one interval or one wait after the one before
            looked_often.set(None)
        look(keepalive, listener, tick)

    monkeypatch.setattr(KeepAlive, "is_due", counted)

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(heartbeat=0.02)
        await ws.prepare(request)
        await ws.receive()
        await looked_often.get()
        survived.set(not ws.closed)
        return ws

    client = await raw_client(await serve(view))
    for _ in range(40):
        client.send_frame(BINARY, bytes(64 * 1024))
    assert await survived.get()


async def test_a_heartbeat_gives_a_silent_peer_up(serve: Serve, raw_client: Connect) -> None:
    """ERROR with a TimeoutError, close code 1006."""
    seen = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(heartbeat=0.02)
        await ws.prepare(request)
        message = await ws.receive()
        seen.set((message.type, type(ws.exception()), ws.closed, ws.close_code))
        return ws

    client = await raw_client(await serve(view))
    assert (await client.recv_frame()).opcode == PING
    assert await seen.get() == (WSMsgType.ERROR, TimeoutError, True, 1006)


# on top


async def test_push_sends_text_bytes_and_json(serve: Serve, raw_client: Connect) -> None:
    """By the type of what is pushed."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        assert ws.push("text") is SendStatus.SUCCESS
        assert ws.push(b"bytes") is SendStatus.SUCCESS
        assert ws.push({"kind": "json"}) is SendStatus.SUCCESS
        assert ws.push(PreparedMessage("prepared")) is SendStatus.SUCCESS
        return ws

    client = await raw_client(await serve(view))
    frames = [await client.recv_frame() for _ in range(4)]
    assert [(frame.opcode, frame.payload) for frame in frames] == [
        (TEXT, b"text"),
        (BINARY, b"bytes"),
        (TEXT, b'{"kind":"json"}'),
        (TEXT, b"prepared"),
    ]


async def test_push_answers_backpressure_then_dropped_and_drained_waits(
    serve: Serve, raw_client: Connect
) -> None:
    """A reader that is slow costs max_backpressure bytes, never more."""
    statuses: list[SendStatus] = []
    amounts: list[int] = []
    full, after = Outcome(), Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(max_backpressure=256 * 1024)
        await ws.prepare(request)
        while not statuses or statuses[-1]:
            statuses.append(ws.push(bytes(32 * 1024)))
            amounts.append(ws.buffered_amount)
        full.set(len(statuses) - 1)
        await ws.drained()
        after.set((ws.buffered_amount, ws.push("done")))
        return ws

    client = await raw_client(await serve(view), receive_buffer=4096)
    queued = await full.get()
    assert {*statuses} == {SendStatus.SUCCESS, SendStatus.BACKPRESSURE, SendStatus.DROPPED}
    assert max(amounts) <= 256 * 1024 + 16
    for _ in range(queued):
        assert len((await client.recv_frame()).payload) == 32 * 1024
    amount, status = await after.get()
    assert amount <= 64 * 1024
    assert status
    assert (await client.recv_frame()).text == "done"


async def test_an_empty_outbox_takes_a_message_over_the_limit(
    serve: Serve, raw_client: Connect
) -> None:
    """Or it could never be sent at all."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(max_backpressure=10)
        await ws.prepare(request)
        assert ws.push("x" * 1000)
        return ws

    client = await raw_client(await serve(view))
    assert len((await client.recv_frame()).payload) == 1000


async def test_many_senders_wait_in_order_and_the_outbox_stays_bounded(
    serve: Serve, raw_client: Connect
) -> None:
    """200 tasks that send 64 KiB each leave little in memory, and arrive in order."""
    seen = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        tasks = [
            asyncio.create_task(ws.send_bytes(number.to_bytes(2) + bytes(64 * 1024)))
            for number in range(200)
        ]
        await asyncio.sleep(0)
        seen.set(ws.buffered_amount)
        await asyncio.gather(*tasks)
        return ws

    client = await raw_client(await serve(view), receive_buffer=4096)
    assert await seen.get() < 200 * 1024
    numbers = [int.from_bytes((await client.recv_frame()).payload[:2]) for _ in range(200)]
    assert numbers == list(range(200))


async def test_a_sender_that_waits_learns_of_the_loss(serve: Serve, raw_client: Connect) -> None:
    """It does not wait for ever for a peer that is gone."""
    seen = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        try:
            while True:
                await ws.send_bytes(bytes(1024 * 1024))
        except ConnectionClosed as error:
            seen.set(error.code)
        return ws

    client = await raw_client(await serve(view), receive_buffer=4096)
    await client.recv_raw(4096)
    client.abort()
    assert await seen.get() == 1006


async def test_control_messages_are_given_out_and_answered(
    serve: Serve, raw_client: Connect
) -> None:
    """An option: the view sees PING and PONG, the peer still gets its pong."""
    seen: list[tuple[WSMsgType, bytes]] = []
    both = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(control_messages=True)
        await ws.prepare(request)
        async for msg in ws:
            seen.append((msg.type, msg.data))
            if len(seen) == 2:
                both.set(None)
        return ws

    client = await raw_client(await serve(view))
    client.send_frame(PING, b"a")
    client.send_frame(PONG, b"b")
    frame = await client.recv_frame()
    assert (frame.opcode, frame.payload) == (PONG, b"a")
    await both.get()
    assert seen == [(WSMsgType.PING, b"a"), (WSMsgType.PONG, b"b")]


@pytest.mark.parametrize("code", [1004, 1005, 1006, 1015, 999, 5000])
async def test_a_code_that_may_not_be_sent_is_refused_before_anything_happens(
    serve: Serve, raw_client: Connect, code: int
) -> None:
    """RFC 6455, section 7.4: and the connection stays open."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        with pytest.raises(ValueError, match=str(code)):
            await ws.close(code=code)
        await ws.send_str("still open")
        return ws

    client = await raw_client(await serve(view))
    assert (await client.recv_frame()).text == "still open"


async def test_a_ping_flood_without_reading_keeps_memory_flat(
    serve: Serve, raw_client: Connect
) -> None:
    """Pongs coalesce to the newest while the peer does not read them."""
    most = 0
    seen = Outcome()

    async def view(request: web.Request) -> web.StreamResponse:
        nonlocal most
        ws = WebSocketResponse(control_messages=True)
        await ws.prepare(request)
        async for msg in ws:
            most = max(most, ws.buffered_amount)
            if msg.data == b"last":
                seen.set(most)
        return ws

    client = await raw_client(await serve(view), receive_buffer=4096)
    flood = build_frame(PING, bytes(125)) * 2000
    for _ in range(20):
        client.send_raw(flood)
        await client.drain()
    client.send_frame(PING, b"last")
    assert await seen.get() < 64 * 1024
    while (await client.recv_frame()).payload != b"last":
        pass


async def test_an_upgrade_with_a_body_is_refused(serve: Serve, raw_client: Connect) -> None:
    """A proxy in front would take as a body what we take as frames."""
    client = await raw_client(await serve(echo), headers={"Content-Length": "5"})
    assert client.status == 400


async def test_a_foreign_origin_is_refused_where_asked_for(
    serve: Serve, raw_client: Connect
) -> None:
    """The drop-in accepts any, as aiohttp does, unless origins= is given."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(origins="same")
        await ws.prepare(request)
        return ws

    port = await serve(view)
    foreign = await raw_client(port, headers={"Origin": "https://evil.example"})
    assert foreign.status == 403
    own = await raw_client(port, headers={"Origin": f"http://127.0.0.1:{port}"})
    assert own.status == 101
    none = await raw_client(port)
    assert none.status == 101


async def test_a_cancelled_view_closes_with_1001(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The task was ended from outside: the server is going away."""
    caplog.set_level(logging.DEBUG)

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        async for _ in ws:
            pass
        return ws

    client = await raw_client(await serve(view))
    assert (await client.recv_frame()).close_code == 1001
