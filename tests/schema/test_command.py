"""`python -m aiows`: documents, exit statuses, and files that are stale."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import aiows
from aiows.schema import typescript
from aiows.schema.asyncapi import asyncapi_text
from aiows.schema.command import run
from schema.orders import make_app

MODULE = """
from aiohttp import web
from aiows import WebSocketView, on

class View(WebSocketView):
    @on("count")
    def count(self, by: int) -> int: ...

app = web.Application()
app.router.add_view("/ws", View)

def make_app():
    return app

async def make_app_later():
    return app

class Apps:
    nested = app

number = 1
def make_number():
    return number
"""


# The same aiows as the test's, installed or not.
AIOWS = str(Path(aiows.__file__).parents[1])


def run_in_a_process(*words: str, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "aiows", *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an application in ``counter.py``."""
    (tmp_path / "counter.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "counter", raising=False)
    return tmp_path


def test_a_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The same text that the functions return."""
    assert run(["schema", "schema.orders:make_app"]) == 0
    assert capsys.readouterr().out == asyncapi_text(make_app())
    assert run(["types", "schema.orders:make_app"]) == 0
    assert capsys.readouterr().out == typescript(make_app())


def test_the_module_is_a_program(folder: Path) -> None:
    """python -m aiows, in a process of its own, finds what is in the working directory."""
    ran = run_in_a_process("types", "counter:app", PYTHONPATH=AIOWS)
    assert '"count": Count;' in ran


def test_the_program_says_what_runs() -> None:
    """The versions that a bug report needs, and the build."""
    said = run_in_a_process("--version", PYTHONPATH=AIOWS)
    python = sys.version.split()[0]
    assert said.startswith(
        f"aiows {aiows.__version__} ({aiows.wire_build}), aiohttp {aiohttp.__version__}, "
    )
    assert said.endswith(f" {python}\n")


@pytest.mark.parametrize("document", ["schema", "types"])
def test_two_processes_write_the_same(document: str) -> None:
    """Though sets have another order in each."""
    path = os.pathsep.join((AIOWS, str(Path(__file__).parents[1])))
    one, two = (
        run_in_a_process(document, "schema.orders:make_app", PYTHONPATH=path, PYTHONHASHSEED=seed)
        for seed in ("1", "2")
    )
    assert one == two


@pytest.mark.parametrize("name", ["app", "make_app", "make_app_later", "Apps.nested"])
def test_an_application_or_what_makes_one_is_named(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An object, a function, an async function, something within something."""
    assert run(["types", f"counter:{name}"]) == 0
    assert '"count": Count;' in capsys.readouterr().out


@pytest.mark.parametrize("document", ["schema", "types"])
def test_a_file_that_was_just_written_is_up_to_date(
    document: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written, compared, and nothing is said."""
    assert run([document, "counter:app", "-o", "out"]) == 0
    assert run([document, "counter:app", "--check", "out"]) == 0
    assert capsys.readouterr() == ("", "")


def test_line_ends_do_not_make_a_file_stale(folder: Path) -> None:
    """git may check it out with others."""
    assert run(["types", "counter:app", "-o", "out.ts"]) == 0
    written = Path("out.ts").read_bytes()
    assert b"\r" not in written
    Path("out.ts").write_bytes(written.replace(b"\n", b"\r\n"))
    assert run(["types", "counter:app", "--check", "out.ts"]) == 0


def test_a_stale_file_fails_and_is_told_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard error has the lines that differ and the command that makes the file again."""
    run(["types", "counter:app", "-o", "out.ts"])
    Path("counter.py").write_text(MODULE.replace("by: int", "step: int"))
    del sys.modules["counter"]
    assert run(["types", "counter:app", "--check", "out.ts"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("out.ts is stale.")
    assert "\n  python -m aiows types counter:app -o out.ts\n" in err
    assert "\n-    by: number;\n+    step: number;\n" in err


def test_a_missing_file_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As if it were stale."""
    assert run(["schema", "counter:app", "--check", "nowhere.json"]) == 1
    assert "nowhere.json is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("counter", "'counter' is not of the form module:app, or module:factory"),
        ("counter.py:app", "'counter.py' is a file: name its module, as in counter:app\n"),
        ("counter.py", "'counter.py' is a file: name its module, as in counter:app\n"),
        (
            "shops/counter.py:make_app",
            "'shops/counter.py' is a file: name its module, as in counter:make_app, in the folder shops",
        ),
        ("counter:", "'counter:' is not of the form module:app"),
        ("nothing.there:app", "there is no module 'nothing'"),
        ("counter.app:app", "there is no module 'counter.app'"),
        ("counter:missing", "there is no 'missing' in counter"),
        ("counter:number", "counter:number is a int"),
        ("counter:make_number", "counter:make_number is a int"),
    ],
)
def test_what_is_no_application_is_refused(
    target: str, problem: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one line that says why, and the status of a wrong command line."""
    assert run(["schema", target]) == 2
    assert capsys.readouterr().err.startswith(problem)


def test_an_application_without_a_schema_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is wrong, no traceback, and not the status of a stale file."""
    (folder / "counter.py").write_text(MODULE.replace("-> int: ...", "-> web.Application: ..."))
    assert run(["types", "counter:app", "--check", "counter.ts"]) == 2
    assert capsys.readouterr().err.startswith("no schema can be made for 'count'")


def test_a_file_that_cannot_be_written_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the system's reason."""
    assert run(["types", "counter:app", "-o", "nowhere/out.ts"]) == 2
    assert capsys.readouterr().err.startswith("nowhere/out.ts cannot be written: No such file")


@pytest.mark.parametrize(
    ("source", "line", "error"),
    [
        (
            "import os\nimport not_installed",
            2,
            "ModuleNotFoundError: No module named 'not_installed'",
        ),
        ("import os\n\nos.missing", 3, "AttributeError: module 'os' has no attribute 'missing'"),
        ("app = (", 1, "SyntaxError: '(' was never closed"),
        ("def app():\n    return 1 / 0", 2, "ZeroDivisionError: division by zero"),
        ("async def app():\n    return 1 / 0", 2, "ZeroDivisionError: division by zero"),
    ],
)
def test_an_application_that_raises_is_told_by_its_file_and_line(
    source: str, line: int, error: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the thirty lines of how Python imports a module."""
    sys.modules.pop("broken", None)
    broken = folder / "broken.py"
    broken.write_text(source)
    importlib.invalidate_caches()
    assert run(["schema", "broken:app"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "broken:app cannot be loaded:"
    assert told[1].startswith(f'  File "{broken}", line {line}')
    assert told[-1] == error
    assert len(told) <= 5


def test_of_many_calls_the_last_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that are nearest to what went wrong."""
    calls = "".join(f"def f{each}(): f{each + 1}()\n" for each in range(9))
    (folder / "deep.py").write_text(f"{calls}def f9(): 1 / 0\nf0()")
    importlib.invalidate_caches()
    assert run(["schema", "deep:app"]) == 2
    told = capsys.readouterr().err
    assert told.count("  File ") == 3
    assert "line 10, in f9" in told


@pytest.mark.parametrize("words", [[], ["types"], ["types", "a:b", "-o", "x", "--check", "x"]])
def test_a_wrong_command_line_is_explained(
    words: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """As argparse does it."""
    with pytest.raises(SystemExit) as exited:
        run(words)
    assert exited.value.code == 2
    assert "usage: python -m aiows" in capsys.readouterr().err
