"""What the tests of backplanes share: a Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redis_server import NEEDS_REDIS, RedisServer, has_redis


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server for all tests that do it no harm."""
    if not has_redis():
        pytest.skip(NEEDS_REDIS)
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()
