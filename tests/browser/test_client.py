"""The client in Chromium, with the module that aiows serves: a page comes back with all its messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from browser.chromium import NEEDS_CHROMIUM, find_chromium, start_chromium
from browser.conftest import NewPage
from clients.relay import Relay, relay_to
from clients.rooms import Server, serve_rooms
from eventually import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

TOPIC = "room:a"

FREEZE = """() => {
    document.dispatchEvent(new Event("freeze"));
    debugger;
    document.dispatchEvent(new Event("resume"));
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[Server]:
    async with serve_rooms() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def relay(server: Server) -> AsyncIterator[Relay]:
    async with relay_to(server.port) as relay:
        yield relay


class Room:
    """A page with one topic."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self._server = server

    async def open(self, port: int) -> None:
        await self.page.goto(f"http://localhost:{port}/page/room")
        await self.has_joined()

    async def has_joined(self) -> None:
        await self.sees("globalThis.room?.topic.state === 'joined'")

    async def has_all(self) -> None:
        """Every message so far came once, in order, and no gap was said."""
        last = self._server.published[TOPIC]
        await self.sees(f"globalThis.room?.seen.at(-1) === {last}")
        assert await self.page.evaluate("room.seen") == list(range(1, last + 1))
        assert await self.page.evaluate("room.gaps") == []

    async def get(self, expression: str) -> Any:
        return await self.page.evaluate(expression)

    async def sees(self, condition: str, *, within: float = 15.0) -> None:
        """Wait until it is so. Playwright's own way evaluates texts in the page, which its policy forbids."""
        async with asyncio.timeout(within):
            while not await self.get(condition):
                await asyncio.sleep(0.02)


Open = Callable[[], Awaitable[Room]]


@pytest.fixture
def open_room(server: Server, relay: Relay, new_page: NewPage) -> Open:
    async def open_room() -> Room:
        room = Room(await new_page(), server)
        await room.open(relay.port)
        return room

    return open_room


async def publish(server: Server, count: int = 5) -> None:
    for _ in range(count):
        await server.publish(TOPIC)


async def test_a_page_without_a_build_step_and_under_a_strict_policy(
    open_room: Open, server: Server
) -> None:
    """`script-src 'self'`: the served module is all that it needs."""
    room = await open_room()
    await publish(server)
    await room.has_all()


async def test_a_reload_shows_the_last_messages_and_goes_on(
    open_room: Open, server: Server
) -> None:
    """The new page is another client: it begins with what is kept."""
    room = await open_room()
    await publish(server)
    await room.has_all()
    session = await room.get("room.client.session")
    await room.page.reload()
    await room.has_joined()
    await publish(server)
    await room.has_all()
    assert await room.get("room.client.session") != session


async def test_two_tabs_are_two_clients(open_room: Open, server: Server) -> None:
    """Each sees everything, and one that is closed takes nothing from the other."""
    first, second = await open_room(), await open_room()
    await publish(server)
    for room in (first, second):
        await room.has_all()
    assert await first.get("room.client.session") != await second.get("room.client.session")
    await first.page.close()
    await publish(server)
    await second.has_all()


async def test_a_page_comes_back_from_the_back_forward_cache(server: Server) -> None:
    """It was not loaded again, and has what was said while another page was on show."""
    if find_chromium() is None:
        pytest.skip(NEEDS_CHROMIUM)
    # Playwright turns the cache off, so that pages of tests are always new.
    async with start_chromium(ignore_default_args=["--disable-back-forward-cache"]) as browser:
        room = Room(await browser.new_page(), server)
        await room.open(server.port)
        await publish(server)
        await room.has_all()
        await room.get("globalThis.isTheSame = true")
        await room.page.goto(f"http://localhost:{server.port}/aiows.d.ts")
        await publish(server)
        await room.page.go_back(wait_until="commit")
        await room.sees("globalThis.isTheSame")
        await room.has_all()
        await room.page.go_forward(wait_until="commit")
        await publish(server)
        await room.page.go_back(wait_until="commit")
        await room.has_all()


async def test_a_network_that_is_gone_is_noticed_and_its_return_is_used_at_once(
    open_room: Open, server: Server, relay: Relay
) -> None:
    """Nobody says that the connection is dead: the page finds out, and has everything afterwards."""
    room = await open_room()
    await publish(server)
    await room.has_all()
    relay.swallow("to client")
    relay.swallow("to server")
    await room.page.context.set_offline(True)
    await room.sees("room.client.state === 'waiting'")
    await publish(server)
    await room.page.context.set_offline(False)
    await room.sees("room.client.state === 'open'", within=5)
    await room.has_all()


async def test_a_frozen_page_lets_go_and_comes_back(open_room: Open, server: Server) -> None:
    """A page that the browser stops holds nothing on the server; when it goes on it has everything.

    A headless browser freezes no page, for none of its pages is hidden: the debugger stops it.
    """
    room = await open_room()
    await publish(server)
    await room.has_all()
    devtools = await room.page.context.new_cdp_session(room.page)
    await devtools.send("Debugger.enable")
    stopped = asyncio.create_task(room.get(FREEZE))
    await eventually(lambda: not server.open)
    await publish(server)
    await devtools.send("Debugger.resume")
    await stopped
    await room.has_all()
    await devtools.detach()


async def test_a_page_that_was_cut_off_has_what_was_said_meanwhile(
    open_room: Open, server: Server, relay: Relay
) -> None:
    """Also if it is cut off in the middle of what it missed."""
    room = await open_room()
    for _ in range(3):
        await publish(server, 50)
        relay.cut(after=300)
        await publish(server, 50)
    await room.has_all()
