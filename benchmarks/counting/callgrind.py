"""Runs callgrind and reads from its dumps how many instructions one message needs on each path."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bench.commands import run_command
from bench.errors import BenchError
from bench.native import BUILD, NATIVE

from .child import FEW, MANY
from .paths import PATHS

__all__ = ("count", "per_message", "read_dump")

WITHIN: Final = 480  # seconds
COMMAND: Final = Path(__file__).parents[1] / "instructions.py"
TRIGGER: Final = re.compile(r"^desc: Trigger: Client Request: (\S+) (\d+)$", re.MULTILINE)
TOTAL: Final = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def count() -> dict[str, int]:
    """Instructions per message, by path. Raises BenchError if valgrind or a compiler is missing."""
    marks = _compile_marks()
    with tempfile.TemporaryDirectory() as folder:
        _run(marks, Path(folder))
        return per_message(path.read_text() for path in Path(folder).iterdir())


def _compile_marks() -> Path:
    BUILD.mkdir(exist_ok=True)
    marks = BUILD / "marks.so"
    command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(marks), str(NATIVE / "marks.c")]
    run_command(command, needs="Debian's gcc, libc6-dev and valgrind")
    return marks


def _run(marks: Path, folder: Path) -> None:
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet"]
    out = f"--callgrind-out-file={folder}/out"
    run_command(
        [*valgrind, out, sys.executable, str(COMMAND), "--child", str(marks)],
        needs="Debian's valgrind",
        within=WITHIN,
        env={"PYTHONHASHSEED": "0"},  # the order of a dict's probes is counted, too
    )


def per_message(dumps: Iterable[str]) -> dict[str, int]:
    """What each path's runs cost apart from beginning and ending. Raises BenchError if one is missing."""
    totals = dict(found for dump in dumps if (found := read_dump(dump)) is not None)
    try:
        return {
            name: round((totals[name, MANY] - totals[name, FEW]) / (MANY - FEW) / path.messages)
            for name, path in PATHS.items()
        }
    except KeyError as missing:
        raise BenchError(f"callgrind has counted nothing for {missing}") from missing


def read_dump(dump: str) -> tuple[tuple[str, int], int] | None:
    """(path, runs) and the instructions of one dump; None for the one at the end of the program."""
    trigger, total = TRIGGER.search(dump), TOTAL.search(dump)
    if trigger is None or total is None:
        return None
    return (trigger[1], int(trigger[2])), int(total[1])
