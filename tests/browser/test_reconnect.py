"""What the how-to guide says about coming back, in Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from playwright.async_api import expect

from aiows import WebSocketResponse, WSCloseCode
from browser.conftest import NewPage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

GUIDE: Final = Path(__file__).parents[2] / "docs/how-to/reconnect.md"
SNIPPETS: Final = re.findall(r"^```js\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
# The guide writes to the console; a person looks at the page.
SHOW: Final = "console.log = (text) => document.body.append(`${text} `);"


@asynccontextmanager
async def page_with(script: str, *, losses: int) -> AsyncIterator[str]:
    """Serve a page with the script; so many of its connections are lost after one message."""
    connections = 0

    async def page(request: web.Request) -> web.Response:
        html = f"<!doctype html><body><script>{SHOW}\n{script}</script>"
        return web.Response(text=html, content_type="text/html")

    async def socket(request: web.Request) -> WebSocketResponse:
        nonlocal connections
        connections += 1
        ws = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str(f"connection {connections}")
        if connections <= losses:
            await ws.close(code=WSCloseCode.SERVICE_RESTART)
        async for _ in ws:
            pass
        return ws

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/ws", socket)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["three lines", "longer waits"])
async def test_the_guide_s_lines_bring_a_browser_back(snippet: str, new_page: NewPage) -> None:
    """The page connects again after the server has closed, without anybody's help."""
    async with page_with(snippet, losses=1) as address:
        page = await new_page()
        await page.goto(address)
        await expect(page.locator("body")).to_contain_text(
            "connection 1 connection 2", timeout=20_000
        )
        await page.close()
