"""Counts the old prices that a reader gets who has stalled, for several ways to send, as a Markdown table.

    python benchmarks/stale.py [--stall SECONDS] [--rate PRICES]

A price changes ``--rate`` times a second, and one reader stops reading for ``--stall`` seconds: its kernel
goes on taking what comes, until its buffer of 128 KiB is full. What it reads then, up to the newest price, is
old. The ways are those of docs/how-to/slow-readers.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial

from aiohttp import web

from aiows import Payload, SendStatus, WebSocketView, on
from aiows.kinds import Latest
from aiows.testing import SlowConsumer

# Linux doubles it, which gives what a socket has by default.
RECEIVE_BUFFER = 64 * 1024
KIB = 1024


class Price(Payload, kind="price"):
    number: int
    value: float = 101.25
    currency: str = "EUR"
    venue: str = "XETRA"


class Market:
    """The newest price, whoever waits for the next one, and whoever is told of each."""

    def __init__(self) -> None:
        self.price = Price(number=0)
        self.told = set[Ticker]()
        self._changed = asyncio.Event()

    def set(self, price: Price) -> None:
        self.price = price
        self._changed.set()
        self._changed = asyncio.Event()
        for ticker in self.told:
            ticker.price_changed(price)

    async def after(self, number: int) -> Price:
        while self.price.number <= number:
            await self._changed.wait()
        return self.price


class Ticker(WebSocketView):
    """Sends the newest price only: while its reader is behind, nothing."""

    is_behind = False

    def on_open(self) -> None:
        self.market: Market = self.app[MARKET]
        self.market.told.add(self)

    def price_changed(self, price: Price) -> None:
        if not self.is_behind:
            self.is_behind = self.ws.push(price) is not SendStatus.SUCCESS

    def on_drain(self) -> None:
        self.is_behind = False
        self.price_changed(self.market.price)


class Bounded(Ticker):
    max_unsent = 16 * KIB


class BoundedTwice(Bounded):
    max_backpressure = 16 * KIB


class Asked(WebSocketView):
    """Answers with the next price when its reader has seen the one before."""

    @on("price.next", concurrency=Latest())
    async def next(self, seen: int) -> Price:
        market: Market = self.app[MARKET]
        return await market.after(seen)


MARKET = web.AppKey("market", Market)

WAYS = {
    "the newest only": Ticker,
    "the same, `max_unsent` 16 KiB": Bounded,
    "the same, and `max_backpressure` 16 KiB": BoundedTwice,
    "the next one when it asks": Asked,
}


async def stale(view: type[WebSocketView], stall: float, rate: float) -> int:
    """Return how many prices are read that were older than what the market has by then."""
    app = web.Application()
    app[MARKET] = market = Market()
    app.router.add_view("/", view)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with await SlowConsumer.connect(url, receive_buffer=RECEIVE_BUFFER) as reader:
            if view is Asked:
                await reader.send('{"kind":"price.next","seen":0,"ref":0}')
            await tick(market, until=partial(passed, time.monotonic() + stall), rate=rate)
            newest = market.price.number
            ticking = asyncio.create_task(tick(market, until=lambda: False, rate=rate))
            try:
                return await old_ones(reader, newest, is_asked=view is Asked)
            finally:
                ticking.cancel()
    finally:
        await runner.cleanup()


async def tick(market: Market, *, until: Callable[[], bool], rate: float) -> None:
    """Change the price at an even rate."""
    start, first = time.monotonic(), market.price.number
    while not until():
        due = first + int((time.monotonic() - start) * rate)
        while market.price.number < due:
            market.set(Price(number=market.price.number + 1))
        await asyncio.sleep(0.001)


def passed(moment: float) -> bool:
    return time.monotonic() >= moment


async def old_ones(reader: SlowConsumer, newest: int, *, is_asked: bool) -> int:
    """Read until a price comes that is as new as ``newest``; return how many came before."""
    count = 0
    while (number := (await reader.receive()).json()["number"]) < newest:
        count += 1
        if is_asked:
            await reader.send(f'{{"kind":"price.next","seen":{number},"ref":0}}')
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stall", type=float, default=15.0)
    parser.add_argument("--rate", type=float, default=1000.0)
    options = parser.parse_args()
    print("| | old prices |\n|---|---:|")
    for name, view in WAYS.items():
        count = asyncio.run(stale(view, options.stall, options.rate))
        print(f"| {name} | {count:,} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
