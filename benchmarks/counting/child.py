"""What runs inside callgrind: each path a few times and many times, with a dump of the counters for both.

    valgrind --tool=callgrind --instr-atstart=no python benchmarks/instructions.py --child MARKS

The difference of the two is what the runs cost, without what it costs to begin and to end.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from typing import Final, Protocol, cast

from .paths import PATHS, Path, Run, opened

__all__ = ("FEW", "MANY", "main", "take_counts")

WARM: Final = 50
FEW: Final = 20
MANY: Final = 120


def main() -> None:
    gc.disable()  # when it comes depends on all that was allocated before
    asyncio.run(take_counts(cast(Marks, ctypes.CDLL(sys.argv[1]))))


class Marks(Protocol):
    """The functions of native/marks.c."""

    def start_counting(self) -> object: ...

    def begin_count(self) -> object: ...

    def end_count(self, name: bytes, /) -> object: ...


async def take_counts(marks: Marks) -> None:
    """Run each path FEW and MANY times between the marks of its counts."""
    async with opened() as runs:
        for name, run in runs.items():
            await _repeat(run, PATHS[name], WARM)
        marks.start_counting()
        for name, run in runs.items():
            await _repeat(run, PATHS[name], WARM)
            for times in (FEW, MANY):
                await asyncio.sleep(0)  # what was left for the end of the turn is not counted here
                marks.begin_count()
                await _repeat(run, PATHS[name], times)
                marks.end_count(f"{name} {times}".encode())


async def _repeat(run: Run, path: Path, times: int) -> None:
    """Run outside of any task, as a transport brings what it has read; or each time in a turn of its own."""
    if not path.takes_turn:
        asyncio.get_running_loop().call_soon(_run_often, run, times)
        await asyncio.sleep(0)
        return
    for _ in range(times):
        run()
        await asyncio.sleep(0)


def _run_often(run: Run, times: int) -> None:
    for _ in range(times):
        run()
