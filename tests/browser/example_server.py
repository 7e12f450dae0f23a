"""An example as a person starts it: a process with a port, which can be stopped and started again."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

import aiows

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


class ExampleServer:
    """``lines`` holds what it has printed until it was ready."""

    def __init__(self, script: str) -> None:
        self._script = EXAMPLES / script
        self._process: Process | None = None
        self.port = free_port()
        self.url = f"http://localhost:{self.port}/"
        self.lines: list[str] = []

    async def start(self) -> None:
        """Start, and return when it has printed where it is."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, self._script, env=self._environment(), stdout=PIPE
        )
        self._process = process
        self.lines = []
        assert process.stdout is not None
        while not self.lines or not self.lines[-1].startswith("Open "):
            line = (await process.stdout.readline()).decode()
            assert line, f"{self._script.name} has ended: see its standard error"
            self.lines.append(line)

    async def stop(self) -> None:
        """Stop as Ctrl+C does; nothing happens if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            await process.communicate()

    def _environment(self) -> dict[str, str]:
        # The example gets the same aiows as the test, installed or not.
        path = os.pathsep.join([str(Path(aiows.__file__).parents[1]), *sys.path])
        return os.environ | {"PORT": str(self.port), "HOST": "127.0.0.1", "PYTHONPATH": path}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
