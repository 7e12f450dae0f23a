"""The clients that are no Python: ws and undici in Node, Mojolicious in Perl; controlled line by line."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from clients.client import Client, Closed, Session, as_event

HERE: Final = Path(__file__).parent
LONGEST_LINE: Final = 8 * 1024 * 1024


class ProcessSession(Session):
    def __init__(self, process: Process, subprotocol: str, *, is_compressed: bool) -> None:
        self._process = process
        self.subprotocol = subprotocol
        self.is_compressed = is_compressed

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._do("text", text=message)
        else:
            await self._do("binary", binary=message.hex())

    async def send_fragments(self, fragments: Sequence[str]) -> None:
        await self._do("fragments", fragments=fragments)

    async def receive(self) -> str | bytes | Closed:
        return as_event(await hear(self._process))

    async def ping(self, data: bytes) -> None:
        await self._do("ping", data=data.hex())
        assert await hear(self._process) == {"pong": data.hex()}

    async def close(self, code: int, reason: str) -> Closed:
        await self._do("close", code=code, reason=reason)
        closed = await self.receive()
        assert isinstance(closed, Closed)
        return closed

    async def release(self) -> None:
        await self._process.communicate(b"")  # it ends when its standard input does

    async def _do(self, command: str, **options: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **options}).encode() + b"\n")
        await self._process.stdin.drain()


async def hear(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line, "the client has ended: see what it wrote to standard error"
    told: dict[str, Any] = json.loads(line)
    return told


class ProcessClient(Client):
    """``command`` runs a program that does what talk.cjs says, with ``environment`` besides ours."""

    def __init__(self, *command: str | Path, **environment: str) -> None:
        self._command = command
        self._environment = os.environ | environment

    async def connect(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        compress: bool = False,
        ca_file: Path | None = None,
    ) -> Session:
        options = {"url": url, "subprotocols": subprotocols, "compress": compress}
        options["caFile"] = str(ca_file or "")
        process = await asyncio.create_subprocess_exec(
            *self._command,
            json.dumps(options),
            env=self._environment,
            stdin=PIPE,
            stdout=PIPE,
            limit=LONGEST_LINE,
        )
        opened = (await hear(process))["open"]
        return ProcessSession(
            process,
            opened["subprotocol"],
            is_compressed="permessage-deflate" in opened["extensions"],
        )
