"""`ask` on every face: the answer finds its question, or a typed error says why there is none."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import WSMessage, web

from aiows import (
    ConnectionClosed,
    KindDispatcher,
    Payload,
    WebSocket,
    WebSocketResponse,
    WebSocketView,
    on,
    websocket,
)
from aiows.codecs import JSON, MOST_VALUES, MSGPACK, Codec
from aiows.errors import AskBlocked, AskFailed, AskRefused, AskTimeout, InvalidQuestion, TooManyAsks
from fake_connection import FakeConnection
from raw_client import BINARY, CLOSE, TEXT, RawClient, build_frame, close_payload
from server_side import Result

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Confirm(Payload, kind="confirm"):
    text: str


async def hear(client: RawClient) -> dict[str, Any]:
    message: dict[str, Any] = json.loads((await client.recv_frame()).payload)
    return message


def say(client: RawClient, **fields: Any) -> None:
    client.send_text(json.dumps(fields))


def app_with(mount: Callable[[web.Application], None]) -> web.Application:
    app = web.Application()
    mount(app)
    return app


def a_view(app: web.Application) -> None:
    class View(WebSocketView):
        @on("start")
        async def start(self) -> None:
            self.ws.push(await self.ws.ask("confirm", {"text": "sure?"}))

    app.router.add_view("/", View)


def a_loop(app: web.Application) -> None:
    kinds = KindDispatcher()

    @kinds.on("start")
    async def start(ws: WebSocketResponse[Any]) -> None:
        await ws.send_json(await ws.ask("confirm", {"text": "sure?"}))

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse()
        await ws.prepare(request)
        async for msg in ws:
            await kinds.dispatch(ws, msg)
        return ws

    app.router.add_get("/", view)


def a_function(app: web.Application) -> None:
    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        async for _ in ws.iter_text():
            await ws.send_json(await ws.ask(Confirm(text="sure?")))

    app.add_routes([websocket("/", endpoint)])


def callbacks(app: web.Application) -> None:
    async def message(ws: Any, msg: Any, opcode: Any) -> None:
        ws.send(await ws.ask(Confirm(text="sure?")))

    app.add_routes([websocket("/", {"message": message})])


@pytest.mark.parametrize("mount", [a_view, a_loop, a_function, callbacks])
async def test_a_handler_asks_while_it_is_at_work(
    serve: Serve, raw_client: Connect, mount: Callable[[web.Application], None]
) -> None:
    """Whichever face it has; the answer comes without kind and ref."""
    client = await raw_client(await serve(app_with(mount)))
    say(client, kind="start")
    question = await hear(client)
    ref = question.pop("ref")
    assert question == {"kind": "confirm", "text": "sure?"}
    say(client, kind="reply", ref=ref, yes=True)
    assert await hear(client) == {"yes": True}


class Asker:
    """A view whose connection asks what the test tells it to."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.ws: asyncio.Future[WebSocketResponse[Any]] = asyncio.get_running_loop().create_future()
        self.messages: list[WSMessage] = []
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def view(self, request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse(**self.options)
        await ws.prepare(request)
        self.ws.set_result(ws)
        await self.may_read.wait()
        async for msg in ws:
            self.messages.append(msg)
        return ws


@pytest.fixture
async def asker() -> Asker:
    return Asker()


@pytest.fixture
async def busy_asker(asker: Asker) -> Asker:
    """One whose view reads nothing until it may."""
    asker.may_read.clear()
    return asker


@pytest.fixture
async def client(asker: Asker, serve: Serve, raw_client: Connect) -> RawClient:
    return await raw_client(await serve(asker.view))


async def asking(asker: Asker, **options: Any) -> asyncio.Task[dict[str, Any]]:
    ws = await asker.ws
    return asyncio.create_task(ws.ask("confirm", **options))


async def test_answers_may_come_in_any_order(asker: Asker, client: RawClient) -> None:
    """Each has the ref of its question; an answer may have a kind of its own."""
    first, second = await asking(asker), await asking(asker)
    refs = [(await hear(client))["ref"] for _ in range(2)]
    say(client, kind="confirmed", ref=refs[1], number=2)
    say(client, kind="reply", ref=refs[0], number=1)
    assert [await first, await second] == [{"number": 1}, {"number": 2}]
    assert asker.messages == []


async def test_an_error_is_raised_with_its_code(asker: Asker, client: RawClient) -> None:
    """What the peer says of it is in the exception; its text is quoted."""
    task = await asking(asker)
    ref = (await hear(client))["ref"]
    error = {"code": "no", "message": "not\nnow", "details": {"later": True}}
    say(client, kind="error", ref=ref, error=error)
    with pytest.raises(AskRefused) as caught:
        await task
    refused = caught.value
    assert (refused.code, refused.message, refused.details) == ("no", "not\nnow", {"later": True})
    assert str(refused) == r"the peer refused 'confirm': 'no', 'not\nnow'"


async def test_an_error_without_a_code_is_one_all_the_same(asker: Asker, client: RawClient) -> None:
    """Nothing that the peer said is lost."""
    task = await asking(asker)
    say(client, kind="error", ref=(await hear(client))["ref"], error=["odd"])
    with pytest.raises(AskRefused) as caught:
        await task
    assert (caught.value.code, caught.value.details) == ("error", ["odd"])


async def test_a_question_that_takes_too_long_is_taken_back(
    asker: Asker, client: RawClient
) -> None:
    """The peer is told, and a late answer is nobody's message."""
    task = await asking(asker, timeout=0.01)
    ref = (await hear(client))["ref"]
    with pytest.raises(AskTimeout, match=r"no answer to 'confirm' within 0\.01 seconds"):
        await task
    assert await hear(client) == {"kind": "cancel", "ref": ref}
    say(client, kind="reply", ref=ref)
    say(client, kind="confirmed", ref=ref)
    client.send_text("other")
    client.send_frame(CLOSE, close_payload(1000))
    await client.wait_closed()
    assert [msg.data for msg in asker.messages] == ["other"]


async def test_a_task_that_is_cancelled_takes_its_question_back(
    asker: Asker, client: RawClient
) -> None:
    """The asking side gave up."""
    task = await asking(asker, timeout=None)
    ref = (await hear(client))["ref"]
    task.cancel()
    assert await hear(client) == {"kind": "cancel", "ref": ref}


@pytest.mark.parametrize("leave", ["close", "abort", "break the protocol"])
async def test_a_peer_that_leaves_ends_the_questions_to_it(
    busy_asker: Asker, client: RawClient, leave: str
) -> None:
    """At once, also while its Close waits behind messages that nobody has read."""
    asker = busy_asker
    task = await asking(asker, timeout=None)
    await hear(client)
    client.send_text("unread")
    if leave == "close":
        client.send_frame(CLOSE, close_payload(4001))
    elif leave == "abort":
        client.abort()
    else:
        client.send_frame(3)
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(5):
            await task
    with pytest.raises(ConnectionClosed):
        await (await asker.ws).ask("again")
    asker.may_read.set()


async def test_our_own_close_ends_the_questions(asker: Asker, client: RawClient) -> None:
    """What comes after it is thrown away (RFC 6455, section 1.4)."""
    task = await asking(asker, timeout=None)
    await hear(client)
    (await asker.ws).connection.close(4002)
    with pytest.raises(ConnectionClosed) as caught:
        await task
    assert caught.value.code == 4002


async def test_too_much_that_waits_to_be_handled_blocks_the_answer(
    busy_asker: Asker, client: RawClient
) -> None:
    """Reading has paused: the question fails instead of waiting for itself, the next one at once."""
    asker = busy_asker
    task = await asking(asker, timeout=None)
    ref = (await hear(client))["ref"]
    client.send_text("x" * 200_000)
    with pytest.raises(AskBlocked):
        await task
    assert await hear(client) == {"kind": "cancel", "ref": ref}
    with pytest.raises(AskBlocked):
        await (await asker.ws).ask("again")
    asker.may_read.set()


async def test_a_large_message_that_is_read_at_once_blocks_nothing(
    asker: Asker, client: RawClient
) -> None:
    """More than the bound, but only until the loop comes to it."""
    task = await asking(asker)
    ref = (await hear(client))["ref"]
    client.send_text("x" * 200_000)
    say(client, kind="reply", ref=ref)
    assert await task == {}
    assert len(asker.messages) == 1


async def test_so_many_questions_wait_and_no_more(asker: Asker, client: RawClient) -> None:
    """A peer that never answers cannot make handlers pile up."""
    tasks = [await asking(asker, timeout=None) for _ in range(64)]
    for _ in tasks:
        await hear(client)
    with pytest.raises(TooManyAsks, match="64"):
        await (await asker.ws).ask("one more")
    for task in tasks:
        task.cancel()


async def test_refs_cannot_be_guessed_from_those_of_another_connection(
    serve: Serve, raw_client: Connect
) -> None:
    """Or a peer could be made to answer what somebody else would like it to."""
    words = set()
    for _ in range(2):
        asker = Asker()
        client = await raw_client(await serve(asker.view))
        task = await asking(asker)
        words.add((await hear(client))["ref"][:16])
        task.cancel()
    assert len(words) == 2


async def test_an_escaped_ref_is_found(asker: Asker, client: RawClient) -> None:
    """JSON may write any character as a number."""
    task = await asking(asker)
    ref = (await hear(client))["ref"]
    escaped = "".join(f"\\u{ord(each):04x}" for each in ref)
    client.send_text(f'{{"kind":"reply","ref":"{escaped}","n":1}}')
    assert await task == {"n": 1}


async def test_other_messages_pass(asker: Asker, client: RawClient) -> None:
    """What is no JSON, no object, or has another ref is the application's."""
    task = await asking(asker)
    ref = (await hear(client))["ref"]
    others = [f"no JSON {ref}", json.dumps([ref]), json.dumps({"ref": 1, "text": ref})]
    others.append(f'{{"kind":"reply","ref":"{ref}","deep":' + "[" * 9999)
    for text in others:
        client.send_text(text)
    client.send_frame(BINARY, ref.encode())
    say(client, kind="reply", ref=ref)
    await task
    client.send_frame(CLOSE, close_payload(1000))
    await client.wait_closed()
    assert [msg.data for msg in asker.messages] == [*others, ref.encode()]


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        ("k", Point(1), "not Point: use dataclasses.asdict(...)"),
        ("k", Confirm(text="sure?"), "not Confirm: use"),
        ("k", Point, "not the class Point: use"),
        ("k", [("x", 1)], "not list: use"),
        (Point(1), None, "ask with a name and a dict, or with a Payload object"),
        (Confirm, None, "as in ask(Confirm(text=...))"),
        (Confirm(text="sure?"), {"more": 1}, "a Payload has all its fields, but ['more']"),
    ],
)
async def test_fields_that_are_no_dict_are_refused_with_what_to_write(
    kind: Any, fields: Any, problem: str
) -> None:
    """In both ways to ask; nothing is sent."""
    connection = FakeConnection(asyncio.get_running_loop())
    with pytest.raises(InvalidQuestion, match=re.escape(problem)):
        await connection.ask(kind, fields)
    with pytest.raises(InvalidQuestion, match=re.escape(problem)):
        await anext(connection.ask_stream(kind, fields))
    assert connection.pushed == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("", None), ("reply", None), ("cancel", None), ("a", {"ref": 1}), ("a", {"kind": "b"})],
)
async def test_what_cannot_be_a_question_is_not_sent(
    kind: str, fields: dict[str, Any] | None
) -> None:
    """The wire form's own kinds and keys."""
    connection = FakeConnection(asyncio.get_running_loop())
    with pytest.raises(ValueError, match=r"kind|ref"):
        await connection.ask(kind, fields)
    assert connection.pushed == []


