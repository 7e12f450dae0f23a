"""A real Redis on loopback or a Unix socket, in a folder of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import IO, Final

__all__ = ("NEEDS_REDIS", "RedisServer", "has_redis")

NEEDS_REDIS: Final = "needs Redis: apt-get install redis-server"
END: Final = 20.0
"""Seconds in which it ends, on a busy machine."""


def has_redis() -> bool:
    return shutil.which("redis-server") is not None


class RedisServer:
    """A server that listens at the Unix socket in ``folder``, so that nobody else can take its address.

    ``sentinel`` is the configuration of a Sentinel instead.
    """

    def __init__(self, folder: Path, *options: str, sentinel: Path | None = None) -> None:
        self._folder = folder
        self._options = options
        self._sentinel = sentinel
        self._process: subprocess.Popen[str] | None = None
        self.socket = folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        process = subprocess.Popen(
            self._command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said = _until_ready(process.stdout)
        assert process.poll() is None, said
        self._process = process

    def _command(self) -> list[str]:
        if self._sentinel is not None:
            return ["redis-server", str(self._sentinel), "--sentinel"]
        listens = ("--port", "0", "--unixsocket", str(self.socket))
        own = ("--save", "", "--dir", str(self._folder))
        return ["redis-server", *listens, *own, *self._options]

    def cli(self, *arguments: str) -> str:
        """Give it a command, as by hand."""
        command = ("redis-cli", "-s", str(self.socket), *arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def freeze(self) -> None:
        """It is there and says nothing, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """It is gone at once, with all that it has kept."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=END)
            self._process = None


def _until_ready(output: IO[str]) -> str:
    said: list[str] = []
    for line in output:
        said.append(line)
        if "eady to accept connections" in line or "Sentinel ID is" in line:
            break
    return "".join(said)
