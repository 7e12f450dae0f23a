"""The tutorial's page that comes back, in Chromium: its two files as they stand on the page."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from browser.conftest import NewPage
from clients.relay import relay_to

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

TUTORIAL: Final = Path(__file__).parents[2] / "docs/tutorial/7-come-back.md"
FILES: Final = re.findall(
    r"^```\{code-block\} \w+\n:caption: (\S+)\n(?::\S+: \S+\n)*(.*?)^```",
    TUTORIAL.read_text(),
    re.DOTALL | re.MULTILINE,
)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[int]:
    """Save the files, as a reader would, and serve them; gives the port."""
    for name, text in FILES:
        (folder / name).write_text(text.lstrip("\n"))
    spec = importlib.util.spec_from_file_location("chat_of_the_tutorial", folder / "chat.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # where its annotations are looked up
    spec.loader.exec_module(module)
    runner = web.AppRunner(module.make_app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()
    del sys.modules[module.__name__]


async def come_in(page: Page, name: str, port: int) -> None:
    page.once("dialog", lambda dialog: dialog.accept(name))
    await page.goto(f"http://localhost:{port}/")
    await expect(page.locator("#state")).to_have_text("open")


async def say(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.locator("#text").press("Enter")


async def test_the_page_has_every_line_after_a_loss(new_page: NewPage, tmp_path: Path) -> None:
    """Also the one that was written while there was no connection; each of them once, in order."""
    async with served(tmp_path) as port, relay_to(port) as relay:
        ada, bob = await new_page(), await new_page()
        await come_in(ada, "Ada", relay.port)
        await come_in(bob, "Bob", port)
        await say(ada, "One")
        await expect(bob.locator("li")).to_have_text(["Ada: One"])
        await ada.context.set_offline(True)
        relay.cut(reset=True)
        await expect(ada.locator("#state")).to_have_text("waiting")
        await say(bob, "Two")
        await expect(bob.locator("li")).to_have_text(["Ada: One", "Bob: Two"])
        await say(ada, "Three")
        await ada.context.set_offline(False)
        for page in (ada, bob):
            await expect(page.locator("li")).to_have_text(["Ada: One", "Bob: Two", "Ada: Three"])
        later = await new_page()
        await come_in(later, "Eve", port)
        await expect(later.locator("li")).to_have_count(3)
        for page in (ada, bob, later):
            await page.close()
