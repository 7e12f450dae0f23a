"""Measures the peers of one work in rounds: each round measures every peer once, one after the other.

So what changes in the machine while it runs changes all peers alike, and the figures of one round may be
compared with each other.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .cores import Cores
from .environments import Ready
from .errors import BenchError
from .generator import Load, Memory, measure_load, measure_memory
from .servers import Server, serve
from .works import Work

__all__ = ("Bench", "WorkResult")

HALF: Final = 0.5
RESERVED_FILES: Final = 200  # of the open files that one process may have, what else it needs
MAX_CALIBRATIONS: Final = 4
LATE: Final = 0.01  # of what was to be sent
TRIAL: Final = 4  # ticks
FULL_LOAD: Final = 200  # microseconds: all that has been answered is asked again at once

COMPILERS_WARM: Final = 5  # times as long as others

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WorkResult:
    """``loads`` and ``memories``: for each peer by its name, one of each round; ``ticks``: microseconds."""

    work: Work
    ticks: dict[str, int] = field(default_factory=dict)
    loads: dict[str, list[Load]] = field(default_factory=dict)
    memories: dict[str, list[Memory]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """``seconds`` and ``warm`` are for one peer in one round; a round has at least 8 ticks."""

    native: Mapping[str, Path]
    cores: Cores
    rounds: int
    seconds: float
    warm: float
    tell: Tell

    def measure(self, work: Work, peers: Iterable[Ready]) -> WorkResult:
        """All rounds of one work; a peer that fails once is left out from then on."""
        result = WorkResult(work)
        candidates = [ready for ready in peers if ready.peer.does(work)]
        if work.task == "idle":
            self._measure_idle(result, candidates)
            return result
        for ready in candidates:
            self._attempt(result, ready, self._calibrate)
        for _ in range(self.rounds):
            for ready in candidates:
                self._attempt(result, ready, self._take_round)
        return result

    def _attempt(
        self, result: WorkResult, ready: Ready, what: Callable[[WorkResult, Ready], None]
    ) -> None:
        name = ready.peer.name
        if name in result.failures:
            return
        try:
            what(result, ready)
        except BenchError as error:
            result.failures[name] = str(error)
            self.tell(f"{result.work.name}: {name}: {error}")

    # load

    def _calibrate(self, result: WorkResult, ready: Ready) -> None:
        """Find the tick at which the server works less than half of the time, but no shorter one."""
        tick = result.work.tick
        if ready.peer.polls:
            result.ticks[ready.peer.name] = FULL_LOAD
            return
        for _ in range(MAX_CALIBRATIONS):
            load = self._load(
                result.work, ready, tick, seconds=max(0.3, TRIAL * tick / 1e6), warm=0.2
            )
            if load.busy <= HALF and not _is_late(result.work, load):
                break
            tick = math.ceil(tick * max(2.0, load.busy / HALF * 1.2))
        result.ticks[ready.peer.name] = tick

    def _take_round(self, result: WorkResult, ready: Ready) -> None:
        name, tick = ready.peer.name, result.ticks[ready.peer.name]
        seconds, warm = max(self.seconds, 8 * tick / 1e6), max(self.warm, 2 * tick / 1e6)
        if ready.peer.compiles:
            warm *= COMPILERS_WARM
        load = self._load(result.work, ready, tick, seconds=seconds, warm=warm)
        loads = result.loads.setdefault(name, [])
        loads.append(load)
        self.tell(
            f"{result.work.name} {len(loads)}/{self.rounds}: {name:26} {load.microseconds:9.2f} us"
            f"  {load.busy:4.0%} busy  p50 {load.p50:.0f} us  p99 {load.p99:.0f} us"
        )

    def _load(self, work: Work, ready: Ready, tick: int, *, seconds: float, warm: float) -> Load:
        with self._serving(ready) as server:
            return measure_load(
                self.native["load"],
                work,
                server,
                core=self.cores.generator,
                tick=tick,
                seconds=seconds,
                warm=warm,
            )

    # memory

    def _measure_idle(self, result: WorkResult, candidates: list[Ready]) -> None:
        """One round: memory does not depend on what else the machine does."""
        for ready in candidates:
            self._attempt(result, ready, self._take_memory)

    def _take_memory(self, result: WorkResult, ready: Ready) -> None:
        work = result.work
        with self._serving(ready) as server:
            memory = measure_memory(
                self.native["load"],
                work,
                server,
                core=self.cores.generator,
                connections=work.connections or open_files_limit() - RESERVED_FILES,
            )
        result.memories.setdefault(ready.peer.name, []).append(memory)
        self.tell(f"{work.name}: {ready.peer.name:26} {memory.kib:8.2f} KiB a connection")

    def _serving(self, ready: Ready) -> AbstractContextManager[Server]:
        arguments = ready.peer.arguments
        return serve(ready.command, arguments=arguments, core=self.cores.server, env=ready.env)


def _is_late(work: Work, load: Load) -> bool:
    asked = load.messages / work.in_flight
    return load.late > LATE * (asked if work.task != "fan-out" else asked / work.connections)


def open_files_limit() -> int:
    """How many files one process may have open, the soft limit raised to the hard one for all that follow."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
