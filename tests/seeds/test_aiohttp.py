"""Seed 004, row by row: aiohttp's own response, with kinds and a registry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import orjson
import pytest
from aiohttp import WSMsgType, web

from aiows import ConnectionRegistry, KindDispatcher, SendStatus, WebSocketResponse
from aiows.codecs import MSGPACK
from raw_client import BINARY, CLOSE, PING, PONG, TEXT, RawClient, build_frame

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


async def ask(client: RawClient, **fields: Any) -> Any:
    client.send_text(orjson.dumps(fields).decode())
    return orjson.loads((await client.recv_frame()).payload)


class EchoView(web.View):
    async def get(self) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(self.request)
        async for msg in ws:
            await ws.send_str(msg.data)
        return ws


async def test_d01_an_ordinary_view_and_route(serve: Serve, raw_client: Connect) -> None:
    """`web.View` subclasses too."""
    app = web.Application()
    app.router.add_view("/class", EchoView)
    client = await raw_client(await serve(app), "/class")
    client.send_text("hi")
    assert (await client.recv_frame()).text == "hi"


async def test_d02_a_response_with_101_whose_view_goes_on(
    serve: Serve, raw_client: Connect
) -> None:
    """prepare() sends the upgrade's headers; the view then talks."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        assert isinstance(ws, web.WebSocketResponse)
        await ws.prepare(request)
        await ws.send_str(f"still here with {ws.status}")
        return ws

    client = await raw_client(await serve(view))
    assert (client.status, client.headers["upgrade"]) == (101, "websocket")
    assert (await client.recv_frame()).text == "still here with 101"


@pytest.mark.parametrize(("ending", "code"), [("return", 1000), ("none", 1000), ("raise", 1011)])
async def test_d03_the_connection_ends_with_the_view(
    serve: Serve, raw_client: Connect, ending: str, code: int
) -> None:
    """However it ends, and no HTTP byte reaches the wire."""

    async def view(request: web.Request) -> web.StreamResponse | None:
        ws = WebSocketResponse()
        await ws.prepare(request)
        if ending == "raise":
            raise LookupError
        return ws if ending == "return" else None

    client = await raw_client(await serve(view))
    assert (await client.recv_frame()).close_code == code
    client.send_close(code)
    assert (await client.wait_closed()).rest == b""


async def test_d04_push_never_waits_and_answers_a_status(serve: Serve, raw_client: Connect) -> None:
    """Text, bytes, or an object as JSON."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        assert [ws.push(each) for each in ("a", b"b", {"c": 1})] == [SendStatus.SUCCESS] * 3
        return ws

    client = await raw_client(await serve(view))
    frames = [await client.recv_frame() for _ in range(3)]
    assert [(frame.opcode, frame.payload) for frame in frames] == [
        (TEXT, b"a"),
        (BINARY, b"b"),
        (TEXT, b'{"c":1}'),
    ]


async def test_d05_close_closes(serve: Serve, raw_client: Connect) -> None:
    """With a code and a reason."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        await ws.close(code=4000, message=b"enough")
        return ws

    client = await raw_client(await serve(view))
    frame = await client.recv_frame()
    assert (frame.opcode, frame.close_code, frame.close_reason) == (CLOSE, 4000, "enough")


