"""Takes the picture of the chat for the README, with four people in it.

    PYTHONPATH=tests python -m browser.picture docs/_static/chat.png

A computer and a phone are photographed, light and dark, and put side by side. It needs Chromium, and looks as
intended with the font Inter: apt-get install -y chromium fonts-inter
"""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, ViewportSize

from browser.chat_page import ChatPage
from browser.chromium import start_chromium
from browser.example_server import ExampleServer

COMPUTER: Final[dict[str, Any]] = {
    "viewport": ViewportSize(width=1180, height=740),
    "color_scheme": "light",
}
PHONE: Final[dict[str, Any]] = {
    "viewport": ViewportSize(width=360, height=700),
    "color_scheme": "dark",
    "has_touch": True,
    "is_mobile": True,
}
# Somewhere it is nine in the morning.
HOURS_EAST: Final = (9 - datetime.now(UTC).hour + 12) % 24 - 12
EVERYWHERE: Final[dict[str, Any]] = {
    "timezone_id": f"Etc/GMT{-HOURS_EAST:+d}",
    "device_scale_factor": 2,
    "locale": "en-GB",
    "reduced_motion": "reduce",
}

FRAME: Final = """<!doctype html>
<style>
  body {{ margin: 0; padding: 12px 0 44px 24px; width: 1350px; display: flex; align-items: end; }}
  img {{ border-radius: 16px; box-shadow: 0 12px 36px -12px rgb(0 0 0 / 45%); }}
  #computer {{ width: 1180px; border: 1px solid rgb(0 0 0 / 12%); }}
  #phone {{ width: 270px; margin: 0 0 -24px -140px; border: 7px solid #0b0d0e; border-radius: 36px; }}
</style>
<img id="computer" src="{computer}"><img id="phone" src="{phone}">
"""


async def take_picture(path: Path) -> None:
    server = ExampleServer("chat/chat.py")
    await server.start()
    try:
        async with start_chromium() as browser:
            computer, phone = await play(browser, server.url)
            size = ViewportSize(width=1400, height=900)
            page = await browser.new_page(viewport=size, device_scale_factor=1.5)
            await page.set_content(FRAME.format(computer=as_url(computer), phone=as_url(phone)))
            await page.locator("body").screenshot(path=path, omit_background=True)
    finally:
        await server.stop()


async def play(browser: Browser, url: str) -> tuple[bytes, bytes]:
    """Let four people talk; return what two of them see."""

    async def join(name: str, room: str = "general", **options: Any) -> ChatPage:
        page = await browser.new_page(**EVERYWHERE, **options)
        await page.goto(f"{url}#{room}")
        person = ChatPage(page)
        await person.come_in(name)
        return person

    mira, ana = await join("Mira Okafor", **COMPUTER), await join("Ana Sousa", **PHONE)
    jonas, kofi = await join("Jonas Lind"), await join("Kofi Mensah")
    await mira.say("Good morning! Who comes to the lake on Saturday?")
    await jonas.say("Me! I can bring the canoe.")
    await jonas.say("And the waterproof box that saved us last time.")
    await ana.say("Count me in, I only have to be back by six.")
    await mira.say("Then we leave at nine. The train is at 9:12, platform 4.")
    await kofi.say("Nine is early. Nine is fine 👍")
    await kofi.enter("ideas")
    await kofi.say("A quiz night, once a month?")
    await kofi.say("Teams of four, questions in turn.")
    await join("Lena Fischer", "weekend")
    await join("Noor Haddad", "book-club")
    await jonas.box.press_sequentially("I will")
    await mira.box.fill("Who brings the sandwiches?")
    return await mira.page.screenshot(), await ana.page.screenshot()


def as_url(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"


if __name__ == "__main__":
    asyncio.run(take_picture(Path(sys.argv[1])))