async def streaming(asker: Asker) -> list[dict[str, Any]]:
    ws = await asker.ws
    return [item async for item in ws.ask_stream("count", {"to": 3})]


async def test_an_answer_may_be_a_stream(asker: Asker, client: RawClient) -> None:
    """Its items come in order, until the end."""
    task = asyncio.create_task(streaming(asker))
    ref = (await hear(client))["ref"]
    for n in range(3):
        say(client, kind="item", ref=ref, n=n)
    say(client, kind="end", ref=ref)
    assert await task == [{"n": 0}, {"n": 1}, {"n": 2}]


async def test_a_plain_answer_is_a_stream_of_one(asker: Asker, client: RawClient) -> None:
    """Whoever asks need not know which it will be."""
    task = asyncio.create_task(streaming(asker))
    say(client, kind="reply", ref=(await hear(client))["ref"], n=0)
    assert await task == [{"n": 0}]


async def test_a_stream_that_breaks_raises_after_its_items(asker: Asker, client: RawClient) -> None:
    """What had come is given out before."""
    task = asyncio.create_task(anext(stream := (await asker.ws).ask_stream("count")))
    ref = (await hear(client))["ref"]
    say(client, kind="item", ref=ref, n=0)
    say(client, kind="error", ref=ref, error={"code": "broken"})
    assert await task == {"n": 0}
    with pytest.raises(AskRefused, match="broken"):
        await anext(stream)


