"""The pytest plugin with the fixtures of aiows, found by the entry point ``pytest11``.

``aiows_client`` is for plain tests and needs pytest only. The other fixtures are for ``async`` tests and need
pytest-aiohttp: they exist if pytest-asyncio, which that requires, is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from .client import TestClient

__all__ = ("AiowsClient", "aiows_client")

AiowsClient: TypeAlias = Callable[..., TestClient]
"""The type of the fixture ``aiows_client``."""

if find_spec("pytest_asyncio") is not None:
    pytest_plugins = ("aiows.testing.async_fixtures",)


@pytest.fixture
def aiows_client() -> Iterator[AiowsClient]:
    """Start clients that end with the test.

    ``client = aiows_client(app, virtual_time=True)``

    Takes what `aiows.testing.TestClient` takes. An exception of the server that no session has raised is an
    error in the test's teardown.
    """
    with ExitStack() as clients:

        def start(app: web.Application, **options: Any) -> TestClient:
            return clients.enter_context(TestClient(app, **options))

        yield start
