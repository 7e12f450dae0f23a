"""Makes connections to Redis: redis-py does, with its URLs, TLS, passwords and Sentinels; then we take over.

A command by way of redis-py has a task, a stream and a future of its own, and its `PubSub` subscribes again
after a lost connection without telling anybody. So of a connection that has shaken hands only the transport
is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from ...errors import BackplaneDown, BackplaneRefused
from .connection import RedisConnection
from .scripts import SCRIPTS

__all__ = ("Dialed", "Dialer")

# XADD with MINID, and ACLs for channels.
OLDEST: Final = (6, 2)


class Dialed:
    """A connection with what keeps it alive: redis-py's own object, which would close it when it goes."""

    def __init__(self, made: AbstractConnection, connection: RedisConnection) -> None:
        self._made = made
        self.connection = connection

    async def close(self) -> None:
        """End it, and release what redis-py holds."""
        self.connection.drop()
        await self._made.disconnect(nowait=True)


class Dialer:
    """Makes connections as ``pool`` would, which may be one that asks Sentinels for the master."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    async def commands(self, on_lost: Callable[[], None]) -> Dialed:
        """A connection for commands, whose server has the scripts. Raises BackplaneDown, BackplaneRefused."""
        return await self._dial(on_lost, _prepare)

    async def subscriptions(self, on_lost: Callable[[], None]) -> Dialed:
        """A connection for subscriptions. Raises BackplaneDown, BackplaneRefused."""
        return await self._dial(on_lost, None)

    async def _dial(
        self, on_lost: Callable[[], None], prepare: Callable[[AbstractConnection], Any] | None
    ) -> Dialed:
        # redis-py has no types for these two.
        made: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            await made.connect()  # type: ignore[no-untyped-call]
            if prepare is not None:
                await prepare(made)
        except (RedisError, OSError) as error:
            await made.disconnect(nowait=True)
            if _is_refusal(error):
                raise BackplaneRefused(f"Redis refused the connection: {error}") from error
            raise BackplaneDown(f"no connection to Redis: {error}") from error
        except BaseException:
            await made.disconnect(nowait=True)
            raise
        return Dialed(made, RedisConnection(_transport_of(made), on_lost))


def _is_refusal(error: BaseException) -> bool:
    """Whether the server has said no; redis-py makes some of what it says errors of the connection."""
    known = (AuthenticationError, ResponseError)
    return isinstance(error, known) or isinstance(error.__context__, known)


def _transport_of(made: Any) -> asyncio.Transport:
    """The transport of a connection that has shaken hands: redis-py has no public name for it."""
    transport: asyncio.Transport = made._writer.transport  # noqa: SLF001
    return transport


async def _prepare(made: AbstractConnection) -> None:
    await made.send_command("INFO")
    info = cast("bytes", await made.read_response(disable_decoding=True))
    _check_server(info.decode(errors="replace"))
    for script in SCRIPTS:
        await made.send_command("SCRIPT", "LOAD", script.text)
        await made.read_response()


def _check_server(info: str) -> None:
    lines = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    version = lines.get("redis_version", "")
    known = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if known < OLDEST:
        raise BackplaneRefused(f"Redis {version} is too old: it has to be 6.2 or newer")
    # It would refuse every script, and a new connection would lead to the same one.
    if lines.get("role") == "slave":
        raise BackplaneDown("the Redis that was reached is a replica, and takes no messages")
