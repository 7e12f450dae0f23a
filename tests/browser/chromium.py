"""A headless Chromium: Debian's, driven by Playwright, which downloads nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from playwright.async_api import Browser, async_playwright

NEEDS_CHROMIUM: Final = "needs Chromium: apt-get install -y chromium"

# The sandbox needs rights that containers do not give; the others keep it from calling its maker.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Return the browser's path: what CHROMIUM says, or what is installed."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@asynccontextmanager
async def start_chromium(**options: Any) -> AsyncIterator[Browser]:
    """Start the browser; it ends with the block. ``options``: more of what Playwright's launch takes."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=list(ARGUMENTS), **options
        )
        yield browser
        await browser.close()
