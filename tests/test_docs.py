"""In go README.md and docs/: every block of code in them runs, and what they name is there."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
README: Final = ROOT / "README.md"
BUILT: Final = DOCS / "_build"
PAGES: Final = (
    README,
    *(page for page in sorted(DOCS.rglob("*.md")) if BUILT not in page.parents),
)

Client = TestClient[web.Request, web.Application]

# What is no code, and what Sphinx itself checks.
NOT_RUN: Final = {"text", "nginx", "console", "eval-rst", "toctree", "figure", "image"}
SCRIPT: Final = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)
FENCE: Final = re.compile(r"^ *(`{3,}|~{3,})\{?([\w-]*)\}?(.*)$", re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def exercise(app: web.Application, talk: Callable[[Client], Awaitable[None]]) -> None:
    """Serve ``app`` and let ``talk`` speak to it: what the hidden blocks of a page call."""

    async def run() -> None:
        async with asyncio.timeout(20), TestClient(TestServer(app)) as client:
            await talk(client)

    asyncio.run(run())


class Page:
    """One page while its blocks run, from top to bottom and with one namespace.

    A block with a caption is the file of that name: it is written to ``folder``, and then a module
    is imported, and a ``test_*.py`` run.
    """

    def __init__(self, path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        checks = {
            "python": self._run,
            "js": self._check_js,
            "html": self._check_html,
            "ini": self._keep,
            "json": check_json,
            "bash": check_bash,
        }
        self._document = parse(path, checks)
        page = ModuleType("page")
        monkeypatch.setitem(sys.modules, page.__name__, page)
        self._document.namespace = vars(page)
        self._document.namespace.update(exercise=exercise, take_files=self._take_files)

    def run(self) -> None:
        for example in self._document:
            example.evaluate()

    def _take_files(self, name: str) -> None:
        """Have the files of another page."""
        for example in parse(DOCS / name, dict.fromkeys(("python", "html", "ini"), self._keep)):
            example.evaluate()

    def _run(self, example: Example) -> None:
        path = self._write(example)
        if path is None:
            PythonEvaluator()(example)
        elif path.name.startswith("test_"):
            run_pytest(path)
        else:
            self._import(path)

    def _check_js(self, example: Example) -> None:
        check_script(example.parsed, self._folder)

    def _check_html(self, example: Example) -> None:
        self._write(example)
        for script in SCRIPT.findall(example.parsed):
            check_script(script, self._folder)

    def _keep(self, example: Example) -> None:
        self._write(example)

    def _write(self, example: Example) -> Path | None:
        name = example.region.lexemes.get("options", {}).get("caption")
        if name is None:
            return None
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.parsed)
        return path

    def _import(self, path: Path) -> None:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        self._monkeypatch.setitem(sys.modules, path.stem, module)
        spec.loader.exec_module(module)


def parse(path: Path, checks: dict[str, Callable[[Example], Any]]) -> Document:
    parsers = [CodeBlockParser(language, check) for language, check in checks.items()]
    return Document.parse(str(path), *parsers)


def check_script(source: str, folder: Path) -> None:
    """Ask node whether it is JavaScript; without node nobody can say."""
    node = shutil.which("node")
    if node is None:
        return
    path = folder / "script.mjs"
    path.write_text(source)
    checked = subprocess.run([node, "--check", path], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def check_json(example: Example) -> None:
    """Each line is a message."""
    for line in example.parsed.splitlines():
        json.loads(line)


def check_bash(example: Example) -> None:
    """The targets of ``make`` and the files that are run exist."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in example.parsed.splitlines():
        words = line.partition("#")[0].split()
        if "make" in words:
            asked = {word for word in words[words.index("make") + 1 :] if "=" not in word}
            assert asked <= targets, f"{example.path}:{example.line}: {asked - targets}"
        for word in words:
            assert "/" not in word or not word.endswith(".py") or (ROOT / word).is_file(), word


def run_pytest(path: Path) -> None:
    """Run the tests in ``path`` as its reader would, in their own folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path.name]
    ran = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_the_code_on_a_page_runs(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block, from top to bottom; applications are served and spoken to."""
    Page(path, tmp_path, monkeypatch).run()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_block_says_what_it_is(path: Path) -> None:
    """A block in a language that nobody checks would not be run in silence."""
    checked = {"python", "js", "html", "ini", "json", "bash"}
    for language, argument in opened_blocks(path.read_text()):
        assert (argument if language == "code-block" else language) in checked | NOT_RUN


def opened_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language or directive, and argument, of every fenced block."""
    closing = None
    for fence, language, argument in FENCE.findall(text):
        if closing is None:
            yield language, argument.strip()
            closing = fence
        elif fence.startswith(closing) and not language:
            closing = None
    assert closing is None
