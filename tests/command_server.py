"""A command of the documentation that serves an application, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import random
import shlex
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

__all__ = ("CommandServer",)

START: Final = 30.0  # seconds; a busy machine needs some for the imports


class CommandServer:
    """The process, at ``port`` instead of the 8080 that the command says; made by `run`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    @classmethod
    async def run(cls, command: str, folder: Path, home: Path) -> CommandServer:
        """Run ``command`` in ``folder``."""
        port = free_port()
        told = command.partition("#")[0].replace("8080", str(port))
        process = await asyncio.create_subprocess_exec(
            *cls._words(told),
            cwd=folder,
            env=os.environ | {"HOME": str(home), "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return cls(process, port)

    @staticmethod
    def _words(command: str) -> list[str]:
        first, *others = shlex.split(command)
        program = [sys.executable] if first == "python" else [sys.executable, "-m", first]
        return [*program, *others]

    async def started(self) -> None:
        """Wait until it says where it listens."""
        said = b""
        assert self.process.stdout is not None
        async with asyncio.timeout(START):
            async for line in self.process.stdout:
                said += line
                if b"http://127.0.0.1:%d" % self.port in line:
                    return
        raise AssertionError(said.decode())

    async def kill(self) -> None:
        """Make sure that it is gone."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.communicate()

    async def stop(self) -> int:
        """Stop it as a system does; return its exit status."""
        self.process.terminate()
        async with asyncio.timeout(START):
            await self.process.communicate()
        return int(self.process.returncode or 0)


def free_port() -> int:
    """Return a port that nobody has, and that the system gives to nobody who asks for any."""
    while True:
        port = random.randint(20_000, 30_000)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
