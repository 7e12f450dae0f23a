"""The load generator with real servers: its messages are answered, and it finds wrong answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import WSMessage, web

from bench.errors import BenchError
from bench.generator import Load, Memory, measure_load, measure_memory, parse_phase
from bench.servers import Server
from bench.servers import serve as run_server
from bench.works import Task, Work

Answer = Callable[[web.WebSocketResponse, WSMessage], Awaitable[None]]
Measure = Callable[..., Awaitable[Load]]

CORE = min(os.sched_getaffinity(0))


def work(task: Task, **options: Any) -> Work:
    return Work(name="small", title="", task=task, **{"connections": 3, **options})


@pytest.fixture
def start(serve: Callable[..., Awaitable[int]]) -> Callable[..., Awaitable[Server]]:
    """Serve a work with aiohttp's own WebSocket, on which ``answer`` is called with each message."""

    async def start(answer: Answer, path: str, **options: Any) -> Server:
        async def view(request: web.Request) -> web.WebSocketResponse:
            ws = web.WebSocketResponse(**options)
            await ws.prepare(request)
            async for message in ws:
                await answer(ws, message)
            return ws

        app = web.Application()
        app.router.add_get(path, view)
        return Server(os.getpid(), await serve(app))

    return start


@pytest.fixture
def measure(start: Callable[..., Awaitable[Server]], native: Mapping[str, Path]) -> Measure:
    """Run a work for a tenth of a second."""

    async def measure(answer: Answer, work: Work, **options: Any) -> Load:
        server = await start(answer, f"/{work.task}", **options)
        return await asyncio.to_thread(partial(run_shortly, native["load"], work, server))

    return measure


def run_shortly(program: Path, work: Work, server: Server) -> Load:
    return measure_load(program, work, server, core=CORE, tick=work.tick, seconds=0.1, warm=0)


async def echo(ws: web.WebSocketResponse, message: WSMessage) -> None:
    if isinstance(message.data, str):
        await ws.send_str(message.data)
    else:
        await ws.send_bytes(message.data)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"is_text": True},
        {"in_flight": 16},
        {"size": 16 * 1024, "poll": 1000},
        {"size": 1024 * 1024, "connections": 1, "poll": 1000},
        {"size": 4096, "deflate": True},
    ],
    ids=str,
)
async def test_the_generator_counts_what_an_echo_sends_back(
    options: dict[str, Any], measure: Measure
) -> None:
    """Of every size, compressed and not: each message that was sent has its reply."""
    small = work("echo", **options)
    load = await measure(echo, small)
    assert load.messages > 0
    assert load.messages % small.in_flight == 0
    assert 0 < load.busy < 3  # of one core: of this process, and of this while alone
    assert 0 < load.p50 <= load.p99 <= load.max


async def test_the_generator_counts_replies_in_json(measure: Measure) -> None:
    """The keys of a reply may come in any order, with spaces or without."""

    async def reply(ws: web.WebSocketResponse, message: WSMessage) -> None:
        order = orjson.loads(message.data)
        total = order["count"] * order["price"]
        await ws.send_str(f'{{"total": {total}, "ref":{order["ref"]}, "kind": "reply"}}')

    assert (await measure(reply, work("json"))).messages > 0


async def test_the_generator_sends_eight_kinds_in_turn(measure: Measure) -> None:
    """Each with three fields, and it counts what is pushed for them."""
    seen: list[str] = []

    async def price(ws: web.WebSocketResponse, message: WSMessage) -> None:
        order = orjson.loads(message.data)
        assert order.keys() == {"kind", "number", "count", "price"}
        seen.append(order["kind"])
        total = order["count"] * order["price"]
        await ws.send_json({"kind": "order.priced", "number": order["number"], "total": total})

    load = await measure(price, work("kinds", connections=1, in_flight=16))
    assert 0 < load.messages <= len(seen)
    assert len(set(seen[:8])) == 8
    assert seen[8:16] == seen[:8]


async def test_the_generator_counts_each_delivery_of_a_fan_out(
    serve: Callable[..., Awaitable[int]], native: Mapping[str, Path]
) -> None:
    """One connection speaks, and what all hear is counted."""
    everybody: list[web.WebSocketResponse] = []

    async def fan_out(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        everybody.append(ws)
        async for message in ws:
            for each in everybody:
                await echo(each, message)
        return ws

    app = web.Application()
    app.router.add_get("/fan-out", fan_out)
    server = Server(os.getpid(), await serve(app))
    heard = work("fan-out", is_text=True, connections=5, in_flight=2)
    load = await asyncio.to_thread(run_shortly, native["load"], heard, server)
    assert load.messages > 0
    assert load.messages % (5 * 2) == 0


# what it finds


async def change_a_byte(ws: web.WebSocketResponse, message: WSMessage) -> None:
    await ws.send_bytes(message.data[:-1] + b"?")


async def cut_short(ws: web.WebSocketResponse, message: WSMessage) -> None:
    await ws.send_bytes(message.data[:-1])


async def answer_twice(ws: web.WebSocketResponse, message: WSMessage) -> None:
    await echo(ws, message)
    await echo(ws, message)


async def say_it_as_text(ws: web.WebSocketResponse, message: WSMessage) -> None:
    await ws.send_str(message.data.decode())


async def lose_every_second(ws: web.WebSocketResponse, message: WSMessage) -> None:
    number = int(message.data[8:16])
    if number % 2:
        await echo(ws, message)


async def close(ws: web.WebSocketResponse, message: WSMessage) -> None:
    await ws.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (change_a_byte, "other bytes than expected"),
        (cut_short, "not the reply that was expected"),
        (answer_twice, "other bytes than expected"),
        (say_it_as_text, "not the reply that was expected"),
        (lose_every_second, "other bytes than expected"),
        (close, "the server closed the connection"),
    ],
)
async def test_the_generator_ends_when_a_reply_is_wrong(
    answer: Answer, reason: str, measure: Measure
) -> None:
    """Figures of a server that does not do its work are none."""
    with pytest.raises(BenchError, match=reason):
        await measure(answer, work("echo", in_flight=2))


