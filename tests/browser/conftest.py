"""A browser, the examples' servers, and people who look at the pages, as fixtures."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, expect

from browser.chat_page import ChatPage
from browser.chromium import NEEDS_CHROMIUM, find_chromium, start_chromium
from browser.example_server import ExampleServer

NewPage = Callable[..., Awaitable[Page]]

# A busy machine is not a broken page.
expect.set_options(timeout=15_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if find_chromium() is None:
        pytest.skip(NEEDS_CHROMIUM)
    async with start_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a person to look into: what AIOWS_SCREENSHOTS says, or one of pytest's."""
    named = os.environ.get("AIOWS_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def new_page(browser: Browser) -> AsyncIterator[NewPage]:
    """A page of a person of their own; at the end, none has complained or asked another host."""
    complaints: list[str] = []

    def look_at(request: Request) -> None:
        if not request.url.startswith(("http://localhost:", "ws://localhost:")):
            complaints.append(f"asked for {request.url}")

    async def open_page(**options: Any) -> Page:
        context = await contexts.enter_async_context(await browser.new_context(**options))
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", look_at)
        return page

    async with AsyncExitStack() as contexts:
        yield open_page
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def chat_server() -> AsyncIterator[ExampleServer]:
    server = ExampleServer("chat/chat.py")
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def upload_server() -> AsyncIterator[ExampleServer]:
    server = ExampleServer("upload/upload.py")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def join(chat_server: ExampleServer, new_page: NewPage) -> Callable[..., Awaitable[ChatPage]]:
    """``await join("Ada", room="ideas", ...)``: a person of that name in the chat."""

    async def join(name: str, *, room: str = "", **options: Any) -> ChatPage:
        person = ChatPage(await new_page(**options))
        await person.page.goto(f"{chat_server.url}#{room}")
        await person.come_in(name)
        return person

    return join
