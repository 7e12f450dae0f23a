"""What clients refer to is kept for those that may refer to it, in every face, and not for browsers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import pytest
from aiohttp import web

from aiows._wire import CarefulInflater, DeflateParams, Inflater, make_inflater
from clients.client import Connect
from settings.faces import FACES, Face

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(30)]

# Each refers to the one before, if its compressor has that.
MESSAGES = [f"Nobody told me that this is message number {number}." for number in range(5)]


@pytest.fixture
def inflaters(monkeypatch: pytest.MonkeyPatch) -> list[Inflater]:
    """Those that the server has made."""
    made: list[Inflater] = []

    def make(params: DeflateParams) -> Inflater:
        made.append(make_inflater(params))
        return made[-1]

    monkeypatch.setattr(import_module("aiows.upgrade.upgrade"), "make_inflater", make)
    return made


@asynccontextmanager
async def echo_of(face: Face, **options: Any) -> AsyncIterator[str]:
    """Serve the face with what it does by default; gives the URL."""
    runner = web.AppRunner(face.serve(lambda ws, text: ws.push(text), options))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("client", ["tornado_client", "mojolicious_client"], indirect=True)
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
async def test_a_client_that_keeps_its_window_is_understood(
    face: Face, connect: Connect, inflaters: list[Inflater]
) -> None:
    """Although it was told to forget; what is kept is what it said, no more."""
    async with echo_of(face) as url:
        session = await connect(url, compress=True)
        (inflater,) = inflaters
        assert isinstance(inflater, CarefulInflater)
        assert inflater.window == b""
        for message in MESSAGES:
            await session.send(message)
            assert await session.receive() == message
        assert inflater.window == "".join(MESSAGES).encode()


@pytest.mark.parametrize("client", ["chromium_client"], indirect=True)
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
async def test_a_browser_costs_no_window(
    face: Face, connect: Connect, inflaters: list[Inflater]
) -> None:
    """It does what it is told."""
    async with echo_of(face, origins="*") as url:
        session = await connect(url)
        for message in MESSAGES:
            await session.send(message)
            assert await session.receive() == message
        assert [type(each) for each in inflaters] == [Inflater]