@pytest.mark.parametrize(
    "reply",
    [
        '{{"kind":"reply","ref":{ref},"total":{wrong}}}',
        '{{"kind":"reply","ref":{wrong},"total":{total}}}',
        '{{"kind":"reply","total":{total}}}',
        '{{"kind":"error","ref":{ref},"total":{total}}}',
        '{{"kind":"reply","ref":{ref},"total":{total},"more":"' + "x" * 300 + '"}}',
    ],
)
async def test_the_generator_ends_when_a_reply_in_json_is_wrong(
    reply: str, measure: Measure
) -> None:
    """It is not what was asked for, not for this message, no reply, or much too long."""

    async def answer(ws: web.WebSocketResponse, message: WSMessage) -> None:
        order = orjson.loads(message.data)
        total = order["count"] * order["price"]
        await ws.send_str(reply.format(ref=order["ref"], total=total, wrong=total + 1000))

    with pytest.raises(BenchError, match=r"not the reply that was expected|other bytes"):
        await measure(answer, work("json"))


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "reply"}, {"number": 1_000_000}, {"total": 1}],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_the_generator_ends_when_what_is_pushed_for_a_kind_is_wrong(
    wrong: dict[str, Any], measure: Measure
) -> None:
    """It is another kind, for another message, or not what was asked for."""

    async def answer(ws: web.WebSocketResponse, message: WSMessage) -> None:
        order = orjson.loads(message.data)
        total = order["count"] * order["price"]
        right = {"kind": "order.priced", "number": order["number"], "total": total}
        await ws.send_json({**right, **wrong})

    with pytest.raises(BenchError, match="not the reply that was expected"):
        await measure(answer, work("kinds"))


async def test_the_generator_tells_a_server_that_does_not_compress(measure: Measure) -> None:
    """It is left out of works with compression, and the table says why."""
    with pytest.raises(BenchError, match="does not compress"):
        await measure(echo, work("echo", deflate=True), compress=False)


async def test_the_generator_tells_a_path_that_is_not_there(
    start: Callable[..., Awaitable[Server]], native: Mapping[str, Path]
) -> None:
    """With the answer to the handshake."""
    server = await start(echo, "/elsewhere")
    with pytest.raises(BenchError, match=r"/echo was not upgraded: HTTP/1\.1 404"):
        await asyncio.to_thread(run_shortly, native["load"], work("echo"), server)


async def test_idle_connections_are_counted_once_they_have_been_used(
    start: Callable[..., Awaitable[Server]], native: Mapping[str, Path]
) -> None:
    """The first hundred are there before memory is first read."""
    asked = []

    async def count(ws: web.WebSocketResponse, message: WSMessage) -> None:
        asked.append(message)
        await echo(ws, message)

    server = await start(count, "/echo")
    run = partial(measure_memory, native["load"], work("idle"), server, core=CORE, connections=150)
    memory = await asyncio.to_thread(run)
    assert isinstance(memory, Memory)
    assert memory.connections == 150
    assert len(asked) == 150


# the floor


@pytest.mark.parametrize("task", ["echo", "json", "kinds", "fan-out"])
@pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])
def test_the_floor_does_what_every_peer_does(
    task: Task, deflate: bool, native: Mapping[str, Path]
) -> None:
    """Also with many messages in one read, and with messages that come in many."""
    for size, in_flight in ((32, 16), (300_000, 1)):
        small = work(task, size=size, in_flight=in_flight, deflate=deflate, poll=1000)
        with run_server([str(native["floor"])], arguments=[], core=CORE, env={}) as server:
            assert run_shortly(native["load"], small, server).messages > 0


def test_a_phase_is_what_was_waited_for() -> None:
    """Or the two programs have lost each other."""
    assert parse_phase('{"phase": "warm", "ticks": 3}', "warm")["ticks"] == 3
    with pytest.raises(BenchError, match="'connected', not 'warm'"):
        parse_phase('{"phase": "connected"}', "warm")
