"""The browser's client behind a network that cuts, swallows and stalls: what is missing is said.

AIOWS_CUTS=500 runs it long: so many cuts for each client, 30,000 messages and 500 requests.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from browser.chromium import NEEDS_CHROMIUM, find_chromium, start_chromium
from clients.relay import Relay, relay_to
from clients.rooms import SHORT, WHOLE, Server, serve_rooms

pytestmark = [pytest.mark.asyncio(loop_scope="session")]

CUTS: Final = int(os.environ.get("AIOWS_CUTS", "25"))
IS_LONG: Final = CUTS >= 500
MESSAGES: Final = 30_000 if IS_LONG else 300
ONCE: Final = 500 if IS_LONG else 20
PAUSE: Final = 0.004  # seconds between two rounds of messages
pytestmark.append(pytest.mark.timeout(1800 if IS_LONG else 90))

Report = dict[str, Any]
Stop = Callable[[dict[str, int]], Awaitable[Report]]

PAGES: Final = Path(__file__).parent / "pages"
BUILT_IN: Final = ("--no-warnings", "--experimental-websocket")


@asynccontextmanager
async def node(url: str, which: str, module: Path, node_modules: Path) -> AsyncIterator[Stop]:
    """The client in Node, with the sockets of ``which``."""
    command = ["node", *BUILT_IN, str(PAGES / "cut_off_node.mjs"), str(module), url, which]
    environment = os.environ | {"NODE_PATH": str(node_modules)}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=PIPE, stdout=PIPE, limit=2**24
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"

    async def stop(expected: dict[str, int]) -> Report:
        output, _ = await process.communicate(json.dumps(expected).encode() + b"\n")
        report: Report = json.loads(output)
        return report

    yield stop
    if process.returncode is None:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def chromium(port: int) -> AsyncIterator[Stop]:
    """The client in a page, with the module that aiows serves."""
    async with start_chromium() as browser:
        page = await (await browser.new_context()).new_page()
        await page.goto(f"http://localhost:{port}/page/cut_off")
        # `wait_for_function` evaluates text within the page if it looks twice: the policy forbids that.
        async with asyncio.timeout(30):
            while not await page.evaluate("Boolean(globalThis.running)"):
                pass

        async def stop(expected: dict[str, int]) -> Report:
            report: Report = await page.evaluate("(last) => running.stop(last)", expected)
            return report

        yield stop


async def disturb(relay: Relay) -> None:
    """Do what networks do, one thing after the other, until there were enough cuts."""
    count = 0
    while relay.cuts < CUTS:
        await asyncio.sleep(random.uniform(0.03, 0.15))
        count += 1
        if count % 100 == 50 and IS_LONG:
            await relay.stall(5)
        elif count % 10 == 5:
            relay.swallow(random.choice(("to client", "to server")))
            await asyncio.sleep(random.uniform(0.05, 0.4))
            relay.cut()
        elif count % 3 == 0:
            relay.cut(after=random.randint(1, 400))  # mostly within a frame
        else:
            relay.cut(reset=count % 2 == 0)


@asynccontextmanager
async def running(
    which: str, server: Server, relay: Relay, request: pytest.FixtureRequest
) -> AsyncIterator[Stop]:
    """One of the clients, on its way through the relay."""
    if which == "chromium":
        if find_chromium() is None:
            pytest.skip(NEEDS_CHROMIUM)
        async with chromium(relay.port) as stop:
            yield stop
    else:
        module = request.getfixturevalue("js_build") / "aiows.js"
        node_modules = request.getfixturevalue("node_modules")
        async with node(f"ws://localhost:{relay.port}/ws", which, module, node_modules) as stop:
            yield stop


@pytest.mark.parametrize("which", ["ws", "builtin", "chromium"])
async def test_nothing_is_missing_unsaid_twice_or_out_of_order(
    which: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is a request handled twice, or answered without having been handled."""
    async with (
        serve_rooms() as server,
        relay_to(server.port) as relay,
        running(which, server, relay, request) as stop,
    ):
        publishing = asyncio.create_task(server.publish_all(PAUSE))
        await disturb(relay)
        while sum(server.published.values()) < MESSAGES or len(server.added) < ONCE:
            await asyncio.sleep(0.05)
        publishing.cancel()
        await asyncio.wait([publishing])
        seen = await stop(dict(server.published))
    with capsys.disabled():
        if IS_LONG:
            figures = {**seen, "waits": len(seen["waits"]), "cuts": relay.cuts}
            print(f"\n{which}: {json.dumps(figures)}; published {dict(server.published)}")
    assert (seen["unsaid"], seen["twice"], seen["badStreams"]) == (0, 0, 0)
    assert seen["ends"] == dict(server.published)  # if the last ones are missing, that was said
    for topic in WHOLE:  # from the first one on, each of them
        assert seen["last"][topic] == seen["messages"][topic] == server.published[topic]
    assert seen["gaps"] == 0 or seen["messages"][SHORT] < server.published[SHORT]
    assert seen["failed"] == []
    assert server.added.total() == len(server.added) == seen["once"]
    assert seen["errors"] == []
    assert seen["opens"] > relay.cuts / 4
