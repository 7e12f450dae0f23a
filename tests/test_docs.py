"""README.md and docs/: every block of code in them runs, and everything that they name exists."""

from __future__ import annotations

import ast
import asyncio
import configparser
import importlib.util
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser

import aiows
import aiows.codecs
import aiows.schema
import aiows.testing
from aiows.connection import closing
from aiows.settings import CALLBACK_OPTIONS, WEBSOCKET_OPTIONS, ViewOptions
from compat.expected import EXPECTED
from raw_client import How, RawClient

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
NOT_RUN: Final = {"text", "nginx", "console", "eval-rst", "toctree", "figure", "image", "index"}
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
            "ts": self._keep,
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
        for example in parse(
            DOCS / name, dict.fromkeys(("python", "html", "ini", "ts"), self._keep)
        ):
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
        name: str | None = example.region.lexemes.get("options", {}).get("caption")
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


def parse(path: Path, checks: Mapping[str, Callable[[Example], None]]) -> Document:
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
    checked = {"python", "js", "html", "ini", "json", "bash", "ts"}
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


# what they name


NAMED_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def sections_of(text: str, level: str) -> dict[str, str]:
    """The text below each heading of a level, by heading."""
    heading = re.compile(rf"^{level} (.+)$", re.MULTILINE)
    starts = [*heading.finditer(text)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    return {match[1]: text[match.end() : end] for match, end in zip(starts, ends, strict=True)}


def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


DIFFERENCES: Final = sections_of((DOCS / "differences.md").read_text(), "###")


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_a_difference_from_aiohttp_names_a_test_that_shows_it(difference: str) -> None:
    """And the test is there."""
    named = NAMED_TEST.findall(DIFFERENCES[difference])
    assert named
    for path, test in named:
        assert test in functions_in(ROOT / path)


def test_each_of_aiohttps_tests_that_a_difference_contradicts_is_named() -> None:
    """The others that do not pass reach into what is private."""
    page = (DOCS / "differences.md").read_text()
    for test, reason in EXPECTED.items():
        name = test.partition("::")[2].partition("[")[0]
        assert (f"`{name}`" in page) is reason.startswith("contradicts")


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_test_that_a_page_names_exists(path: Path) -> None:
    """Wherever it is named."""
    for file, test in NAMED_TEST.findall(path.read_text()):
        assert test in functions_in(ROOT / file)


def test_what_the_readme_links_to_exists() -> None:
    """Sphinx looks after the links within docs/."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readmes_example_is_the_one_in_examples() -> None:
    """Who copies it has what the tests of the examples run."""
    source = (ROOT / "examples" / "minimal.py").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    docstring = ast.get_docstring(ast.parse(source)) or ""
    assert source.replace(f'"""{docstring}"""', "").strip() == code.strip()


def test_every_public_name_is_in_the_reference() -> None:
    """By its own entry; aiohttp's names are mentioned."""
    reference = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    entries = set(re.findall(r"^\.\. auto\w+:: ([\w.]+)", reference, re.MULTILINE))
    theirs = {"WSCloseCode", "WSMessage", "WSMsgType"}
    assert set(aiows.__all__) - theirs <= entries
    assert all(f"`{name}`" in reference for name in theirs)
    assert set(aiows.testing.__all__) <= entries
    assert set(aiows.schema.__all__) <= entries


def test_the_picture_of_a_connections_states_is_the_one_in_the_code() -> None:
    """The page and the docstring show the same."""
    page = (DOCS / "explanation" / "journey.md").read_text()
    (picture,) = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert all(line.strip() in str(closing.__doc__) for line in picture.splitlines())


def test_the_table_of_layers_is_the_one_that_is_checked() -> None:
    """The lines of the table are those of import-linter's contract, in order."""
    page = sections_of((DOCS / "explanation" / "architecture.md").read_text(), "##")["The layers"]
    (table, *_) = page.partition("|---|---|")[2].split("\n\n")
    documented = [re.findall(r"`(\w+)/?`", row.split("|")[1]) for row in table.strip().splitlines()]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    layers = config["importlinter:contract:layers"]["layers"].strip().splitlines()
    assert documented == [[name.strip() for name in layer.split("|")] for layer in layers]


def test_what_a_file_is_said_to_answer_is_defined_in_it() -> None:
    """The table of questions names a file and what to look at there."""
    page = sections_of((DOCS / "explanation" / "architecture.md").read_text(), "##")["The layers"]
    rows = re.findall(r"^\| .+ \| `([\w/]+\.py)` \| `(\w+)` \|$", page, re.MULTILINE)
    assert len(rows) == page.rpartition("|---|---|---|")[2].count("\n| ")
    for file, name in rows:
        defined = ast.parse((ROOT / "aiows" / file).read_text()).body
        assert name in {getattr(each, "name", None) for each in defined}, f"{name} in {file}"


@pytest.mark.parametrize("path", sorted((DOCS / "explanation").glob("*.md")), ids=name_of)
def test_a_file_that_an_explanation_names_exists(path: Path) -> None:
    """From the root of the repository, or in `aiows/`; a shorter name is in a folder named beside it."""
    text = path.read_text()
    folders = [ROOT, ROOT / "aiows", *(ROOT / "aiows" / each for each in ("_native", "_wire"))]
    for file in re.findall(r"(?:`|python )([\w/]+\.(?:py|pxi|h))", text):
        assert any((folder / file).exists() for folder in folders), file


def test_the_reference_of_a_connection_has_its_public_names_and_no_other() -> None:
    """Whoever types `ws.` sees what is documented."""
    page = (DOCS / "reference" / "connection.md").read_text()
    (members,) = re.findall(r"autoclass:: Connection\(\)\n +:members: ([\w,\s]+)\n\n", page)
    names = {name for name in dir(aiows.Connection) if not name.startswith("_")}
    public = {name for name in names if hasattr(aiows.Connection, name)}
    assert {name.strip() for name in members.split(",")} == public


def option_table(name: str) -> dict[str, Any]:
    """Option and default, as the page of options has them."""
    text = sections_of((DOCS / "reference" / "options.md").read_text(), "##")[name]
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", text, re.MULTILINE)
    return {option: eval(default, {**vars(aiows.codecs)}) for option, default in rows}


def defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    options = [each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    return {option.name: option.default for option in options}


def test_the_options_of_a_response_are_all_there_with_their_defaults() -> None:
    """What `help` shows of `WebSocketResponse`."""
    assert option_table("WebSocketResponse") == defaults_of(aiows.WebSocketResponse)


def test_the_options_of_a_view_are_all_there_with_their_defaults() -> None:
    """`kinds` is what `on` makes, and no option."""
    annotated = {**ViewOptions.__annotations__, **aiows.WebSocketView.__annotations__}
    own = {name for name in annotated if name.islower() and not name.startswith("_")}
    options = own - {"ws", "user_id", "kinds"}
    defaults = {name: getattr(aiows.WebSocketView, name) for name in options}
    assert option_table("WebSocketView") == defaults


def test_the_options_of_a_dispatcher_are_all_there_with_their_defaults() -> None:
    """What `KindDispatcher` takes."""
    assert option_table("KindDispatcher") == defaults_of(aiows.KindDispatcher)


def test_the_options_of_setup_are_all_there_with_their_defaults() -> None:
    """What `setup` takes."""
    assert option_table("setup") == defaults_of(aiows.setup)


def test_the_options_of_a_callback_route_are_all_there_with_their_defaults() -> None:
    """What is no callback in its dict."""
    assert option_table("Callbacks on a route") == CALLBACK_OPTIONS.default_values


def test_the_options_of_an_endpoint_are_all_there_with_their_defaults() -> None:
    """What `help` shows of `WebSocket` and `WebSocketRoute`."""
    documented = option_table("WebSocket and WebSocketRoute")
    assert documented == WEBSOCKET_OPTIONS.default_values
    assert documented == defaults_of(aiows.WebSocket) == defaults_of(aiows.WebSocketRoute)


def test_the_options_of_a_test_client_are_all_there_with_their_defaults() -> None:
    """What `TestClient` takes."""
    assert option_table("TestClient") == defaults_of(aiows.testing.TestClient)


def test_the_tables_of_costs_say_which_columns_are_aiows() -> None:
    """Each column is somebody's: the floor, another library, or aiows."""
    headings = re.findall(r"^\| \| (floor .+) \|$", README.read_text(), re.MULTILINE)
    assert len(headings) == 2
    for heading in headings:
        others = {"floor", "picows", "socketify"}
        names = {column.split()[0] for column in heading.split(" | ")}
        assert names <= others | {"aiows"}
        assert "aiows" in names


# what the page of differences says, where no other test shows it


Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def handler_of(view: Callable[[aiows.WebSocketResponse], Awaitable[None]]) -> Handler:
    """Accept a connection and leave the rest to ``view``."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws = aiows.WebSocketResponse()
        await ws.prepare(request)
        await view(ws)
        return ws

    return handler


async def test_send_json_says_what_push_says(serve: Serve, raw_client: Connect) -> None:
    """Compact and not escaped; NaN is null; an integer of over 64 bits is whole."""

    async def view(ws: aiows.WebSocketResponse) -> None:
        for value in ({"a": 1}, "ü", float("nan"), date(2026, 11, 21), 2**70):
            await ws.send_json(value)
        await ws.send_json({"a": 1}, dumps=json.dumps)

    client = await raw_client(await serve(handler_of(view)))
    sent = [(await client.recv_frame()).text for _ in range(6)]
    assert sent == ['{"a":1}', '"ü"', "null", '"2026-11-21"', str(2**70), '{"a": 1}']


async def test_receive_json_reads_what_orjson_reads(serve: Serve, raw_client: Connect) -> None:
    """A large integer is a float and NaN no JSON, unless the standard library reads them."""
    seen: list[Any] = []

    async def view(ws: aiows.WebSocketResponse) -> None:
        seen.append(await ws.receive_json())
        with pytest.raises(ValueError, match="unexpected character"):
            await ws.receive_json()
        seen.append(await ws.receive_json(loads=json.loads))
        await ws.send_str("done")

    client = await raw_client(await serve(handler_of(view)))
    for text in (str(2**70), "NaN", str(2**70)):
        client.send_text(text)
    assert (await client.recv_frame()).text == "done"
    assert seen == [float(2**70), 2**70]
    assert isinstance(seen[0], float)


async def test_send_frame_sends_nothing_that_the_peer_must_refuse(
    serve: Serve, raw_client: Connect
) -> None:
    """Whole messages and control frames of at most 125 bytes."""

    async def view(ws: aiows.WebSocketResponse) -> None:
        for opcode in (aiows.WSMsgType.CLOSE, aiows.WSMsgType.CONTINUATION):
            with pytest.raises(ValueError, match="not a message"):
                await ws.send_frame(b"", opcode)
        for send in (ws.ping, ws.pong):
            with pytest.raises(ValueError, match="125"):
                await send(bytes(126))
        await ws.send_frame(b"text", aiows.WSMsgType.TEXT)

    client = await raw_client(await serve(handler_of(view)))
    assert (await client.recv_frame()).text == "text"


async def test_an_empty_close_has_the_code_1005(serve: Serve, raw_client: Connect) -> None:
    """The view is told so, and the peer gets an empty one back."""
    seen: list[int | None] = []

    async def view(ws: aiows.WebSocketResponse) -> None:
        await ws.receive()
        seen.append(ws.close_code)

    client = await raw_client(await serve(handler_of(view)))
    client.send_close(None)
    assert (await client.recv_frame()).payload == b""
    assert (await client.wait_closed()).how is How.EOF
    assert seen == [1005]