async def test_whoever_leaves_the_loop_takes_the_question_back(
    asker: Asker, client: RawClient
) -> None:
    """The peer need not go on."""
    ws = await asker.ws

    async def first() -> Any:
        async with aclosing(ws.ask_stream("count")) as stream:
            return await anext(stream)

    task = asyncio.create_task(first())
    ref = (await hear(client))["ref"]
    say(client, kind="item", ref=ref, n=0)
    assert await task == {"n": 0}
    assert await hear(client) == {"kind": "cancel", "ref": ref}


async def test_items_that_nobody_takes_block_a_question(asker: Asker, client: RawClient) -> None:
    """Whoever would take them may be the one who asks."""
    ws = await asker.ws

    async def one_by_one() -> None:
        async for _ in ws.ask_stream("count"):
            await ws.ask("confirm", timeout=None)

    task = asyncio.create_task(one_by_one())
    ref = (await hear(client))["ref"]
    say(client, kind="item", ref=ref)
    assert (await hear(client))["kind"] == "confirm"
    for _ in range(20):
        say(client, kind="item", ref=ref, filler="x" * 10_000)
    with pytest.raises(AskBlocked):
        await task


async def test_what_is_left_of_a_stream_holds_up_nothing(asker: Asker, client: RawClient) -> None:
    """Items that nobody takes any more do not count among what waits."""
    ws = await asker.ws
    stream = ws.ask_stream("count")
    first = asyncio.create_task(anext(stream))
    ref = (await hear(client))["ref"]
    for n in range(20):
        say(client, kind="item", ref=ref, n=n, filler="x" * 10_000)
    await first
    while not ws.connection._protocol.is_deaf:
        await asyncio.sleep(0)
    await stream.aclose()
    assert await hear(client) == {"kind": "cancel", "ref": ref}
    task = await asking(asker)
    say(client, kind="reply", ref=(await hear(client))["ref"], n=1)
    assert await task == {"n": 1}


