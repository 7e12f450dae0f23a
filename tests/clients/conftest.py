"""Real clients by name, and servers for them to connect to, as fixtures."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from browser.chromium import NEEDS_CHROMIUM, find_chromium, start_chromium
from clients.chromium_client import ChromiumClient
from clients.client import Client, Connect
from clients.echo_server import EchoServer, serve
from clients.js_build import build
from clients.process_clients import HERE, ProcessClient
from clients.python_clients import (
    AiohttpClient,
    TornadoClient,
    WebsocketClientClient,
    WebsocketsClient,
)
from node_packages import NEEDS_NODE, has_node, install_packages


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium_client() -> AsyncIterator[Client]:
    if find_chromium() is None:
        pytest.skip(NEEDS_CHROMIUM)
    async with start_chromium() as browser:
        yield ChromiumClient(browser)


@pytest.fixture(scope="session")
def node_modules(pytestconfig: pytest.Config) -> Path:
    if not has_node():
        pytest.skip(NEEDS_NODE)
    return install_packages(HERE, pytestconfig.cache.mkdir("node-clients"))


@pytest.fixture(scope="session")
def js_build(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the browser's client, built from its sources."""
    if not has_node():
        pytest.skip(NEEDS_NODE)
    packages = pytestconfig.cache.mkdir("node-client-js")
    return build(packages, tmp_path_factory.mktemp("client-js") / "dist")


@pytest.fixture(scope="session")
def ws_client(node_modules: Path) -> Client:
    return ProcessClient("node", HERE / "ws_client.cjs", NODE_PATH=str(node_modules))


@pytest.fixture(scope="session")
def undici_client(node_modules: Path) -> Client:
    return ProcessClient("node", HERE / "undici_client.cjs", NODE_PATH=str(node_modules))


@pytest.fixture(scope="session")
def mojolicious_client() -> Client:
    has_mojolicious = ["perl", "-MMojolicious", "-e", "1"]
    if shutil.which("perl") is None or subprocess.run(has_mojolicious, check=False).returncode:
        pytest.skip("needs Mojolicious: apt-get install -y libmojolicious-perl")
    return ProcessClient("perl", HERE / "mojolicious_client.pl")


@pytest.fixture
def tornado_client() -> Client:
    return TornadoClient()


@pytest.fixture
def websockets_client() -> Client:
    return WebsocketsClient()


@pytest.fixture
def websocket_client_client() -> Client:
    return WebsocketClientClient()


@pytest_asyncio.fixture(loop_scope="session")
async def aiohttp_client_client() -> AsyncIterator[Client]:
    client = AiohttpClient()
    yield client
    await client.release()


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Client:
    """The client that the test is run for, by its fixture's name."""
    client = request.getfixturevalue(request.param)
    assert isinstance(client, Client)
    return client


@pytest_asyncio.fixture(loop_scope="session")
async def connect(client: Client) -> AsyncIterator[Connect]:
    """``await connect(url, ...)`` with the client that the test is run for."""
    async with AsyncExitStack() as sessions:
        yield Connect(client, sessions)


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[EchoServer]:
    async with serve() as server:
        yield server


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()
