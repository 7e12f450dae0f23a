"""Reads the processor time and the memory of a process from /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .errors import BenchError

__all__ = ("cpu_seconds", "resident_bytes", "settled_resident_bytes")

PAGE_SIZE: Final = os.sysconf("SC_PAGE_SIZE")
SETTLED: Final = 0.001  # of the memory: less change than this within PAUSE is none
PAUSE: Final = 0.5
PATIENCE: Final = 15.0


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads, from the scheduler's nanosecond counters.

    Raises BenchError for a process that has ended.
    """
    with _while_it_runs():
        return sum(_run_time(thread) for thread in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def _run_time(thread: Path) -> int:
    return int((thread / "schedstat").read_text().split()[0])


def resident_bytes(pid: int) -> int:
    """What the process has in memory, shared libraries included. Raises as `cpu_seconds` does."""
    with _while_it_runs():
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_SIZE


@contextmanager
def _while_it_runs() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BenchError("the server has ended") from error


def settled_resident_bytes(pid: int) -> int:
    """`resident_bytes` once they do not change any more, or after 15 seconds."""
    give_up = time.monotonic() + PATIENCE
    before = resident_bytes(pid)
    while time.monotonic() < give_up:
        time.sleep(PAUSE)
        after = resident_bytes(pid)
        if abs(after - before) <= before * SETTLED:
            return after
        before = after
    return before
