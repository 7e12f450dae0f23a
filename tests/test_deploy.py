"""What `docs/how-to/deploy` tells to run: its commands, with the servers that they name."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shlex
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import pytest

from raw_client import RawClient

ROOT: Final = Path(__file__).parents[1]
COMMANDS: Final = re.findall(
    r"^(?:gunicorn \"|python -m aiohttp\.web ).*$",
    (ROOT / "docs" / "how-to" / "deploy.md").read_text(),
    re.MULTILINE,
)
START: Final = 30.0  # seconds; a busy machine needs some for the imports

Connect = Callable[..., Awaitable[RawClient]]


class Server:
    """A command of the page that serves the example `minimal`, on a free port."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    @classmethod
    async def run(cls, command: str, home: Path) -> Server:
        port = free_port()
        told = command.partition("#")[0].replace("chat:", "minimal:").replace("8080", str(port))
        process = await asyncio.create_subprocess_exec(
            *cls._words(told),
            cwd=ROOT / "examples",
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


@pytest.fixture(params=COMMANDS, ids=lambda command: shlex.split(command)[0])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    server = await Server.run(request.param, tmp_path)
    try:
        await server.started()
        yield server
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.process.communicate()


async def test_a_command_of_the_page_serves_and_says_goodbye(
    server: Server, raw_client: Connect
) -> None:
    """Two people hear each other; when it is stopped each gets 1001, and it ends well."""
    clients = [await raw_client(server.port, "/ws") for _ in range(2)]
    clients[0].send_text('{"kind": "say", "text": "hi"}')
    for client in clients:
        assert (await client.recv_frame()).text == '{"kind":"said","text":"hi"}'
    stopping = asyncio.ensure_future(server.stop())
    for client in clients:
        frame = await client.recv_frame()
        assert frame.close_code == 1001
        client.send_close(1001)
    assert await stopping == 0


def test_both_commands_are_there() -> None:
    """Or the test above would be about nothing."""
    assert [shlex.split(each)[0] for each in COMMANDS] == ["python", "gunicorn"]
