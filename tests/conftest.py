"""What all tests share: raw clients, servers and builds as fixtures; in CI a skip is a failure.

What the tests share are modules of tests/ with a bare name: ``from raw_client import RawClient``.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any

import pytest
from aiohttp import web

from builds import Build, builds
from event_loops import LoopFactory, loop_factory
from node_packages import NEEDS_NODE, has_node
from raw_client import RawClient
from schema.judges import Judges

MAY_SKIP_IN_CI = "autobahn"

LOOP = os.environ.get("AIOWS_TEST_LOOP", "asyncio")
"""What the tests run on, one of `event_loops.LOOPS`, but for those that bring a loop of their own."""


def pytest_asyncio_loop_factories(item: Any) -> dict[str, LoopFactory]:
    # A virtual clock stops no time but that of asyncio's own loop.
    name = "asyncio" if hasattr(item.module, "VirtualClock") else LOOP
    return {name: loop_factory(name)}


# Of the session: hypothesis draws many examples for one run of a test.
@pytest.fixture(scope="session", params=builds(), ids=lambda build: build.name)
def build(request: pytest.FixtureRequest) -> Build:
    """The pure build, and the native one where it was compiled."""
    chosen: Build = request.param
    return chosen


@pytest.fixture
async def raw_client() -> AsyncIterator[Callable[..., Awaitable[RawClient]]]:
    """``RawClient.connect``, with every client closed at the end of the test."""
    clients: list[RawClient] = []

    async def connect(*args: Any, **options: Any) -> RawClient:
        client = await RawClient.connect(*args, **options)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Serve a handler at ``/``, or an application, as ``web.run_app`` would; gives the port."""
    runners: list[web.AppRunner] = []

    async def start(what: Any, **options: Any) -> int:
        runner = web.AppRunner(_application(what), **options)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()


def _application(what: Any) -> web.Application:
    if isinstance(what, web.Application):
        return what
    app = web.Application()
    app.router.add_route("*", "/", what)
    return app


@pytest.fixture(scope="session")
def judges(pytestconfig: pytest.Config) -> Judges:
    """AsyncAPI's own parser, a JSON Schema validator and tsc, installed once for all."""
    if not has_node():
        pytest.skip(NEEDS_NODE)
    return Judges.installed_in(pytestconfig.cache.mkdir("node-schema"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.get_closest_marker(MAY_SKIP_IN_CI) is None and not hasattr(report, "wasxfail"):
        _refuse_skip_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip_in_ci(report)
    return report


def _refuse_skip_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") and report.skipped:
        report.longrepr = f"skipped, which CI does not allow: {report.longreprtext}"
        report.outcome = "failed"
