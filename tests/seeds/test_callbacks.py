"""features.md, A: callbacks on a route, row by row, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import weakref
import zlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import aiows
from aiows import (
    HUB,
    CompressOptions,
    Connection,
    OpCode,
    PreparedMessage,
    SendStatus,
    websocket,
)
from aiows.mounting.callbacks import UpgradeRequest, UpgradeResponse
from journal import Journal, app_with, fill, read
from raw_client import BINARY, CLOSE, PING, PONG, TEXT, RawClient, build_frame

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

ROOT = Path(__file__).resolve().parents[2]
DEFLATE = "permessage-deflate; client_max_window_bits"


@pytest.fixture
async def journal() -> Journal:
    return Journal()


# A1


def echo(ws: Connection, message: str | bytes, opcode: OpCode) -> None:
    ws.send(message, opcode)


async def test_a01_a_star_takes_every_path_and_a_dict_every_callback(
    serve: Serve, raw_client: Connect
) -> None:
    """As in the seed's own example."""
    port = await serve(app_with(websocket("/*", {"message": echo, "idle_timeout": 12})))
    for path in ("/", "/a", "/a/b?c=d"):
        client = await raw_client(port, path)
        client.send_text("hi")
        assert (await client.recv_frame()).text == "hi"


async def test_a01_keyword_arguments_and_parameters_of_the_path(
    serve: Serve, raw_client: Connect
) -> None:
    """Patterns are aiohttp's; the upgrade reads what they matched, by name or by place."""

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        res.upgrade(user_data=[req.get_parameter("room"), req.get_parameter(1)])

    def opened(ws: Connection) -> None:
        ws.send(ws.get_user_data())

    port = await serve(app_with(websocket("/{room}/{seat:\\d+}", upgrade=upgrade, open=opened)))
    client = await raw_client(port, "/blue/7")
    assert (await client.recv_frame()).text == '["blue","7"]'


# A2


async def test_a02_with_an_idle_timeout_of_0_a_silent_peer_may_stay(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Nobody pings it while another route's silent peer is pinged and given up."""
    other = Journal()
    port = await serve(
        app_with(journal.route(idle_timeout=0), other.route("/other", idle_timeout=0.03))
    )
    patient = await raw_client(port)
    await raw_client(port, "/other")
    await other.wait_for("close", 1006)
    journal.ws.send("first")
    assert (await patient.recv_frame()).text == "first"


# A3


class CallableObject:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, ws: Connection) -> None:
        self._journal.note("open")


@pytest.mark.parametrize("kind", ["lambda", "def", "async def", "partial", "object"])
async def test_a03_a_callback_may_be_any_callable(
    serve: Serve, raw_client: Connect, journal: Journal, kind: str
) -> None:
    """Plain or async."""

    def plain(ws: Connection) -> None:
        journal.note("open")

    async def coroutine(ws: Connection) -> None:
        await asyncio.sleep(0)
        journal.note("open")

    def with_more(more: str, ws: Connection) -> None:
        journal.note(more)

    callbacks: dict[str, Any] = {
        "lambda": lambda ws: journal.note("open"),
        "def": plain,
        "async def": coroutine,
        "partial": partial(with_more, "open"),
        "object": CallableObject(journal),
    }
    await raw_client(await serve(app_with(websocket("/", open=callbacks[kind]))))
    await journal.wait_for("open")


