"""Shows what each stage of dispatching a message by its kind costs, beside the same written by hand.

python benchmarks/dispatch.py             a table of medians, in nanoseconds
python benchmarks/dispatch.py --rounds 50

By hand is what one would write without aiows: ``orjson.loads``, a dict of functions, ``orjson.dumps``, and
nothing checked. No socket is part of it: both send to the same sink. The stages are measured one by one, so
their sum is not the whole; rounds of both ways alternate, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
import orjson
from aiohttp import WSMessage, WSMsgType

from aiows import KindDispatcher, Payload
from aiows._wire import MessageReader
from aiows.codecs import JSON
from aiows.connection.builds import ConnectionCore, Flusher, OutboxCore, ProtocolCore
from aiows.kinds.running.replies import reply
from aiows.send_status import SendStatus

Measured = Callable[[], Any]


class Counted(OutboxCore):
    """It counts what is sent."""

    sent = 0

    def try_push(self, opcode: int, payload: str | bytes) -> SendStatus:
        self.sent += 1
        return SendStatus.SUCCESS


class Quiet(ProtocolCore):
    """Nobody observes it."""

    outbox: OutboxCore

    def kind_sent(self, kind: str) -> None:
        """The pure build tells it, and it tells nobody."""


class Sink(ConnectionCore):
    """A connection as far as dispatch sees it."""

    closed = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        flusher = Flusher(loop)
        self._protocol = Quiet(MessageReader(), flusher, memoryview(bytearray(1)))
        self._outbox = self.outbox = self._protocol.outbox = Counted(
            asyncio.Transport(), flusher, 1000, 1000
        )  # type: ignore[arg-type]
        self.codec = JSON

    @property
    def connection(self) -> Sink:
        return self


class Item(msgspec.Struct):
    product: str
    count: int
    price: float


class Order(Payload, kind="order"):
    customer: str
    items: list[Item]


class Accepted(Payload):
    total: float


class ByHand:
    """A dict of functions over dicts."""

    def __init__(self, handlers: dict[str, Callable[[Any, Any], Any]]) -> None:
        self.handlers = handlers

    async def dispatch(self, ws: Sink, data: bytes) -> None:
        message = orjson.loads(data)
        value = await self.handlers[message["kind"]](ws, message)
        if (ref := message.get("ref")) is not None:
            ws.outbox.try_push(1, orjson.dumps({"kind": "reply", "ref": ref, **value}))


class Case(NamedTuple):
    """One message with its two handlers, and what the reply carries in each."""

    title: str
    data: bytes
    register: Callable[[KindDispatcher], None]
    by_hand: Callable[[Any, Any], Any]
    replies: tuple[Any, Any]


def take_fields(kinds: KindDispatcher) -> None:
    @kinds.on("chat.send")
    async def send(ws: Any, room: str, text: str) -> dict[str, Any]:
        return {"ok": True}


async def chat_by_hand(ws: Any, message: dict[str, Any]) -> dict[str, Any]:
    room, text = message["room"], message["text"]
    return {"ok": bool(room) or bool(text)}


def take_payload(kinds: KindDispatcher) -> None:
    @kinds.on(Order)
    async def order(order: Order) -> Accepted:
        return Accepted(total=sum(each.count * each.price for each in order.items))


async def order_by_hand(ws: Any, message: dict[str, Any]) -> dict[str, Any]:
    return {"total": sum(each["count"] * each["price"] for each in message["items"])}


CHAT = {"kind": "chat.send", "room": "general", "text": "hello there", "ref": 7}
ORDER = {
    "kind": "order",
    "customer": "alice",
    "items": [{"product": f"tea {n}", "count": n, "price": 1.5} for n in range(10)],
    "ref": 7,
}
CASES = (
    Case(
        "two fields, dict back", orjson.dumps(CHAT), take_fields, chat_by_hand, ({"ok": True},) * 2
    ),
    Case(
        "a payload of ten items, payload back",
        orjson.dumps(ORDER),
        take_payload,
        order_by_hand,
        (Accepted(total=67.5), {"total": 67.5}),
    ),
)


def stages_of(case: Case) -> dict[str, tuple[Measured, Measured]]:
    """Return each stage as a call of ours and one by hand."""
    kinds = KindDispatcher()
    case.register(kinds)
    ws: Any = Sink(asyncio.get_running_loop())
    reader = kinds._make_reader(JSON)  # noqa: SLF001 (the stage by itself)
    request = reader.read(case.data)
    msg = WSMessage(WSMsgType.TEXT, case.data, None)
    by_hand = ByHand({request.kind: case.by_hand})
    message = orjson.loads(case.data)
    ours, theirs = case.replies
    return {
        "decode and validate": (
            lambda: reader.read(case.data),
            lambda: orjson.loads(case.data),
        ),
        "bind and call": (
            lambda: run(request.route.call(ws, request.message, None)),
            lambda: run(by_hand.handlers[message["kind"]](ws, message)),
        ),
        "encode the reply": (
            lambda: reply(ours, 7, None, JSON),
            lambda: orjson.dumps({"kind": "reply", "ref": message["ref"], **theirs}),
        ),
        "all of it": (
            lambda: run(kinds.dispatch(ws, msg)),
            lambda: run(by_hand.dispatch(ws, case.data)),
        ),
    }


def run(coroutine: Awaitable[Any]) -> Any:
    """Step a coroutine that does not wait to its end."""
    try:
        coroutine.send(None)  # type: ignore[attr-defined]
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def nanoseconds(call: Measured, count: int) -> float:
    begin = time.thread_time_ns()
    for _ in range(count):
        call()
    return (time.thread_time_ns() - begin) / count


def medians(ours: Measured, theirs: Measured, *, rounds: int, count: int) -> tuple[float, float]:
    """Measure both in turn, so often; return the median of each."""
    pairs = [(nanoseconds(ours, count), nanoseconds(theirs, count)) for _ in range(rounds)]
    one, other = zip(*pairs, strict=True)
    return statistics.median(one), statistics.median(other)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--count", type=int, default=4000, help="calls a round")
    options = parser.parse_args()
    versions = f"msgspec {msgspec.__version__}, orjson {orjson.__version__}"
    print(
        f"Python {platform.python_version()}, {versions}; nanoseconds, medians of {options.rounds}\n"
    )
    for case in CASES:
        print(f"| {case.title} | aiows | by hand | ratio |\n|---|---|---|---|")
        for stage, (ours, theirs) in stages_of(case).items():
            one, other = medians(ours, theirs, rounds=options.rounds, count=options.count)
            print(f"| {stage} | {one:.0f} | {other:.0f} | {one / other:.2f} |")
        print()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
