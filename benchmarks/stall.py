"""Shows for how long an echo of a large message keeps the event loop busy, as a Markdown table.

    python benchmarks/stall.py [--quick]

The client is a process of its own. In the server's loop a task wakes up every millisecond; the figure is the
most time of the processor, in milliseconds, that the loop's thread has used between two of its turns, the
median of some echoes. Reading, inflating, the handler and deflating are in it, and a thread that deflates is
not.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import orjson
from aiohttp import ClientSession, WSMsgType, web

from aiows import Compression, WebSocketResponse

KIB = 1024
SIZES = (64 * KIB, 256 * KIB, 1024 * KIB, 4096 * KIB - 1)

SERVERS: dict[str, Callable[[], Any]] = {
    "`DISABLED`": lambda: WebSocketResponse(compress=False),
    "`SHARED`": lambda: WebSocketResponse(compress=True),
    "`DEDICATED_8KB`": lambda: WebSocketResponse(compress=Compression.DEDICATED_8KB),
    "`DEDICATED_256KB`": lambda: WebSocketResponse(compress=Compression.DEDICATED_256KB),
    "aiohttp": lambda: web.WebSocketResponse(compress=True),
}


def json_text(size: int) -> str:
    """Rows of a list."""
    chance = random.Random(1)
    words = ["amber", "basalt", "cedar", "delta", "ember", "fjord", "grove", "harbor"]
    rows = bytearray()
    while len(rows) < size:
        row = {"id": chance.randrange(10**9), "name": " ".join(chance.choices(words, k=3))}
        rows += orjson.dumps(row | {"price": chance.uniform(1, 500)})
    return rows[:size].decode()


def random_text(size: int) -> str:
    """What has no pattern, in base64."""
    return base64.b64encode(random.Random(1).randbytes(size))[:size].decode()


TEXTS = {"JSON": json_text, "random": random_text}


class Stalls:
    """The longest turn of the loop since it was last asked for."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self.longest = max(self.longest, now - before)
            before = now

    def take(self) -> float:
        longest, self.longest = self.longest, 0.0
        return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer echoes: rough figures")
    asyncio.run(run(repeats=1 if parser.parse_args().quick else 7))


async def run(*, repeats: int) -> None:
    stalls = Stalls()
    headings = [f"{name}, {round(size / KIB)} KiB" for name in TEXTS for size in SIZES]
    print("| server |", " | ".join(headings), "|")
    print("|---|" + "---:|" * len(headings))
    watching = asyncio.create_task(stalls.watch())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for name, make in SERVERS.items():
            figures = await measured(make, stalls, pool, repeats)
            print(f"| {name} |", " | ".join(f"{each * 1000:.1f}" for each in figures), "|")
    watching.cancel()


async def measured(
    make: Callable[[], Any], stalls: Stalls, pool: ProcessPoolExecutor, repeats: int
) -> list[float]:
    """The median stall of an echo of each text in each size."""
    echoes: list[float] = []

    async def echo(request: web.Request) -> Any:
        ws = make()
        await ws.prepare(request)
        async for msg in ws:
            if msg.data == "next":
                echoes.append(stalls.take())
            else:
                await ws.send_str(msg.data)
        return ws

    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    await asyncio.get_running_loop().run_in_executor(pool, client, port, repeats)
    await runner.cleanup()
    return [
        statistics.median(echoes[start + 1 : start + 1 + repeats])
        for start in range(0, len(echoes), repeats + 1)
    ]


def client(port: int, repeats: int) -> None:
    asyncio.run(talk(port, repeats))


async def talk(port: int, repeats: int) -> None:
    """Echo each text ``repeats`` times; "next" before the first and after each of them."""
    async with (
        ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{port}/", compress=15, max_msg_size=0) as ws,
    ):
        for make in TEXTS.values():
            for size in SIZES:
                text = make(size)
                await ws.send_str("next")
                for _ in range(repeats):
                    await ws.send_str(text)
                    answer = await ws.receive()
                    assert answer.type is WSMsgType.TEXT
                    await ws.send_str("next")


if __name__ == "__main__":
    main()
