"""Measures a running server once, with the load generator."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from .cores import Cores
from .errors import BenchError
from .process import cpu_seconds, settled_resident_bytes
from .servers import Server
from .works import Work

__all__ = ("Load", "Memory", "measure_load", "measure_memory", "parse_phase")

NO_DEFLATE: Final = 3  # the generator's exit status
PATIENCE: Final = 180.0  # seconds for a whole run: a server that hangs ends it
BASE_CONNECTIONS: Final = 100  # are open already when memory is first read


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``cpu``: the server's seconds in all; ``wall`` seconds; latencies in microseconds.

    ``late``: how often a connection was left out because it still waited, at a fan-out how often all
    were. ``overruns``: how often the generator itself was behind.
    """

    cpu: float
    wall: float
    messages: int
    late: int
    overruns: int
    p50: float
    p90: float
    p99: float
    max: float

    @property
    def microseconds(self) -> float:
        """The server's processor time for one message, or one delivery."""
        return self.cpu / self.messages * 1e6

    @property
    def busy(self) -> float:
        """The part of the time that the server worked."""
        return self.cpu / self.wall


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    connections: int
    bytes_each: float

    @property
    def kib(self) -> float:
        return self.bytes_each / 1024


def measure_load(
    program: Path, work: Work, server: Server, *, core: int, tick: int, seconds: float, warm: float
) -> Load:
    """One round. Raises BenchError if a reply is wrong or missing, or the server does not compress."""
    options = work.options(port=server.port, connections=work.connections, tick=tick)
    timing = [f"--seconds={seconds}", f"--warm={warm}"]
    with _Run(Cores.pinned(core, [str(program), *options, *timing])).running() as run:
        run.await_phase("connected")
        run.await_phase("warm")
        cpu, begin = cpu_seconds(server.pid), time.perf_counter()
        figures = run.await_phase("measured")
        cpu, wall = cpu_seconds(server.pid) - cpu, time.perf_counter() - begin
        run.go_on()
    del figures["phase"], figures["ticks"]
    return Load(cpu=cpu, wall=wall, **figures)


def measure_memory(
    program: Path, work: Work, server: Server, *, core: int, connections: int
) -> Memory:
    """What each connection adds, once it has been used and all is quiet. Raises BenchError."""
    options = work.options(port=server.port, connections=connections, tick=work.tick)
    command = [str(program), *options, f"--base={BASE_CONNECTIONS}"]
    with _Run(Cores.pinned(core, command)).running() as run:
        run.await_phase("base")
        base = settled_resident_bytes(server.pid)
        run.await_phase("idle")
        full = settled_resident_bytes(server.pid)
        run.go_on()
    added = connections - BASE_CONNECTIONS
    return Memory(connections=connections, bytes_each=(full - base) / added)


def parse_phase(line: str, expected: str) -> dict[str, Any]:
    """The figures that the generator prints at the end of a phase. Raises BenchError for another one."""
    figures: dict[str, Any] = json.loads(line)
    if figures.get("phase") != expected:
        raise BenchError(f"the generator ended {figures.get('phase')!r}, not {expected!r}")
    return figures


class _Run:
    """One run of the generator, which waits at the end of each phase until it is told to go on."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._is_waiting = False

    @contextmanager
    def running(self) -> Iterator[_Run]:
        watchdog = threading.Timer(PATIENCE, self._process.kill)
        watchdog.start()
        try:
            yield self
        finally:
            watchdog.cancel()
            self._process.kill()
            self._process.communicate()

    def await_phase(self, name: str) -> dict[str, Any]:
        """Go on to the end of phase ``name``, and leave the generator waiting there."""
        if self._is_waiting:
            self.go_on()
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise BenchError(self._failure())
        self._is_waiting = True
        return parse_phase(line, name)

    def go_on(self) -> None:
        stdin = _pipe(self._process.stdin)
        stdin.write("\n")
        stdin.flush()
        self._is_waiting = False

    def _failure(self) -> str:
        said = _pipe(self._process.stderr).read().strip()
        if self._process.wait() == NO_DEFLATE:
            return "does not compress"
        return said or f"the generator ended with {self._process.returncode}"


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