async def test_d06_the_documents_example_runs_unchanged(
    serve: Serve, raw_client: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for the class; "close" closes, everything else gets its answer."""

    async def websocket_handler(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)

        async for msg in ws:
            if msg.type == aiohttp.WSMsgType.TEXT:
                if msg.data == "close":
                    await ws.close()
                else:
                    await ws.send_str(msg.data + "/answer")
            elif msg.type == aiohttp.WSMsgType.ERROR:
                print("ws connection closed with exception %s" % ws.exception())  # noqa: UP031

        print("websocket connection closed")

        return ws

    client = await raw_client(await serve(websocket_handler))
    client.send_text("hi")
    assert (await client.recv_frame()).text == "hi/answer"
    client.send_text("close")
    assert (await client.recv_frame()).close_code == 1000
    client.send_close(1000)
    await client.wait_closed()
    assert "websocket connection closed" in capsys.readouterr().out


async def test_d07_messages_go_where_they_belong_by_user_id(
    serve: Serve, raw_client: Connect
) -> None:
    """Several connections per user; the old one's end does not remove the new one."""
    registry = ConnectionRegistry()

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        with registry.add(request.query["user"], ws):
            await ws.send_str("in")
            async for _ in ws:
                pass
        return ws

    port = await serve(view)
    old = await raw_client(port, "/?user=ann")
    new = await raw_client(port, "/?user=ann")
    for client in (old, new):
        assert (await client.recv_frame()).text == "in"
    assert registry.push("ann", "both") == 2
    for client in (old, new):
        assert (await client.recv_frame()).text == "both"
    old.send_close(1000)
    await old.recv_frame()
    await old.wait_closed()
    assert registry.push("ann", "one") == 1
    assert (await new.recv_frame()).text == "one"
    assert registry.push("bob", "nobody") == 0


async def test_d08_messages_have_a_type_and_data_and_control_ones_may_be_seen(
    serve: Serve, raw_client: Connect
) -> None:
    """Fragments come as one message; PING and PONG are yielded and still answered."""
    seen: list[tuple[WSMsgType, Any]] = []

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(control_messages=True)
        await ws.prepare(request)
        async for msg in ws:
            seen.append((msg.type, msg.data))  # noqa: PERF401 (in the form of the document)
        return ws

    client = await raw_client(await serve(view))
    client.send_raw(build_frame(TEXT, "a", fin=False) + build_frame(0, "b"))
    client.send_frame(BINARY, b"c")
    client.send_frame(PING, b"d")
    client.send_frame(PONG, b"e")
    assert (await client.recv_frame()).payload == b"d"
    client.send_close(1000)
    await client.recv_frame()
    assert seen == [
        (WSMsgType.TEXT, "ab"),
        (WSMsgType.BINARY, b"c"),
        (WSMsgType.PING, b"d"),
        (WSMsgType.PONG, b"e"),
    ]


async def serve_kinds(serve: Serve, kinds: KindDispatcher) -> int:
    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(codecs=kinds.codecs)
        await ws.prepare(request)
        await kinds.serve(ws)
        return ws

    return await serve(view)


async def test_d09_binary_stays_bytes_unless_a_codec_decodes_it(
    serve: Serve, raw_client: Connect
) -> None:
    """MessagePack here, and so are the replies; what the codec cannot read gets an error reply."""
    kinds = KindDispatcher(codecs=(MSGPACK,))

    @kinds.on("UPLOAD_PROGRESS")
    def progress(value: float, part: bytes) -> dict[str, Any]:
        return {"value": value, "size": len(part)}

    client = await raw_client(await serve_kinds(serve, kinds))
    message = {"kind": "UPLOAD_PROGRESS", "value": 40, "part": b"\x00\x01", "ref": 1}
    client.send_frame(BINARY, msgspec.msgpack.encode(message))
    answer = await client.recv_frame()
    assert answer.opcode == BINARY
    assert msgspec.msgpack.decode(answer.payload) == {
        "kind": "reply",
        "ref": 1,
        "value": 40.0,
        "size": 2,
    }
    client.send_frame(BINARY, b"\xc1")
    answer = await client.recv_frame()
    assert msgspec.msgpack.decode(answer.payload)["error"]["code"] == "bad_binary"


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ('{"value": 1}', "missing_kind", "kind"),
        ('{"kind": "NOPE"}', "unknown_kind", "kind"),
        ("[]", "not_object", None),
        ("{", "bad_json", None),
        ('{"kind": "UPLOAD_PROGRESS", "value": "x"}', "invalid", "value"),
    ],
)
async def test_d10_a_bad_message_gets_an_error_reply_and_the_connection_lives(
    serve: Serve, raw_client: Connect, text: str, code: str, field: str | None
) -> None:
    """It says what and where."""
    kinds = KindDispatcher()

    @kinds.on("UPLOAD_PROGRESS")
    def progress(value: float) -> float:
        return value

    client = await raw_client(await serve_kinds(serve, kinds))
    client.send_text(text)
    error = orjson.loads((await client.recv_frame()).payload)["error"]
    assert (error["code"], error.get("details", {}).get("field")) == (code, field)
    assert (await ask(client, kind="UPLOAD_PROGRESS", value=40, ref=7))["result"] == 40.0


async def test_d11_the_documents_upload(serve: Serve, raw_client: Connect) -> None:
    """INITIAL, UPLOAD_PROGRESS with its value, UPLOAD_FINISH; the page is in examples/upload."""
    kinds = KindDispatcher()
    done: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
    values: list[float] = []

    @kinds.on("INITIAL")
    def initial() -> dict[str, bool]:
        return {"ok": True}

    @kinds.on("UPLOAD_PROGRESS")
    async def progress(value: float) -> None:
        values.append(value)

    @kinds.on("UPLOAD_FINISH")
    async def finish() -> None:
        done.set_result(values)

    client = await raw_client(await serve_kinds(serve, kinds))
    assert await ask(client, kind="INITIAL", ref=1) == {"kind": "reply", "ref": 1, "ok": True}
    for value in (25, 50, 100):
        client.send_text(f'{{"kind": "UPLOAD_PROGRESS", "value": {value}}}')
    client.send_text('{"kind": "UPLOAD_FINISH"}')
    async with asyncio.timeout(5):
        assert await done == [25, 50, 100]
