"""What `docs/how-to/deploy` tells to run: its commands, with the servers that they name."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from command_server import CommandServer
from raw_client import RawClient

ROOT: Final = Path(__file__).parents[1]
COMMANDS: Final = re.findall(
    r"^(?:gunicorn \"|python -m aiohttp\.web ).*$",
    (ROOT / "docs" / "how-to" / "deploy.md").read_text(),
    re.MULTILINE,
)

Connect = Callable[..., Awaitable[RawClient]]


@pytest.fixture(params=COMMANDS, ids=lambda command: shlex.split(command)[0])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CommandServer]:
    command = request.param.replace("chat:", "minimal:")
    server = await CommandServer.run(command, ROOT / "examples", tmp_path)
    try:
        await server.started()
        yield server
    finally:
        await server.kill()


async def test_a_command_of_the_page_serves_and_says_goodbye(
    server: CommandServer, raw_client: Connect
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