async def test_what_follows_an_answer_is_nothing(asker: Asker, client: RawClient) -> None:
    """The peer has said all; it is not asked to stop either."""
    task = await asking(asker)
    ref = (await hear(client))["ref"]
    answers = ({"kind": kind, "ref": ref} for kind in ("reply", "item"))
    client.send_raw(b"".join(build_frame(TEXT, json.dumps(each)) for each in answers))
    assert await task == {}
    other = await asking(asker)
    assert (await hear(client))["kind"] == "confirm"
    other.cancel()


@pytest.mark.parametrize("options", [{"decode_text": False}, {"codecs": (MSGPACK,)}])
async def test_an_answer_may_have_any_form_of_data(
    serve: Serve, raw_client: Connect, options: Any
) -> None:
    """Text as bytes, or another codec: one in which bytes need not be made text."""
    codec = options.get("codecs", (JSON,))[0]
    asker = Asker(**options)
    client = await raw_client(await serve(asker.view))
    task = await asking(asker)
    question = codec.reader(dict)((await client.recv_frame()).payload)
    answer = codec.encode({"kind": "reply", "ref": question["ref"], "text": "\xe9"})
    client.send_frame(TEXT if codec.is_text else BINARY, answer)
    assert await task == {"text": "\xe9"}


async def test_a_plain_question_takes_no_stream(asker: Asker, client: RawClient) -> None:
    """And tells the peer so."""
    task = await asking(asker)
    ref = (await hear(client))["ref"]
    say(client, kind="item", ref=ref)
    with pytest.raises(AskFailed, match="ask_stream"):
        await task
    assert await hear(client) == {"kind": "cancel", "ref": ref}


