"""The fixtures as a project uses them: pytest runs tests that are written here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from configparser import ConfigParser
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import aiows
from aiows.testing import plugin

ROOT = Path(aiows.__file__).parents[1]

APPLICATION = """
import asyncio
import pytest
from aiohttp import web
from aiows import WebSocketResponse, WebSocketView

class Echo(WebSocketView):
    def on_message(self, msg):
        if msg.data == "fail":
            raise LookupError("broken")
        self.ws.push(msg.data)

@pytest.fixture
def app():
    app = web.Application()
    app.router.add_view("/echo", Echo)
    return app
"""

PLUGINS = ("-p", "pytest_asyncio.plugin", "-p", "pytest_aiohttp.plugin")
OPTIONS = ("-o", "asyncio_mode=strict", "-o", "asyncio_default_fixture_loop_scope=function")

HIDING = "import sys; sys.modules['pytest_asyncio'] = None"

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a file of tests with the plugins named, and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(pytester.path)]))

    def run_tests(tests: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(APPLICATION + tests, hiding=HIDING)
        return pytester.runpytest_subprocess(*options, "-p", "aiows.testing.plugin", "-W", "error")

    return run_tests


def test_a_plain_test_gets_a_client(run: Run) -> None:
    """Without pytest-asyncio; each ends with its test."""
    result = run(
        """
import threading

def test_echo(aiows_client, app):
    client = aiows_client(app)
    with client.websocket_connect("/echo") as websocket:
        websocket.send_text("a")
        assert websocket.receive_text() == "a"

def test_time(aiows_client, app):
    client = aiows_client(app, virtual_time=True)
    client.clock.advance(1000)

def test_ended():
    assert threading.active_count() == 1
"""
    )
    result.assert_outcomes(passed=3)


def test_a_servers_exception_fails_the_test(run: Run) -> None:
    """In the session, or else in the teardown."""
    result = run(
        """
def test_in_with(aiows_client, app):
    with aiows_client(app).websocket_connect("/echo") as websocket:
        websocket.send_text("fail")

def test_without_with(aiows_client, app):
    websocket = aiows_client(app).websocket_connect("/echo")
    websocket.send_text("fail")
"""
    )
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["E*LookupError: broken"])


def test_async_tests_connect_through_pytest_aiohttp(run: Run) -> None:
    """To an application, a server or a client; all fixtures share what they have started."""
    result = run(
        """
pytestmark = pytest.mark.asyncio

async def test_application(websocket_connect, slow_consumer, app):
    starts = []

    async def note(app):
        starts.append(app)

    app.on_startup.append(note)
    ws = await websocket_connect(app, "/echo", compress=15)
    await ws.send_str("a")
    assert await ws.receive_str() == "a"
    other = await websocket_connect(app, "/echo")
    consumer = await slow_consumer(app, "/echo", receive_buffer=4096)
    await consumer.send("b")
    assert (await consumer.receive()).data == "b"
    assert starts == [app]

async def test_server(websocket_connect, aiohttp_server, app):
    ws = await websocket_connect(await aiohttp_server(app), "/echo")
    await ws.send_str("a")
    assert await ws.receive_str() == "a"

async def test_client(websocket_connect, aiohttp_client, app):
    ws = await websocket_connect(await aiohttp_client(app), "/echo")
    await ws.send_str("a")
    assert await ws.receive_str() == "a"

async def test_clock(virtual_clock, websocket_connect, app):
    ws = await websocket_connect(app, "/echo")
    reading = asyncio.create_task(ws.receive())
    await virtual_clock.advance(1000)
    assert not ws.closed
    await ws.send_str("a")
    assert (await reading).data == "a"
""",
        *PLUGINS,
        *OPTIONS,
    )
    result.assert_outcomes(passed=4)


def test_without_pytest_asyncio_the_async_fixtures_are_not_there(
    run: Run,
) -> None:
    """Which pytest says in its own words, and aiows_client still is."""
    result = run(
        """
def test_plain(aiows_client, app):
    aiows_client(app)

def test_async(virtual_clock):
    pass
""",
        "-p",
        "hiding",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E*fixture 'virtual_clock' not found"])


def test_pytest_finds_it_by_its_entry_point() -> None:
    """What setup.cfg names is the plugin."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    name, value = config["options.entry_points"]["pytest11"].strip().split(" = ")
    assert EntryPoint(name, value, "pytest11").load() is plugin


def test_importing_aiows_imports_neither_its_testing_nor_pytest() -> None:
    """Nor does aiows.testing need pytest."""
    code = "import sys, {}; print(*sys.modules)"
    for module, absent in (
        ("aiows", {"aiows.testing", "pytest", "_pytest"}),
        ("aiows.testing", {"pytest", "_pytest"}),
    ):
        ended = subprocess.run(
            [sys.executable, "-c", code.format(module)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        assert not absent & set(ended.stdout.split())
