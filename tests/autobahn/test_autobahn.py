"""Autobahn's fuzzing client finds nothing: no case FAILED, none NON-STRICT."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from autobahn.fuzzing_client import Fuzzing, Verdict, find_python27, install
from event_loops import LOOPS

pytestmark = [pytest.mark.autobahn, pytest.mark.timeout(3 * 3600)]

HERE = Path(__file__).parent
FULL = os.environ.get("AIOWS_AUTOBAHN") == "full"
"""Whether all cases run, which takes many minutes; the tox environment ``autobahn`` sets it."""

QUICK_CASES = [
    "1.*",
    "2.*",
    "3.*",
    "4.*",
    "5.*",
    "6.*",
    "7.*",
    "10.*",
    "12.1.1",
    "13.3.1",
    "13.7.1",
]
ALL_CASES = [f"{section}.*" for section in (1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13)]

Verdicts = dict[str, list[Verdict]]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, int]]:
    """An echo server on each loop: its name and its port."""
    processes = [
        subprocess.Popen(
            [sys.executable, HERE / "echo_server.py", loop],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for loop in LOOPS
    ]
    try:
        lines = [process.stdout.readline() for process in processes if process.stdout]
        yield dict(zip(LOOPS, map(int, lines), strict=True))
    finally:
        for process in processes:
            process.communicate()


@pytest.fixture(scope="module")
def verdicts(
    servers: dict[str, int], pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Verdicts:
    python = find_python27()
    if python is None:
        pytest.skip("no Python 2.7 with pip: `pyenv install 2.7.18`, or name one in PYTHON27")
    assert pytestconfig.cache is not None
    installed = install(python, pytestconfig.cache.mkdir("autobahntestsuite"))
    cases = ALL_CASES if FULL else QUICK_CASES
    with ExitStack() as stack:
        at_work = {
            loop: stack.enter_context(
                Fuzzing(python, installed, port, cases, tmp_path_factory.mktemp(loop))
            )
            for loop, port in servers.items()
        }
        return {loop: fuzzing.verdicts() for loop, fuzzing in at_work.items()}


@pytest.mark.parametrize("loop", LOOPS)
def test_the_fuzzing_client_finds_nothing(verdicts: Verdicts, loop: str) -> None:
    """Every case is OK or INFORMATIONAL, its close included."""
    assert len(verdicts[loop]) >= (500 if FULL else 247)
    bad = [verdict for verdict in verdicts[loop] if not verdict.is_fine]
    assert bad == [], "\n".join(map(str, bad))
