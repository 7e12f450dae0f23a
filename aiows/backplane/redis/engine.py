"""The description of a Redis that connects the nodes."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, Redis

from ..base import Backplane, Ear
from .dialing import Dialer
from .keys import Keys
from .node import RedisNode

__all__ = ("RedisBackplane",)


class RedisBackplane(Backplane):
    """Connects all nodes that use the same Redis (6.2 or newer) or Valkey.

    ``server`` is a URL as redis-py has it (``redis://``, ``rediss://`` with TLS, ``unix://``; with user name,
    password and number of the database), or a `redis.asyncio.Redis`, whose settings are used: such as
    ``Sentinel(...).master_for("name")``. ``prefix`` is what all keys and channels begin with (default:
    ``aiows``): two applications on one server need two. ``patience`` is how many seconds a call waits for a
    server that is away (default: 5), before it fails with `BackplaneDown`.

    `Backplane.start` raises BackplaneDown for a server that cannot be reached, and BackplaneRefused for a
    wrong password, a missing permission or a server that is too old.
    """

    keeps_history: ClassVar[bool] = True

    def __init__(
        self,
        server: str | Redis = "redis://localhost:6379",
        *,
        prefix: str = "aiows",
        patience: float = 5.0,
    ) -> None:
        if isinstance(server, str):
            # RESP2 is all that is needed; redis-py does not say what else its method takes.
            self._pool = ConnectionPool.from_url(server, protocol=2)  # pyright: ignore[reportUnknownMemberType]
            self._address = _without_password(server)
        else:
            self._pool = server.connection_pool
            self._address = repr(type(server).__name__)
        self._keys = Keys(prefix)
        self._patience = patience

    def __repr__(self) -> str:
        return f"RedisBackplane({self._address!r})"

    async def start(self, ear: Ear) -> RedisNode:
        """Join as a new node. Raises BackplaneDown, BackplaneRefused."""
        node = RedisNode(ear, Dialer(self._pool), self._keys, self._patience)
        await node.start()
        return node


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