async def test_a03_every_callback_may_be_async(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """And waits for what it likes."""

    def noting(name: str) -> Callable[..., Awaitable[None]]:
        async def callback(*args: Any) -> None:
            await asyncio.sleep(0)
            if name == "upgrade":
                args[0].upgrade()
            if name == "open":
                args[0].subscribe("news")
                while args[0].send(bytes(1000)):
                    pass
            journal.note(name)

        return callback

    names = [
        "upgrade",
        "open",
        "message",
        "drain",
        "ping",
        "pong",
        "dropped",
        "subscription",
        "close",
    ]
    callbacks = {name: noting(name) for name in names}
    port = await serve(app_with(websocket("/", callbacks, max_backpressure=5000)))
    client = await raw_client(port, receive_buffer=4096)
    client.send_raw(build_frame(TEXT, "a") + build_frame(PING, b"p") + build_frame(PONG, b"q"))
    while "drain" not in {entry[0] for entry in journal.entries}:
        await client.recv_frame()
    client.send_close()
    for name in names:
        await journal.wait_for(name)


# A4


async def end_by_the_peer(client: RawClient, ws: Connection) -> None:
    client.send_close(4001, "I go")


async def end_by_an_abort(client: RawClient, ws: Connection) -> None:
    client.abort()


async def end_by_an_exception(client: RawClient, ws: Connection) -> None:
    client.send_text("raise")


async def end_by_a_broken_protocol(client: RawClient, ws: Connection) -> None:
    client.send_frame(TEXT, "no mask", mask=False)


async def end_by_the_server(client: RawClient, ws: Connection) -> None:
    ws.end(4002, "we go")


async def end_by_both_at_once(client: RawClient, ws: Connection) -> None:
    client.send_close(4001, "I go")
    ws.close(4002, "we go")


async def end_by_a_shutdown(client: RawClient, ws: Connection) -> None:
    pass


ENDINGS: list[tuple[Callable[[RawClient, Connection], Awaitable[None]], int, str]] = [
    (end_by_the_peer, 4001, "I go"),
    (end_by_an_abort, 1006, ""),
    (end_by_an_exception, 1011, ""),
    (end_by_a_broken_protocol, 1002, "Received frame without a mask"),
    (end_by_the_server, 4002, "we go"),
    (end_by_both_at_once, 4002, "we go"),
    (end_by_a_shutdown, 1001, ""),
]


@pytest.mark.parametrize(
    ("end", "code", "reason"), ENDINGS, ids=[each[0].__name__ for each in ENDINGS]
)
async def test_a04_close_is_called_once_however_it_ends(
    journal: Journal,
    end: Callable[[RawClient, Connection], Awaitable[None]],
    code: int,
    reason: str,
) -> None:
    """With the code and the reason of whoever was first; nothing is called after it."""

    def message(ws: Connection, message: str, opcode: OpCode) -> None:
        raise LookupError(message)

    runner = web.AppRunner(app_with(journal.route(message=message)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = await RawClient.connect(runner.addresses[0][1])
    await journal.wait_for("open")
    await end(client, journal.ws)
    if end is not end_by_a_shutdown:
        await journal.wait_for("close")
    await runner.cleanup()
    assert journal.entries == [("open",), ("close", code, reason)]
    client.close()


async def test_a04_close_is_called_also_when_open_raises(
    serve: Serve, raw_client: Connect, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """The peer gets 1011, the log the exception; what it sends is not heard."""

    async def opened(ws: Connection) -> None:
        raise LookupError("broken")

    client = await raw_client(await serve(app_with(journal.route(open=opened))))
    client.send_text("a")
    assert (await client.recv_frame()).close_code == 1011
    assert "LookupError: broken" in caplog.text
    assert journal.entries == [("close", 1011, "")]


# A5


async def test_a05_an_upgrade_that_ends_the_response_is_plain_http(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Status, headers and body are the callback's, and no other callback runs."""

    async def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        res.write_status(401).write_header("WWW-Authenticate", "Basic").end("who are you?")

    client = await raw_client(await serve(app_with(journal.route(upgrade=upgrade))))
    assert (client.status, client.headers["www-authenticate"]) == (401, "Basic")
    assert await client.recv_raw(12) == b"who are you?"
    assert journal.entries == []


@pytest.mark.parametrize(
    ("status", "expected"), [(None, (200, "OK")), ("403 Not You", (403, "Not You"))]
)
async def test_a05_the_status_is_200_or_a_number_with_a_reason(
    serve: Serve, raw_client: Connect, status: str | None, expected: tuple[int, str]
) -> None:
    """The body may be bytes."""

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        if status is not None:
            res.write_status(status)
        res.end(b"\x01")

    client = await raw_client(await serve(app_with(websocket("/", upgrade=upgrade))))
    assert (client.status, client.reason) == expected
    assert await client.recv_raw(1) == b"\x01"


async def test_a05_neither_end_nor_upgrade_is_a_500_and_a_line_in_the_log(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The line says which callback forgot."""

    def forgetful(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        res.write_status(204)

    client = await raw_client(await serve(app_with(websocket("/", upgrade=forgetful))))
    assert client.status == 500
    (line,) = [record.getMessage() for record in caplog.records if record.name == "aiows.callbacks"]
    assert "forgetful" in line
    assert "neither ended the response nor upgraded" in line


@pytest.mark.parametrize("first", ["end", "upgrade"])
async def test_a05_an_answer_can_be_given_once(
    serve: Serve, raw_client: Connect, first: str
) -> None:
    """The second one is the callback's mistake, and says so."""
    errors: list[str] = []

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        getattr(res, first)()
        for second in (res.end, res.upgrade):
            with pytest.raises(RuntimeError, match="once") as raised:
                second()
            errors.append(str(raised.value))

    client = await raw_client(await serve(app_with(websocket("/", upgrade=upgrade))))
    assert client.status == {"end": 200, "upgrade": 101}[first]
    assert len(errors) == 2


@pytest.mark.parametrize(
    ("error", "status"), [(web.HTTPPaymentRequired(), 402), (LookupError("broken"), 500)]
)
async def test_a05_an_upgrade_that_raises_is_answered_as_in_any_handler(
    serve: Serve, raw_client: Connect, journal: Journal, error: Exception, status: int
) -> None:
    """An HTTP error with its own status, anything else with 500."""

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        raise error

    client = await raw_client(await serve(app_with(journal.route(upgrade=upgrade))))
    assert client.status == status
    assert journal.entries == []


async def test_a05_headers_of_the_upgrade_leave_with_the_101(
    serve: Serve, raw_client: Connect
) -> None:
    """A cookie, for example."""

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        res.write_header("Set-Cookie", "a=1").write_header("Set-Cookie", "b=2").upgrade()

    client = await raw_client(await serve(app_with(websocket("/", upgrade=upgrade))))
    assert client.status == 101
    assert client.headers["set-cookie"] == "a=1, b=2"


async def test_a05_what_is_no_upgrade_and_foreign_pages_do_not_reach_the_callback(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """A plain GET is told what the route is for; the page's own site passes."""

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        journal.note("upgrade")
        res.upgrade()

    port = await serve(app_with(websocket("/", upgrade=upgrade)))
    plain = await raw_client(port, headers={"Upgrade": "", "Connection": "close"})
    foreign = await raw_client(port, headers={"Origin": "http://evil.example"})
    assert (plain.status, foreign.status, journal.entries) == (426, 403, [])
    own = await raw_client(port, headers={"Origin": f"http://127.0.0.1:{port}"})
    assert (own.status, journal.entries) == (101, [("upgrade",)])


# A6


async def test_a06_text_comes_as_str_and_binary_as_bytes(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """With an opcode of aiohttp's own enum; what is sent back keeps it."""
    assert OpCode is aiows.WSMsgType

    def message(ws: Connection, message: str | bytes, opcode: OpCode) -> None:
        journal.message(ws, message, opcode)
        ws.send(message, opcode)

    client = await raw_client(await serve(app_with(journal.route(message=message))))
    client.send_text("café")
    client.send_frame(BINARY, b"\xff")
    frames = [await client.recv_frame() for _ in range(2)]
    assert [(frame.opcode, frame.payload) for frame in frames] == [
        (TEXT, "café".encode()),
        (BINARY, b"\xff"),
    ]
    assert journal.entries[1:] == [
        ("message", "café", OpCode.TEXT),
        ("message", b"\xff", OpCode.BINARY),
    ]


async def test_a06_the_opcode_decides_what_bytes_and_text_leave_as(
    serve: Serve, raw_client: Connect
) -> None:
    """TEXT or BINARY; anything else has a method of its own."""

    def opened(ws: Connection) -> None:
        ws.send(b"text", OpCode.TEXT)
        ws.send("binary", OpCode.BINARY)
        with pytest.raises(ValueError, match="ping"):
            ws.send(b"", OpCode.PING)

    client = await raw_client(await serve(app_with(websocket("/", open=opened))))
    frames = [await client.recv_frame() for _ in range(2)]
    assert [(frame.opcode, frame.payload) for frame in frames] == [(1, b"text"), (2, b"binary")]


# A7


async def test_a07_drain_comes_once_after_backpressure(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """However often the answer was BACKPRESSURE; then it may be asked for again."""

    def drain(ws: Connection) -> None:
        journal.note("drain", ws.get_buffered_amount())

    client = await raw_client(
        await serve(app_with(journal.route(drain=drain))), receive_buffer=4096
    )
    await journal.wait_for("open")
    for turn in (1, 2):
        sent = fill(journal.ws)
        sent += [journal.ws.send(bytes(16 * 1024)) for _ in range(3)]
        assert sent[-4:] == [SendStatus.BACKPRESSURE] * 4
        assert journal.count("drain") == turn - 1
        await read(client, len(sent) * 16 * 1024)
        assert journal.count("drain") == turn
        assert journal.entries[-1][1] <= 64 * 1024


async def test_a07_drain_comes_also_after_a_drop_while_little_waits(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Then there is room for any message."""

    def drain(ws: Connection) -> None:
        journal.note("drain", ws.send(bytes(9000)))

    route = journal.route(drain=drain, max_backpressure=2000)
    client = await raw_client(await serve(app_with(route)), receive_buffer=4096)
    await journal.wait_for("open")
    sent = 0
    while journal.ws.send(bytes(500)):
        sent += 500
    assert 0 < journal.ws.get_buffered_amount() < 2000
    await read(client, sent + 9000)
    assert journal.entries[1:] == [("drain", SendStatus.SUCCESS)]


async def test_a07_a_drain_callback_at_work_is_called_again_not_twice_at_once(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """What drained meanwhile is one more call, afterwards."""
    go_on = asyncio.Event()

    async def drain(ws: Connection) -> None:
        journal.note("drain begins")
        await go_on.wait()
        journal.note("drain ends")

    route = journal.route(drain=drain)
    client = await raw_client(await serve(app_with(route)), receive_buffer=4096)
    await journal.wait_for("open")
    for _ in range(3):
        await read(client, len(fill(journal.ws)) * 16 * 1024)
    assert journal.count("drain begins") == 1
    go_on.set()
    journal.entries.clear()
    await journal.wait_for("drain begins")
    await journal.wait_for("drain ends")
    client.send_text("last")
    await journal.wait_for("message", "last")
    begins_and_ends = [entry[0] for entry in journal.entries[:-1]]
    assert begins_and_ends == ["drain ends", "drain begins", "drain ends"]


async def test_a07_no_drain_after_close(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Although what waited still leaves."""
    route = journal.route(drain=lambda ws: journal.note("drain"))
    client = await raw_client(await serve(app_with(route)), receive_buffer=4096)
    await journal.wait_for("open")
    sent = fill(journal.ws)
    journal.ws.close()
    await read(client, len(sent) * 16 * 1024)
    assert (await client.recv_frame()).close_code == 1000
    assert [entry[0] for entry in journal.entries] == ["open", "close"]


# A8


MODES = {
    CompressOptions.DISABLED: None,
    CompressOptions.SHARED_COMPRESSOR: "server_no_context_takeover; client_no_context_takeover",
    CompressOptions.DEDICATED_COMPRESSOR_3KB: "server_max_window_bits=9; client_max_window_bits=9",
    CompressOptions.DEDICATED_COMPRESSOR_4KB: "server_max_window_bits=9; client_max_window_bits=9",
    CompressOptions.DEDICATED_COMPRESSOR_8KB: "server_max_window_bits=10; client_max_window_bits=10",
    CompressOptions.DEDICATED_COMPRESSOR_16KB: "server_max_window_bits=11; client_max_window_bits=11",
    CompressOptions.DEDICATED_COMPRESSOR_32KB: "server_max_window_bits=12; client_max_window_bits=12",
    CompressOptions.DEDICATED_COMPRESSOR_64KB: "server_max_window_bits=13; client_max_window_bits=13",
    CompressOptions.DEDICATED_COMPRESSOR_128KB: "server_max_window_bits=14; client_max_window_bits=14",
    CompressOptions.DEDICATED_COMPRESSOR_256KB: "",
}


@pytest.mark.parametrize(("mode", "answer"), MODES.items(), ids=[mode.name for mode in MODES])
async def test_a08_each_compression_mode_is_negotiated_and_talks(
    serve: Serve, raw_client: Connect, mode: CompressOptions, answer: str | None
) -> None:
    """The answer names the mode's window; an empty one is the full window."""
    port = await serve(app_with(websocket("/", message=echo, compression=mode)))
    client = await raw_client(port, extensions=DEFLATE)
    expected = answer and f"permessage-deflate; {answer}"
    assert client.headers.get("sec-websocket-extensions") == (
        "permessage-deflate" if answer == "" else expected
    )
    deflater = zlib.compressobj(wbits=-9 if answer is not None else -15)
    packed = deflater.compress(b"hello" * 100) + deflater.flush(zlib.Z_SYNC_FLUSH)
    is_deflated = mode is not CompressOptions.DISABLED
    client.send_frame(TEXT, packed[:-4] if is_deflated else b"hello" * 100, rsv1=is_deflated)
    frame = await client.recv_frame()
    assert frame.rsv1 is is_deflated
    payload = inflate(frame.payload) if is_deflated else frame.payload
    assert payload == b"hello" * 100


def inflate(payload: bytes) -> bytes:
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff")


@pytest.mark.parametrize("extensions", [None, ""])
async def test_a08_an_upgrade_without_extensions_turns_compression_off(
    serve: Serve, raw_client: Connect, extensions: str | None
) -> None:
    """Whatever the client has offered."""

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        res.upgrade(req.get_header("sec-websocket-key"), None, extensions, context)

    client = await raw_client(
        await serve(app_with(websocket("/", upgrade=upgrade))), extensions=DEFLATE
    )
    assert client.status == 101
    assert "sec-websocket-extensions" not in client.headers


# A9


@pytest.mark.parametrize("is_deflated", [False, True])
async def test_a09_a_message_over_max_payload_length_closes_with_1009(
    serve: Serve, raw_client: Connect, journal: Journal, is_deflated: bool
) -> None:
    """The inflated size counts; a message of just that length passes."""
    client = await raw_client(
        await serve(app_with(journal.route(max_payload_length=1000))), extensions=DEFLATE
    )
    for size in (1000, 1001):
        data = bytes(size)
        if is_deflated:
            deflater = zlib.compressobj(wbits=-15)
            data = (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
        client.send_frame(BINARY, data, rsv1=is_deflated)
    assert (await client.recv_frame()).close_code == 1009
    assert journal.entries[1] == ("message", bytes(1000), OpCode.BINARY)
    assert journal.entries[2][:2] == ("close", 1009)


# A10


async def test_a10_subscription_tells_the_count_after_and_before(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """On subscribe, on unsubscribe and, before close, on the implicit ones of a disconnect."""
    other = Journal()
    port = await serve(
        app_with(
            journal.route(subscription=journal.subscription),
            other.route("/other", subscription=other.subscription),
        )
    )
    first, second = await raw_client(port), await raw_client(port, "/other")
    for each in (journal, other):
        await each.wait_for("open")
        each.ws.subscribe("a")
        each.ws.subscribe("a")
    journal.ws.subscribe("b")
    journal.ws.unsubscribe("b")
    journal.ws.unsubscribe("b")
    second.abort()
    await other.wait_for("close")
    first.send_close()
    await journal.wait_for("close")
    assert journal.entries == [
        ("open",),
        ("subscription", "a", 1, 0),
        ("subscription", "b", 1, 0),
        ("subscription", "b", 0, 1),
        ("subscription", "a", 0, 1),
        ("close", 1000, ""),
    ]
    assert other.entries == [
        ("open",),
        ("subscription", "a", 2, 1),
        ("subscription", "a", 1, 2),
        ("close", 1006, ""),
    ]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a10_a_subscription_that_raises_closes_with_1011(
    serve: Serve, raw_client: Connect, journal: Journal, is_async: bool
) -> None:
    """The implicit unsubscribe and close still follow, and every count is right."""

    def subscription(ws: Connection, topic: str, count: int, before: int) -> None:
        journal.subscription(ws, topic, count, before)
        raise LookupError(topic)

    async def suspended(*args: Any) -> None:
        subscription(*args)

    app = app_with(journal.route(subscription=suspended if is_async else subscription))
    client = await raw_client(await serve(app))
    await journal.wait_for("open")
    journal.ws.subscribe("a")
    assert (await client.recv_frame()).close_code == 1011
    assert journal.entries[1:] == [
        ("subscription", "a", 1, 0),
        ("subscription", "a", 0, 1),
        ("close", 1011, ""),
    ]
    assert app[HUB].registry.all_topics() == ()


async def test_a10_close_in_a_subscription_of_the_end_comes_after_the_others(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Whoever calls it: every implicit unsubscribe comes before the close callback."""

    def subscription(ws: Connection, topic: str, count: int, before: int) -> None:
        journal.subscription(ws, topic, count, before)
        if not count:
            ws.close(4000)

    client = await raw_client(await serve(app_with(journal.route(subscription=subscription))))
    await journal.wait_for("open")
    journal.ws.subscribe("a")
    journal.ws.subscribe("b")
    client.abort()
    await journal.wait_for("close")
    assert journal.entries[3:] == [
        ("subscription", "a", 0, 1),
        ("subscription", "b", 0, 1),
        ("close", 1006, ""),
    ]


# A11


async def test_a11_user_data_is_there_while_the_connection_lives(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """None if none was set; also as the attribute ``user_data``, which may be set at any time."""
    await raw_client(await serve(app_with(journal.route())))
    await journal.wait_for("open")
    assert journal.ws.get_user_data() is None
    journal.ws.user_data = {"a": 1}
    assert journal.ws.get_user_data() is journal.ws.user_data


# A12


async def test_a12_user_data_of_the_upgrade_is_there_in_open(
    serve: Serve, raw_client: Connect
) -> None:
    """The seed's own upgrade callback, with five arguments in their order."""
    ids = iter(range(1, 3))

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, socket_context: object) -> None:
        key = req.get_header("sec-websocket-key")
        protocol = req.get_header("sec-websocket-protocol")
        extensions = req.get_header("sec-websocket-extensions")
        user_data = {"user_id": next(ids)}
        res.upgrade(key, protocol, extensions, socket_context, user_data)

    def opened(ws: Connection) -> None:
        ws.send(ws.get_user_data())

    port = await serve(app_with(websocket("/*", {"upgrade": upgrade, "open": opened})))
    for number in (1, 2):
        client = await raw_client(port)
        assert (await client.recv_frame()).text == f'{{"user_id":{number}}}'


@pytest.mark.parametrize(
    ("selected", "offered", "agreed"),
    [
        ("b", "a, b", "b"),
        ("a, b", "b, a", "b"),
        ("c", "a, b", None),
        (None, "a, b", "a"),
        ("b", None, None),
    ],
)
async def test_a12_the_protocol_argument_selects_the_subprotocol(
    serve: Serve, raw_client: Connect, selected: str | None, offered: str | None, agreed: str | None
) -> None:
    """Only one that the client has offered (RFC 6455, section 4.1); without it the route's choose."""

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        res.upgrade(protocol=selected)

    route = websocket("/", upgrade=upgrade, protocols=("a",))
    client = await raw_client(await serve(app_with(route)), subprotocols=offered)
    assert client.status == 101
    assert client.headers.get("sec-websocket-protocol") == agreed


# A13


async def test_a13_headers_are_read_in_any_case(serve: Serve, raw_client: Connect) -> None:
    """What is absent is None; several lines are one list; query, cookie, method and path are there."""
    seen: list[Any] = []

    def upgrade(res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        names = (
            "sec-websocket-key",
            "SEC-WEBSOCKET-PROTOCOL",
            "Sec-WebSocket-Extensions",
            "x-many",
        )
        seen.extend(req.get_header(name) for name in (*names, "x-absent"))
        seen.extend([req.get_query("a"), req.get_query("b"), req.get_cookie("c")])
        seen.extend([req.get_method(), req.get_url(), req.get_parameter("tail")])
        seen.extend([req.get_parameter(0), req.get_parameter(1), req.get_parameter("none")])
        res.upgrade()

    client = await raw_client(
        await serve(app_with(websocket("/*", upgrade=upgrade))),
        "/d%20e?a=1&a=2",
        headers=[("X-Many", "1"), ("X-Many", "2"), ("Cookie", "c=3")],
        subprotocols="p",
        extensions=DEFLATE,
    )
    assert seen == [
        *(client.key, "p", DEFLATE, "1, 2", None),
        *("1", None, "3", "GET", "/d e", "d e", "d e", None, None),
    ]


# A14


async def test_a14_user_data_is_readable_in_open_message_drain_and_close(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """The same object, to the last."""
    data = object()

    def noting(name: str) -> Callable[..., None]:
        def callback(ws: Connection, *_: Any) -> None:
            journal.ws = ws
            journal.note(name, ws.get_user_data() is data)

        return callback

    callbacks = {name: noting(name) for name in ("open", "message", "drain", "close")}
    route = websocket("/", callbacks, upgrade=lambda res, req, context: res.upgrade(user_data=data))
    client = await raw_client(await serve(app_with(route)), receive_buffer=4096)
    client.send_text("a")
    await journal.wait_for("message")
    await read(client, len(fill(journal.ws)) * 16 * 1024)
    client.send_close()
    await journal.wait_for("close")
    assert journal.entries == [(name, True) for name in callbacks]


# A15


async def test_a15_send_answers_success_then_backpressure_then_dropped(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Only DROPPED is false: what answers BACKPRESSURE is queued, and arrives."""
    route = journal.route(max_backpressure=256 * 1024)
    client = await raw_client(await serve(app_with(route)), receive_buffer=4096)
    await journal.wait_for("open")
    statuses = [journal.ws.send(bytes(16 * 1024))]
    while statuses[-1]:
        statuses.append(journal.ws.send(bytes(16 * 1024)))
    order = [SendStatus.SUCCESS, SendStatus.BACKPRESSURE, SendStatus.DROPPED]
    assert sorted(statuses, key=order.index) == statuses
    assert set(statuses) == set(order)
    assert [bool(status) for status in order] == [True, True, False]
    assert [type(status.value) for status in order] == [str] * 3
    await read(client, (len(statuses) - 1) * 16 * 1024)
    assert journal.ws.send("next") is SendStatus.SUCCESS
    assert (await client.recv_frame()).text == "next"


async def test_a15_send_on_a_closed_connection_answers_dropped(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Also in the close callback; `dropped` is not called, for nothing can be sent any more."""
    statuses: list[SendStatus] = []
    route = journal.route(
        close=lambda ws, code, message: statuses.append(ws.send("too late")),
        dropped=lambda ws, message, opcode: journal.note("dropped"),
    )
    await raw_client(await serve(app_with(route)))
    await journal.wait_for("open")
    journal.ws.close()
    assert statuses == [SendStatus.DROPPED]
    assert journal.entries == [("open",)]


# A16


async def test_a16_the_buffered_amount_is_what_has_not_left(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """What the transport holds and what waits behind it, in bytes of frames."""
    client = await raw_client(await serve(app_with(journal.route())), receive_buffer=4096)
    await journal.wait_for("open")
    assert journal.ws.get_buffered_amount() == 0
    sent = fill(journal.ws)
    before = journal.ws.get_buffered_amount()
    assert before > 64 * 1024
    journal.ws.send(bytes(1000))
    assert journal.ws.get_buffered_amount() == journal.ws.buffered_amount == before + 1004
    await read(client, len(sent) * 16 * 1024 + 1000)
    assert journal.ws.get_buffered_amount() == 0


# A17


async def test_a17_no_message_before_open_has_finished_none_after_close(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """A message that comes during an async open waits, one that comes after close is not heard."""
    go_on = asyncio.Event()

    async def opened(ws: Connection) -> None:
        journal.ws = ws
        journal.note("open begins")
        await go_on.wait()
        journal.note("open ends")

    client = await raw_client(await serve(app_with(journal.route(open=opened))))
    await journal.wait_for("open begins")
    client.send_text("early")
    client.send_frame(PING, b"heard")
    assert (await client.recv_frame()).opcode == PONG
    assert journal.count("message") == 0
    go_on.set()
    await journal.wait_for("message", "early")
    journal.ws.close()
    client.send_text("late")
    client.send_close()
    await client.wait_closed()
    assert [entry[0] for entry in journal.entries] == [
        *("open begins", "open ends", "message", "close")
    ]


async def test_a17_an_async_message_callback_finishes_before_the_next_begins(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """And before the peer's close."""

    async def message(ws: Connection, message: str, opcode: OpCode) -> None:
        journal.note("begin", message)
        await asyncio.sleep(0)
        journal.note("end", message)

    client = await raw_client(await serve(app_with(journal.route(message=message))))
    client.send_raw(build_frame(TEXT, "a") + build_frame(TEXT, "b") + build_frame(CLOSE))
    await journal.wait_for("close")
    assert journal.entries[1:] == [
        *(("begin", "a"), ("end", "a"), ("begin", "b"), ("end", "b")),
        ("close", 1005, ""),
    ]


# A18


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("how", ["close", "end"])
async def test_a18_closing_runs_the_close_callback_before_it_returns(
    serve: Serve, raw_client: Connect, journal: Journal, how: str, is_async: bool
) -> None:
    """An async one has made its first step; it is not called again when the peer has answered."""

    async def suspended(ws: Connection, code: int, message: str) -> None:
        journal.close(ws, code, message)
        await asyncio.sleep(0)

    def message(ws: Connection, message: str, opcode: OpCode) -> None:
        getattr(ws, how)(4001, "enough")
        journal.note("after")

    callbacks: dict[str, Any] = {"close": suspended} if is_async else {}
    client = await raw_client(await serve(app_with(journal.route(message=message, **callbacks))))
    client.send_text("a")
    frame = await client.recv_frame()
    assert (frame.close_code, frame.close_reason) == (4001, "enough")
    client.send_close(4001)
    await client.wait_closed()
    assert journal.entries == [("open",), ("close", 4001, "enough"), ("after",)]


async def test_a18_also_on_a_peer_that_is_lost_while_its_messages_are_handled(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Its close callback was still to come, and comes now; the rest of the messages does not."""

    async def message(ws: Connection, message: str, opcode: OpCode) -> None:
        while not ws.closed:
            await asyncio.sleep(0)
        journal.note("message", message)
        ws.close()
        journal.note("after")

    client = await raw_client(await serve(app_with(journal.route(message=message))))
    client.send_text("a")
    client.send_text("b")
    client.close()
    await journal.wait_for("after")
    await asyncio.sleep(0)
    assert journal.entries[1:] == [("message", "a"), ("close", 1006, ""), ("after",)]


async def test_a18_also_while_an_async_open_is_at_work(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Whoever closes it does not wait for that."""

    async def opened(ws: Connection) -> None:
        ws.close(4000)
        journal.note("after")
        await asyncio.sleep(0)
        journal.note("open ends")

    client = await raw_client(await serve(app_with(journal.route(open=opened))))
    client.send_text("not heard")
    assert (await client.recv_frame()).close_code == 4000
    await journal.wait_for("open ends")
    assert journal.entries == [("close", 4000, ""), ("after",), ("open ends",)]


# A19


async def test_a19_a_sender_that_asks_before_and_looks_after_loses_nothing(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """`drain` carries it on, and never more than a little waits."""
    chunks = [number.to_bytes(2) * 4096 for number in range(400)]
    most = 0

    def pour(ws: Connection) -> None:
        nonlocal most
        while chunks and ws.get_buffered_amount() <= 64 * 1024:
            status = ws.send(chunks.pop(0))
            most = max(most, ws.get_buffered_amount())
            if status is SendStatus.BACKPRESSURE:
                return

    expected = list(chunks)
    client = await raw_client(
        await serve(app_with(websocket("/", open=pour, drain=pour))), receive_buffer=4096
    )
    assert [(await client.recv_frame()).payload for _ in expected] == expected
    assert most <= 64 * 1024 + 8192 + 4


# A20


async def test_a20_after_backpressure_drained_waits_for_the_drain(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """In an async callback, instead of a drain callback."""
    rounds: list[int] = []

    async def message(ws: Connection, message: str, opcode: OpCode) -> None:
        for _ in range(3):
            statuses = fill(ws)
            rounds.append(len(statuses))
            assert statuses[-1] is SendStatus.BACKPRESSURE
            await ws.drained()
            assert ws.get_buffered_amount() <= 64 * 1024
        ws.send("done")

    client = await raw_client(
        await serve(app_with(journal.route(message=message))), receive_buffer=4096
    )
    client.send_text("go")
    while (await client.recv_frame()).opcode == BINARY:
        pass
    assert len(rounds) == 3


async def test_a20_after_a_drop_drained_waits_until_there_is_room(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Though less than ``writer_limit`` waits: or a loop that sends until it is taken would spin."""

    async def message(ws: Connection, message: str, opcode: OpCode) -> None:
        while ws.send(bytes(500)):
            pass
        await ws.drained()
        journal.note("sent", ws.send("done"))

    route = journal.route(message=message, max_backpressure=2000)
    client = await raw_client(await serve(app_with(route)), receive_buffer=4096)
    client.send_text("go")
    while (await client.recv_frame()).opcode == BINARY:
        pass
    assert journal.entries[1:] == [("sent", SendStatus.SUCCESS)]


async def test_a20_who_waits_for_a_drain_learns_that_the_peer_is_lost(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """The callback that waited ends with the connection, which is no error of its own."""

    async def message(ws: Connection, message: str, opcode: OpCode) -> None:
        fill(ws)
        journal.note("waiting")
        await ws.drained()

    client = await raw_client(
        await serve(app_with(journal.route(message=message))), receive_buffer=4096
    )
    client.send_text("go")
    await journal.wait_for("waiting")
    client.abort()
    assert await journal.wait_for("close") == ("close", 1006, "")


# A21


async def test_a21_over_max_backpressure_a_message_is_not_queued_and_dropped_is_told(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """With the message as it was and its opcode; the amount stays under the bound."""
    route = journal.route(
        dropped=lambda ws, message, opcode: journal.note("dropped", message, opcode),
        max_backpressure=64 * 1024,
    )
    client = await raw_client(await serve(app_with(route)), receive_buffer=4096)
    await journal.wait_for("open")
    sent = 0
    while journal.ws.send(bytes(16 * 1024)):
        sent += 1
        assert journal.ws.get_buffered_amount() <= 64 * 1024 + 14
    assert journal.ws.send("é" * 40_000) is SendStatus.DROPPED
    assert journal.entries[1:] == [
        ("dropped", bytes(16 * 1024), OpCode.BINARY),
        ("dropped", "é" * 40_000, OpCode.TEXT),
    ]
    await read(client, sent * 16 * 1024)
    assert journal.ws.get_buffered_amount() == 0


async def test_a21_the_bound_is_each_connections_own_for_publishes_too(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """A slow subscriber misses what it has no room for; a quick one gets everything."""
    quick = Journal()
    app = app_with(
        journal.route(
            dropped=lambda ws, message, opcode: journal.note("dropped", message, opcode),
            max_backpressure=64 * 1024,
        ),
        quick.route("/quick", dropped=lambda *args: quick.note("dropped")),
    )
    port = await serve(app)
    await raw_client(port, receive_buffer=4096)
    reader = await raw_client(port, "/quick")
    for each in (journal, quick):
        await each.wait_for("open")
        each.ws.subscribe("news")
    reached, published = [2], 0
    while reached[-1] == 2:
        reached.append(await app[HUB].publish("news", bytes(16 * 1024)))
        published += 1
        await read(reader, 16 * 1024)
    assert reached[-1] == 1
    assert journal.entries[1:] == [("dropped", bytes(16 * 1024), OpCode.BINARY)]
    assert quick.count("dropped") == 0


async def test_a21_what_is_dropped_in_dropped_is_not_told_again(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Or a callback that sends the peer a notice would call itself for ever."""

    def dropped(ws: Connection, message: str | bytes, opcode: OpCode) -> None:
        journal.note("dropped", ws.send(bytes(16 * 1024)))

    route = journal.route(dropped=dropped, max_backpressure=64 * 1024)
    await raw_client(await serve(app_with(route)), receive_buffer=4096)
    await journal.wait_for("open")
    while journal.ws.send(bytes(16 * 1024)):
        pass
    assert journal.entries[1:] == [("dropped", SendStatus.DROPPED)]
    assert not journal.ws.closed


# A22


async def test_a22_topics_of_a_connection(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """subscribe, unsubscribe, is_subscribed and topics."""
    await raw_client(await serve(app_with(journal.route())))
    await journal.wait_for("open")
    ws = journal.ws
    ws.subscribe("a")
    ws.subscribe("b")
    assert ws.topics == {"a", "b"}
    ws.unsubscribe("a")
    assert (ws.is_subscribed("a"), ws.is_subscribed("b")) == (False, True)


async def test_a22_a_publisher_that_subscribes_is_left_out_unless_it_wants_its_own(
    serve: Serve, raw_client: Connect
) -> None:
    """The others get both."""

    def message(ws: Connection, message: str, opcode: OpCode) -> None:
        ws.publish("room", message, include_self=message == "for all")
        ws.send("published")

    port = await serve(
        app_with(websocket("/", open=lambda ws: ws.subscribe("room"), message=message))
    )
    publisher, other = await raw_client(port), await raw_client(port)
    publisher.send_text("for others")
    publisher.send_text("for all")
    got = [(await publisher.recv_frame()).text for _ in range(3)]
    assert got == ["published", "for all", "published"]
    assert [(await other.recv_frame()).text for _ in range(2)] == ["for others", "for all"]


async def test_a22_the_application_publishes_and_counts_subscribers(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Through its hub, from anywhere; one connection can be left out."""
    other = Journal()
    app = app_with(journal.route(), other.route("/other"))
    port = await serve(app)
    clients = [await raw_client(port), await raw_client(port, "/other")]
    hub = app[HUB]
    for number, each in enumerate((journal, other)):
        await each.wait_for("open")
        assert each.ws.app is app
        each.ws.subscribe("news")
        assert hub.registry.subscribers("news") == number + 1
    assert await hub.publish("news", "not for the first", exclude=journal.ws) == 1
    assert await hub.publish("news", "for all") == 2
    assert (await clients[0].recv_frame()).text == "for all"
    assert (await clients[1].recv_frame()).text == "not for the first"


# A23


async def test_a23_a_silent_peer_is_pinged_and_then_given_up(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """The close callback hears 1006."""
    client = await raw_client(await serve(app_with(journal.route(idle_timeout=0.06))))
    assert (await client.recv_frame()).opcode == PING
    assert await journal.wait_for("close") == ("close", 1006, "")
    assert journal.count("close") == 1


async def test_a23_any_byte_is_a_sign_of_life(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """A byte of a frame does for an answer: a peer that sends none is given up, this one lives on."""
    silent = Journal()
    route, other = journal.route(idle_timeout=0.6), silent.route("/silent", idle_timeout=0.6)
    port = await serve(app_with(route, other))
    client = await raw_client(port)
    await raw_client(port, "/silent")
    frame = build_frame(TEXT, "abc")
    for piece in (frame[:1], frame[1:2], frame[2:]):
        assert (await client.recv_frame()).opcode == PING
        client.send_raw(piece)
    assert await journal.wait_for("message") == ("message", "abc", OpCode.TEXT)
    assert silent.count("close") == 1
    assert journal.count("close") == 0


async def test_a23_a_connection_whose_reading_is_paused_is_not_dead(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """Its callback is slow and we do not listen: a silent one that came later is given up before."""
    go_on = asyncio.Event()
    silent = Journal()

    async def message(ws: Connection, message: bytes, opcode: OpCode) -> None:
        await go_on.wait()
        journal.note("message", len(message))

    port = await serve(
        app_with(
            journal.route(message=message, idle_timeout=0.1),
            silent.route("/silent", idle_timeout=0.1),
        )
    )
    client = await raw_client(port)
    for _ in range(40):
        client.send_frame(BINARY, bytes(16 * 1024))
    await client.drain()
    await journal.wait_for("open")
    while not journal.ws._protocol.is_paused:
        await asyncio.sleep(0)
    await raw_client(port, "/silent")
    await silent.wait_for("close", 1006)
    assert not journal.ws.closed
    go_on.set()
    while journal.count("message") < 40:
        await asyncio.sleep(0)


# A24


@pytest.mark.parametrize("raising", [None, "message", "subscription", "close"])
async def test_a24_a_disconnect_frees_everything(
    serve: Serve,
    raw_client: Connect,
    journal: Journal,
    raising: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Subscriptions, queued bytes, the connection itself; also when a callback raises."""
    caplog.set_level(logging.CRITICAL, "aiows.connection")  # pytest's log would keep the traceback

    def noting(name: str) -> Callable[..., None]:
        def callback(ws: Connection, *args: Any) -> None:
            journal.note(name, *args)
            if name == raising:
                raise LookupError(name)

        return callback

    def opened(ws: Connection) -> None:
        journal.ws = ws
        journal.note("open")

    callbacks = {name: noting(name) for name in ("message", "subscription", "close")}
    app = app_with(websocket("/", callbacks, open=opened))
    client = await raw_client(await serve(app), receive_buffer=4096)
    await journal.wait_for("open")
    ws = journal.ws
    for topic in ("a", "b"):
        ws.subscribe(topic)
    fill(ws)
    client.send_text("a")
    await journal.wait_for("message" if raising != "subscription" else "close")
    client.abort()
    await journal.wait_for("close")
    async with asyncio.timeout(5):
        while ws.get_buffered_amount():
            await asyncio.sleep(0)
    hub = app[HUB]
    assert (hub.connections, hub.registry.all_topics(), ws.topics) == ((), (), frozenset())
    assert journal.count("close") == 1
    gone = weakref.ref(ws)
    del ws, journal.ws
    async with asyncio.timeout(5):
        while gone() is not None:
            await asyncio.sleep(0)
            gc.collect()


# A25


async def test_a25_a_peer_that_was_dropped_comes_back_by_connecting_again(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """At once, as a new connection that knows nothing of the old one."""
    port = await serve(app_with(journal.route()))
    client = await raw_client(port)
    await journal.wait_for("open")
    journal.ws.user_data = "old"
    journal.ws.subscribe("news")
    client.abort()
    await journal.wait_for("close", 1006)
    journal.entries.clear()
    again = await raw_client(port)
    await journal.wait_for("open")
    assert (journal.ws.user_data, journal.ws.topics) == (None, frozenset())
    again.send_text("back")
    await journal.wait_for("message", "back")


# A26


TALK = [f'{{"kind": "moved", "x": {number}, "y": {number * 7}}}'.encode() for number in range(20)]


async def test_a26_shared_every_message_is_a_stream_of_its_own(
    serve: Serve, raw_client: Connect
) -> None:
    """And two connections get the very same bytes: nothing is kept for one."""
    wanted = CompressOptions.SHARED_COMPRESSOR
    frames = [await talk_of(wanted, serve, raw_client) for _ in range(2)]
    assert frames[0] == frames[1]
    assert [inflate(payload) for payload in frames[0]] == TALK


async def test_a26_dedicated_a_window_slides_over_the_messages(
    serve: Serve, raw_client: Connect
) -> None:
    """A message refers to those before it, as far back as the negotiated window, no further."""
    payloads = await talk_of(CompressOptions.DEDICATED_COMPRESSOR_4KB, serve, raw_client)
    inflater = zlib.decompressobj(wbits=-9)
    tail = b"\x00\x00\xff\xff"
    assert [inflater.decompress(payload + tail) for payload in payloads] == TALK
    assert len(payloads[-1]) < len(payloads[0]) / 2


async def talk_of(mode: CompressOptions, serve: Serve, raw_client: Connect) -> list[bytes]:
    """What a server in this mode sends for TALK."""

    def opened(ws: Connection) -> None:
        for message in TALK:
            ws.send(message, OpCode.TEXT)

    route = websocket("/", open=opened, compression=mode, compression_threshold=0)
    client = await raw_client(await serve(app_with(route)), extensions=DEFLATE)
    return [(await client.recv_frame()).payload for _ in TALK]


# A27


async def test_a27_dedicated_suits_small_json_and_nothing_suits_noise(
    serve: Serve, raw_client: Connect
) -> None:
    """The order that the table in the docs shows, as bytes on the wire."""
    sizes = {
        mode: sum(map(len, await talk_of(mode, serve, raw_client)))
        for mode in (
            CompressOptions.DISABLED,
            CompressOptions.SHARED_COMPRESSOR,
            CompressOptions.DEDICATED_COMPRESSOR_4KB,
        )
    }
    disabled, shared, dedicated = sizes.values()
    assert dedicated < shared / 2
    assert shared < disabled * 1.1


def test_a27_the_table_can_be_measured_again() -> None:
    """`benchmarks/compression.py` prints ratio and time for each mode and kind of traffic."""
    script = ROOT / "benchmarks" / "compression.py"
    done = subprocess.run(
        [sys.executable, script, "--quick"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(aiows.__file__).parents[1])},
    )
    for mode in CompressOptions:
        assert f"`{mode.name}`" in done.stdout


# A28


async def test_a28_the_peers_address_and_the_reason_of_the_close(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """What users of that system expect; code and reason stay after the end."""
    client = await raw_client(await serve(app_with(journal.route())))
    await journal.wait_for("open")
    assert journal.ws.get_remote_address() == journal.ws.remote == "127.0.0.1"
    client.send_close(4001, "bye")
    await journal.wait_for("close", 4001, "bye")
    assert (journal.ws.close_code, journal.ws.close_reason) == (4001, "bye")


def ping_and_raise(ws: Connection) -> None:
    with ws.cork():
        ws.ping(b"p")
        raise LookupError


class NotedTransport:
    """A transport that notes what is written to it; those of some loops cannot be patched."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


async def test_a28_what_is_written_in_a_cork_leaves_in_one_write(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """At its end, in order, control frames too; corks may be nested, and one that raises ends."""
    client = await raw_client(await serve(app_with(journal.route())))
    await journal.wait_for("open")
    ws = journal.ws
    noted: Any = NotedTransport(ws._protocol.outbox._transport)
    ws._protocol.outbox._transport = noted
    with ws.cork():
        for number in range(3):
            ws.send(str(number))
        with pytest.raises(LookupError):
            ping_and_raise(ws)
        ws.send(PreparedMessage("last"))
        assert ws.get_buffered_amount() > 0
        assert noted.writes == []
    assert len(noted.writes) == 1
    frames = [await client.recv_frame() for _ in range(5)]
    assert [frame.payload for frame in frames] == [b"0", b"1", b"2", b"p", b"last"]


async def test_a28_a_cork_holds_no_more_than_the_limit_and_nobody_waits_for_its_end_in_vain(
    serve: Serve, raw_client: Connect, journal: Journal
) -> None:
    """More than ``writer_limit`` bytes leave before; `drained` in a cork lets everything leave."""

    async def message(ws: Connection, message: str, opcode: OpCode) -> None:
        with ws.cork():
            for _ in range(20):
                ws.send(bytes(16 * 1024))
            await ws.drained()
            ws.send("done")
            await ws.drained()

    client = await raw_client(
        await serve(app_with(journal.route(message=message))), receive_buffer=4096
    )
    client.send_text("go")
    await read(client, 20 * 16 * 1024)
    assert (await client.recv_frame()).text == "done"
