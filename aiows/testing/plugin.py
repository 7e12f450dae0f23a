"""In goes pytest, out come the fixtures of aiows; found by the entry point ``pytest11``.

``aiows_client`` is for plain tests and needs pytest alone. The others are for ``async`` tests and go with
pytest-aiohttp: they are there if pytest-asyncio, on which that builds, is installed.
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

    Takes what `aiows.testing.TestClient` takes. What the server raised and no session has is an error
    of the test's teardown.
    """
    with ExitStack() as clients:

        def start(app: web.Application, **options: Any) -> TestClient:
            return clients.enter_context(TestClient(app, **options))

        yield start
