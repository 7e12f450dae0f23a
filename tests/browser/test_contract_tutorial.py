"""The tutorial on contracts, step by step: its commands, its compiler, its page in Chromium."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from aiohttp import web
from playwright.async_api import expect

import aiows
from browser.conftest import NewPage
from schema.judges import Judges

pytestmark = pytest.mark.timeout(60)

PAGES: Final = Path(__file__).parents[2] / "docs/tutorial/contract"
BLOCK: Final = re.compile(
    r"^```(?:\{code-block\} )?(\w+)\n(?::caption: (\S+)\n)?(?::\S+: \S+\n)*(.*?)^```",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    language: str
    file: str
    text: str


def blocks(page: str, language: str = r"\w+") -> list[Block]:
    found = (Block(*each) for each in BLOCK.findall((PAGES / page).read_text()))
    return [each for each in found if re.fullmatch(language, each.language)]


class Reader:
    """Somebody with a folder who does what the pages say."""

    def __init__(self, folder: Path, tsc: Path) -> None:
        self.folder = folder
        self._tsc = tsc

    def save_files(self, *pages: str) -> None:
        for block in (each for page in pages for each in blocks(page) if each.file):
            (self.folder / block.file).write_text(block.text.lstrip("\n"))

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def type(self, block: Block) -> list[subprocess.CompletedProcess[str]]:
        """Run the commands, but those that download and the one that serves for ever."""
        lines = [line.removeprefix("$ ") for line in block.text.splitlines()]
        return [self._run(*line.split()) for line in lines if not line.startswith(NOT_TYPED)]

    def _run(self, command: str, argument: str, *others: str) -> subprocess.CompletedProcess[str]:
        typed = {("python", "-m"): [sys.executable, "-m"], ("npx", "tsc"): [str(self._tsc)]}
        return subprocess.run(
            [*typed[command, argument], *others],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(Path(aiows.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=False,
        )


NOT_TYPED: Final = ("npm install ", "python shopping.py")


@pytest.fixture(scope="module")
def finished(judges: Judges, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of whoever has come to the end of the third page."""
    reader = Reader(tmp_path_factory.mktemp("shopping"), judges.tsc)
    reader.save_files("1-kinds.md", "3-page.md")
    for block in (*blocks("2-schema.md", "console"), *blocks("3-page.md", "console")):
        for ran in reader.type(block):
            assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    return reader.folder


@pytest.fixture
def reader(finished: Path, judges: Judges, tmp_path: Path) -> Reader:
    """Somebody who goes on from there, in a copy."""
    copy = shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return Reader(copy, judges.tsc)


def without_indent(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


def without_line_numbers(text: str) -> str:
    """A new standard error code moves all that is below it."""
    return re.sub(r"^@@ .* @@$", "@@", text, flags=re.MULTILINE)


def test_what_the_pages_show_is_what_the_commands_write(reader: Reader) -> None:
    """The excerpts of the document and of the types; the limits that the text names."""
    document = (reader.folder / "asyncapi.json").read_text()
    for block in blocks("2-schema.md", "text"):
        assert without_indent(block.text) in without_indent(document)
    assert '"minLength": 1' in document
    assert '"maxLength": 40' in document
    types = (reader.folder / "shopping.ts").read_text()
    excerpts = [block for block in blocks("3-page.md", "ts") if not block.file]
    assert excerpts
    assert [block.text for block in excerpts if block.text not in types] == []


def test_the_compiler_finds_the_mistake(reader: Reader) -> None:
    """With the words that the page quotes."""
    reader.replace("page.ts", 'ask("item.add", { name })', 'ask("item.add", { nam: name })')
    compile_, complaint = blocks("3-page.md", "console")[1], blocks("3-page.md", "text")[0]
    (ran,) = reader.type(compile_)
    assert ran.stdout == complaint.text


def test_the_check_and_the_compiler_find_the_change(reader: Reader) -> None:
    """Up to date, stale, made again, and then tsc says what the page has to do."""
    up_to_date, stale, made_again = blocks("4-change.md", "console")
    assert [ran.returncode for ran in reader.type(up_to_date)] == [0, 0]
    (new,) = blocks("4-change.md", "python")
    old = "".join(new.text.splitlines(keepends=True)[:3])
    reader.replace("shopping.py", old.lstrip("\n"), new.text.lstrip("\n"))
    difference, complaint = blocks("4-change.md", "text")
    (ran,) = reader.type(stale)
    assert ran.returncode == 1
    assert without_line_numbers(ran.stderr) == without_line_numbers(difference.text)
    written, compiled = reader.type(made_again)
    assert written.returncode == 0
    assert compiled.stdout == complaint.text


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """Serve the application of the tutorial; gives its address."""
    spec = importlib.util.spec_from_file_location("shopping", folder / "shopping.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shopping"] = module  # where its annotations are looked up
    spec.loader.exec_module(module)
    runner = web.AppRunner(module.make_app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}/"
    await runner.cleanup()
    del sys.modules["shopping"]


@pytest.mark.asyncio(loop_scope="session")
async def test_the_compiled_page_works_in_two_windows(reader: Reader, new_page: NewPage) -> None:
    """What one adds the other sees and takes; who comes later finds it; a refusal is told."""
    async with served(reader.folder) as address:
        ada, grace = await new_page(), await new_page()
        for page in (ada, grace):
            await page.goto(address)
        await ada.get_by_label("What").fill("Milk")
        await ada.get_by_role("button", name="Add").click()
        for page in (ada, grace):
            await expect(page.get_by_role("listitem")).to_have_text("Milk Take")
        await expect(ada.get_by_label("What")).to_have_value("")
        await grace.get_by_role("button", name="Take").click()
        for page in (ada, grace):
            await expect(page.get_by_role("button", name="Take")).to_be_disabled()
        later = await new_page()
        await later.goto(address)
        await expect(later.get_by_role("button", name="Take")).to_be_disabled()
        await later.evaluate("document.querySelector('li button').disabled = false")
        await later.get_by_role("button", name="Take").click()
        await expect(later.get_by_role("status")).to_have_text("Too late!")
        await ada.get_by_role("button", name="Add").click()
        await expect(ada.get_by_role("status")).to_contain_text("name: expected")
        for page in (ada, grace, later):
            await page.close()
