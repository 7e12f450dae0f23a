"""Runs a peer's server on a free port of loopback, for as long as a `with` block lasts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from .cores import Cores
from .errors import BenchError

__all__ = ("Server", "serve")

HOST: Final = "127.0.0.1"
START_WITHIN: Final = 30.0
STOP_WITHIN: Final = 5.0


@dataclass(frozen=True, slots=True)
class Server:
    pid: int
    port: int


@contextmanager
def serve(
    command: list[str], *, arguments: list[str], core: int, env: Mapping[str, str]
) -> Iterator[Server]:
    """Run ``command PORT ARGUMENTS``. Raises BenchError with the last it printed if it does not listen."""
    port = _free_port()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            Cores.pinned(core, [*command, str(port), *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
        )
        try:
            _await_listening(process, port, output)
            yield Server(process.pid, port)
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _await_listening(process: subprocess.Popen[bytes], port: int, output: IO[bytes]) -> None:
    give_up = time.monotonic() + START_WITHIN
    while time.monotonic() < give_up and process.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    output.seek(0)
    said = output.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
    raise BenchError(f"the server did not listen on its port: {said[-1]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """As it is asked first, then by force: some wait for connections that are idle."""
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(how)
        try:
            process.wait(STOP_WITHIN if how is signal.SIGKILL else 1)
        except subprocess.TimeoutExpired:
            continue
        return
