"""The upload in Chromium: a file goes up, the bar moves, and the server has the same bytes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from browser.conftest import NewPage
from browser.example_server import ExampleServer
from clients.relay import relay_to

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

SIZE: Final = 12 * 1024 * 1024 + 345
MAX_FILE: Final = 256 * 1024 * 1024

# Every value that a bar has had, for a bar moves faster than a test can look.
KEEP_VALUES: Final = """
() => {
  const bar = Object.getOwnPropertyDescriptor(HTMLProgressElement.prototype, "value");
  window.values = [];
  Object.defineProperty(HTMLProgressElement.prototype, "value", {
    get: bar.get,
    set(value) { window.values.push(value); bar.set.call(this, value); },
  });
}
"""

# An upload that has begun and goes no further: on loopback a large file is through before a test can look.
STALL: Final = """
() => {
  const amount = Object.getOwnPropertyDescriptor(WebSocket.prototype, "bufferedAmount");
  window.isStalled = true;
  Object.defineProperty(WebSocket.prototype, "bufferedAmount", {
    get() {
      const hasBegun = window.values.some((each) => each > 0);
      return window.isStalled && hasBegun ? Infinity : amount.get.call(this);
    },
  });
}
"""


@pytest.fixture
def folder(upload_server: ExampleServer) -> Path:
    return folder_of(upload_server)


def folder_of(server: ExampleServer) -> Path:
    """Where the server says that it puts the files."""
    line = next(line for line in server.lines if line.startswith("Files go to "))
    return Path(line.removeprefix("Files go to ").partition(" and ")[0])


@pytest_asyncio.fixture(loop_scope="session")
async def page(upload_server: ExampleServer, new_page: NewPage) -> Page:
    page = await new_page()
    await page.goto(upload_server.url)
    await page.evaluate(KEEP_VALUES)
    return page


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Files").get_by_role("listitem").filter(has_text=name)


def stored_in(folder: Path) -> dict[str, bytes]:
    """What the server has, by the names that it gave; its random beginnings are left out."""
    return {path.name.partition("-")[2]: path.read_bytes() for path in folder.iterdir()}


async def choose(page: Page, *files: Path) -> None:
    await page.get_by_label("Drop files here").set_input_files(files)


async def test_a_file_goes_up_while_the_bar_moves(
    page: Page, folder: Path, tmp_path: Path, screenshots: Path
) -> None:
    """The bar rises by the server's reports to 100, and the stored file is the same."""
    film = tmp_path / "holiday film.mov"
    film.write_bytes(os.urandom(SIZE))
    await choose(page, film)
    await expect(row(page, film.name)).to_contain_text("done in")
    values = await page.evaluate("window.values")
    assert values == sorted(values)
    assert values[-1] == 100
    assert len(set(values) - {0, 100}) > 50, "the bar jumped instead of moving"
    await expect(row(page, film.name).get_by_role("progressbar")).to_have_js_property("value", 100)
    assert stored_in(folder) == {"holiday_film.mov": film.read_bytes()}
    await page.screenshot(path=screenshots / "upload.png")


async def test_files_go_up_one_after_the_other(page: Page, folder: Path, tmp_path: Path) -> None:
    """All that were chosen arrive, also the one that is empty."""
    files = {"one.txt": b"1" * 100_000, "empty.txt": b"", "three.txt": b"3"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    await choose(page, *(tmp_path / name for name in files))
    for name in files:
        await expect(row(page, name)).to_contain_text("done in")
    assert stored_in(folder) == files


async def test_a_file_that_is_too_large_is_refused_before_it_goes_up(
    page: Page, folder: Path, tmp_path: Path
) -> None:
    """The person reads why, and nothing was stored."""
    disk = tmp_path / "disk.iso"
    with disk.open("wb") as file:
        file.truncate(MAX_FILE + 1)
    await choose(page, disk)
    await expect(row(page, disk.name)).to_contain_text("A file may have up to 256 MB.")
    assert stored_in(folder) == {}


async def test_an_upload_can_be_cancelled(page: Page, folder: Path, tmp_path: Path) -> None:
    """What had arrived of it is deleted, and the next file has its turn."""
    film, note = tmp_path / "film.mov", tmp_path / "note.txt"
    with film.open("wb") as file:
        file.truncate(MAX_FILE)
    note.write_text("Buy milk.")
    await page.evaluate(STALL)
    await choose(page, film, note)
    await expect(row(page, film.name)).to_contain_text("MB/s")
    await row(page, film.name).get_by_role("button", name="Cancel").click()
    await expect(row(page, film.name)).to_contain_text("Cancelled.")
    await page.evaluate("window.isStalled = false")
    await expect(row(page, note.name)).to_contain_text("done in")
    async with asyncio.timeout(15):
        while stored_in(folder) != {"note.txt": b"Buy milk."}:
            await page.evaluate("new Promise(requestAnimationFrame)")


async def test_an_upload_goes_on_when_the_server_is_back(
    page: Page, folder: Path, tmp_path: Path, upload_server: ExampleServer
) -> None:
    """Its folder went with it, so the file begins anew, and nobody has to do anything for it."""
    film = tmp_path / "film.mov"
    film.write_bytes(os.urandom(SIZE))
    await page.evaluate(STALL)
    await choose(page, film)
    await expect(row(page, film.name)).to_contain_text(" left")
    await upload_server.stop()
    await expect(row(page, film.name)).to_contain_text("It goes on by itself.")
    assert folder not in folder.parent.iterdir()
    await page.evaluate("window.isStalled = false")
    await upload_server.start()
    await expect(row(page, film.name)).to_contain_text("done in", timeout=30_000)
    assert stored_in(folder_of(upload_server)) == {"film.mov": film.read_bytes()}


async def test_an_upload_goes_on_where_it_was_when_the_network_is_back(
    new_page: NewPage, upload_server: ExampleServer, tmp_path: Path
) -> None:
    """It is cut off in the middle, and arrives whole."""
    film = tmp_path / "film.mov"
    film.write_bytes(os.urandom(SIZE))
    async with relay_to(upload_server.port) as relay:
        page = await new_page()
        await page.goto(f"http://localhost:{relay.port}/")
        await page.evaluate(KEEP_VALUES)
        await page.evaluate(STALL)
        await choose(page, film)
        await expect(row(page, film.name)).to_contain_text(" left")
        relay.cut(reset=True)
        await page.evaluate("window.isStalled = false")
        await expect(row(page, film.name)).to_contain_text("done in", timeout=30_000)
        values = await page.evaluate("window.values")
        await page.close()
    assert relay.bytes["to server"] < 2 * SIZE
    assert values[-1] == 100
    assert stored_in(folder_of(upload_server)) == {"film.mov": film.read_bytes()}
