"""Runs aiohttp's own tests, of any version, and returns how each of them ended.

The suite is in aiohttp's source distribution, which pip fetches; it is never copied into the
repository. It runs in a process of its own, with its own pytest.ini, on aiohttp's class or on ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import aiows

HERE: Final = Path(__file__).parent

FILES: Final = (
    "test_client_ws_functional.py",
    "test_run_app.py",
    "test_test_utils.py",
    "test_web_functional.py",
    "test_web_websocket.py",
    "test_web_websocket_functional.py",
    "test_websocket_handshake.py",
)
"""The files that make a WebSocketResponse."""


class Outcome(NamedTuple):
    """How a test ended."""

    word: str
    """passed, failed or skipped"""
    complaint: str
    """What pytest printed of a failure."""


Outcomes = dict[str, Outcome]
"""By test id, in which the loop is always called pyloop: a failure on any loop is a failure."""


def fetch(version: str, cache: Path) -> Path:
    """The folder with aiohttp's tests of this version, downloaded into ``cache`` once.

    Raises subprocess.CalledProcessError if pip cannot get it.
    """
    suite = cache / f"aiohttp-{version}"
    if not suite.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _download(version, Path(folder))
            _unpack(Path(folder), version)
            Path(folder, suite.name).rename(suite)
    return suite


def _download(version: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    source_only = ["--no-deps", "--no-binary=aiohttp", f"--dest={folder}"]
    subprocess.run([*pip, *source_only, f"aiohttp=={version}"], check=True)


def _unpack(folder: Path, version: str) -> None:
    """The tests and their options only: the sources would shadow the installed aiohttp."""
    (archive,) = folder.glob("*.tar.gz")
    wanted = (f"aiohttp-{version}/tests/", f"aiohttp-{version}/pytest.ini")
    with tarfile.open(archive) as tar:
        tar.extractall(
            folder,
            members=[member for member in tar if member.name.startswith(wanted)],
            filter="data",
        )


def _on_loops(loop: str, tests: Collection[str]) -> list[str]:
    """The ids of ``tests`` as pytest knows them when it runs them on ``loop``."""
    loops = ("pyloop", "uvloop") if loop == "all" else (loop,)
    return sorted({test.replace("pyloop", name) for test in tests for name in loops})


class Run:
    """aiohttp's suite under way in a process of its own.

    ``ours``: on aiows.WebSocketResponse. ``loop``: pyloop, uvloop or all. ``only`` or ``without``
    some tests, all of them by default. ``options``: more of pytest's.
    """

    def __init__(
        self,
        suite: Path,
        *,
        ours: bool,
        loop: str,
        only: Collection[str] = (),
        without: Collection[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory()
        self._outcomes = Path(self._scratch.name, "outcomes.json")
        self._log = Path(self._scratch.name, "log")
        plugins = ["-p", "report_outcomes", *(["-p", "replace_class"] if ours else [])]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider"),
                    # aiohttp's own plugin runs its tests; these two would take them from it
                    *("-p", "no:asyncio", "-p", "no:aiohttp"),
                    *("--strict-markers", "-q", "--tb=short", "--timeout=20"),
                    f"--aiohttp-loop={loop}",
                    *plugins,
                    *options,
                    *(f"--deselect={test}" for test in _on_loops(loop, without)),
                    *(_on_loops(loop, only) or (f"tests/{name}" for name in FILES)),
                ],
                cwd=suite,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _environment(self) -> dict[str, str]:
        """Without CI and the options of the run that we are part of."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name != "CI" and not name.startswith(("PYTEST_", "COV_"))
        }
        ours = Path(aiows.__file__).parent.parent
        return inherited | {
            "PYTHONPATH": f"{HERE}{os.pathsep}{ours}",
            "AIOWS_OUTCOMES": str(self._outcomes),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._scratch.cleanup()

    def outcomes(self) -> Outcomes:
        """Wait for the end, and say how each test ended."""
        self._process.wait()
        if not self._outcomes.exists():
            raise RuntimeError(f"aiohttp's tests did not run:\n{self._log.read_text()}")
        outcomes: Outcomes = {}
        for test, word, complaint in json.loads(self._outcomes.read_text()):
            name = test.replace("uvloop", "pyloop")
            if name not in outcomes or word == "failed":
                outcomes[name] = Outcome(word, complaint)
        return outcomes