async def test_a_fast_stream_waits_for_a_slow_loop(asker: Asker, client: RawClient) -> None:
    """Reading pauses on what nobody has taken, and nothing is lost."""
    ws = await asker.ws
    paused = Result()

    async def slowly() -> list[int]:
        got: list[int] = []
        async for item in ws.ask_stream("count"):
            if not got:
                while not ws.connection._protocol.is_deaf:
                    await asyncio.sleep(0)
                paused.set()
            got.append(item["n"])
        return got

    task = asyncio.create_task(slowly())
    ref = (await hear(client))["ref"]
    for n in range(100):
        say(client, kind="item", ref=ref, n=n, filler="x" * 10_000)
    say(client, kind="end", ref=ref)
    await paused.get()
    assert await task == list(range(100))


@pytest.mark.parametrize("mount", [a_view, a_loop, a_function, callbacks])
async def test_a_handler_whose_peer_closes_instead_of_answering_ends_in_silence(
    serve: Serve,
    raw_client: Connect,
    mount: Callable[[web.Application], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """To leave is no error of the handler's."""
    client = await raw_client(await serve(app_with(mount)))
    say(client, kind="start")
    await hear(client)
    client.send_frame(CLOSE, close_payload(4001))
    closed = await client.recv_frame()
    assert closed.opcode == CLOSE
    assert closed.close_code in (4001, 1000 if mount is a_function else 4001)
    await client.wait_closed()
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("codec", "field", "problem"),
    [
        (JSON, [[]] * MOST_VALUES, "more than 100000 values"),
        (MSGPACK, [[]] * MOST_VALUES, "more than 100000 values"),
        (MSGPACK, [1.0, math.nan], r"finite number.* at `\$\.field\[1\]`"),
    ],
    ids=["JSON", "MessagePack", "NaN"],
)
async def test_an_answer_that_cannot_be_read_fails_its_question(
    serve: Serve, raw_client: Connect, codec: Codec, field: list[Any], problem: str
) -> None:
    """Whoever asked is told at once, and why; the next question gets its answer."""
    asker = Asker(codecs=(codec,))
    client = await raw_client(await serve(asker.view))
    read = codec.reader(dict[str, Any])
    opcode = TEXT if codec.is_text else BINARY
    task = await asking(asker)
    ref = read((await client.recv_frame()).payload)["ref"]
    client.send_frame(opcode, codec.encode({"kind": "reply", "ref": ref, "field": field}))
    with pytest.raises(AskFailed, match=f"the answer to 'confirm' cannot be read: .*{problem}"):
        await task
    assert read((await client.recv_frame()).payload) == {"kind": "cancel", "ref": ref}
    task = await asking(asker)
    ref = read((await client.recv_frame()).payload)["ref"]
    client.send_frame(opcode, codec.encode({"kind": "reply", "ref": ref, "field": 1}))
    assert await task == {"field": 1}
