"""A node at Redis: two connections, which are made again when one of them is lost.

One is for commands, the other for subscriptions: Redis cuts a connection whose messages are not read fast
enough, and that must not take the commands along.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final

from ...connection import PreparedMessage
from ...errors import BackplaneDown, BackplaneError, BackplaneRefused
from ...position import Position
from ..base import Claim, Confirmation, Ear, Entry, Keep, Loss, Node, Page
from ..envelope import NAME, NODE, decode, encode
from .commands import Commands, nothing
from .dialing import Dialed, Dialer
from .keys import Keys
from .scripts import APPEND, CLAIM, READ
from .subscriptions import Subscriptions

__all__ = ("RedisNode",)

logger: Final = logging.getLogger("aiows.backplane")

# Seconds between two signs of life, and without one until a connection counts as lost: a server or a network
# that is gone says nothing.
PING: Final = 3.0
SILENCE: Final = 10.0

# Seconds between two attempts to connect: from the first, doubled, up to the last, each less up to a half, so
# that the nodes of a server that comes back do not all come at once.
FIRST_DELAY: Final = 0.05
LAST_DELAY: Final = 2.0

# What stands for "all" where Redis wants to know how many messages.
ALL: Final = 1_000_000_000

# Seconds of a log that is kept for ever: Redis has no number for it. 30 years.
FOREVER: Final = 1e9

# More has no number of Redis. Of very many, Python would refuse to make a number.
OFFSET_DIGITS: Final = 19

# What a message of a log begins with on its channel, before its position. A plain one is as `encode` made it.
LOGGED: Final = b"L"


class RedisNode(Node):
    """The node of one hub; `RedisBackplane.start` makes it."""

    def __init__(self, ear: Ear, dialer: Dialer, keys: Keys, patience: float) -> None:
        self.id = os.urandom(8)
        self._ear = ear
        self._dialer = dialer
        self._keys = keys
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._commands = Commands(patience)
        self._subscriptions = Subscriptions(self._arrived, patience)
        self._dialed: list[Dialed] = []
        self._sequence = 0
        self._has_lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    # connections

    async def start(self) -> None:
        """Connect. Raises BackplaneRefused, or BackplaneDown when that does not work within ``patience``."""
        ends = self._loop.time() + self._patience
        delays = _delays()
        why = f"no connection to Redis within {self._patience:g} s"
        while True:
            try:
                async with asyncio.timeout_at(ends):
                    await self._connect()
            except BackplaneRefused:
                raise
            except (BackplaneDown, TimeoutError) as error:
                why = str(error) or why  # a timeout says nothing, and an attempt before may have
                if self._loop.time() + (delay := next(delays)) >= ends:
                    raise BackplaneDown(why) from error
                await asyncio.sleep(delay)
            else:
                break
        self._keeper = self._loop.create_task(self._keep_connected())

    async def _connect(self) -> None:
        """Subscribe first, then send what waits: so whoever appends hears of it."""
        self._has_lost.clear()
        try:
            subscriptions = await self._dialer.subscriptions(self._lost)
            self._dialed.append(subscriptions)
            commands = await self._dialer.commands(self._lost)
            self._dialed.append(commands)
            await self._subscriptions.attach(subscriptions.connection)
            self._commands.attach(commands.connection)
        except BaseException:
            await self._disconnect()
            raise

    def _lost(self) -> None:
        """One connection is lost; the other goes with it."""
        if not self._has_lost.is_set():
            self._has_lost.set()
            for each in self._dialed:
                each.connection.drop()
            self._commands.detach()
            self._subscriptions.detach()

    async def _disconnect(self) -> None:
        self._lost()
        dialed, self._dialed = self._dialed, []
        for each in dialed:
            await each.close()

    async def _keep_connected(self) -> None:
        delays = _delays()
        try:
            while True:
                connected_at = self._loop.time()
                await self._stay_connected()
                if self._loop.time() - connected_at > SILENCE:
                    delays = _delays()
                logger.warning("the connection to Redis was lost")
                since = min(each.connection.heard_at for each in self._dialed)
                await self._disconnect()
                await self._connect_again(delays)
                logger.info("the connection to Redis is back")
                self._call(self._ear.resumed, Loss(since, self._loop.time()))
        finally:
            await self._disconnect()

    async def _stay_connected(self) -> None:
        """Return when a connection is lost, or silent for too long."""
        while not self._has_lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(PING):
                    await self._has_lost.wait()
            silent_since = self._loop.time() - SILENCE
            for each in self._dialed:
                if each.connection.heard_at < silent_since:
                    each.connection.drop()
            if not self._has_lost.is_set():
                self._subscriptions.ping()
                self._commands.ping()

    async def _connect_again(self, delays: Iterator[float]) -> None:
        said = ""
        for delay in delays:
            await asyncio.sleep(delay)
            try:
                async with asyncio.timeout(SILENCE):
                    await self._connect()
            except (BackplaneError, TimeoutError) as error:
                why = str(error) or f"no connection to Redis within {SILENCE:g} s"
                if why != said:
                    said = why
                    logger.warning("Redis cannot be reached: %s", said)
            else:
                return

    async def stop(self) -> None:
        self._subscriptions.stop()
        keeper, self._keeper = self._keeper, None
        while keeper is not None and not keeper.done():
            # Before Python 3.12, `asyncio.wait_for`, as redis-py uses it, may swallow a cancellation.
            keeper.cancel()
            await asyncio.wait([keeper], timeout=0.1)
        await self._disconnect()  # the task may not even have begun
        self._commands.stop()

    # plain messages

    def publish(self, topic: str, message: PreparedMessage) -> Confirmation:
        return self._commands.publish(self._keys.channel(topic), self._encode(message))

    def _encode(self, message: PreparedMessage) -> bytes:
        self._sequence += 1
        return encode(message, self.id, self._sequence)

    def subscribe(self, topics: Iterable[str]) -> Confirmation:
        return self._subscriptions.subscribe(map(self._keys.channel, topics))

    def unsubscribe(self, topics: Iterable[str]) -> Confirmation:
        self._subscriptions.unsubscribe(map(self._keys.channel, topics))
        return None

    def _arrived(self, channel: bytes, data: bytes) -> None:
        topic = self._keys.topic(channel)
        if data.startswith(LOGGED):
            self._arrived_at(topic, data)
        elif data[NODE] != self.id:
            message = _decode(data)
            if message is not None:
                self._call(self._ear.deliver, topic, message)

    def _arrived_at(self, topic: str, data: bytes) -> None:
        epoch, offset, message = (*data[1:].split(b":", 2), b"", b"")[:3]
        if not offset.isdigit() or len(offset) > OFFSET_DIGITS:
            logger.warning("bytes on the backplane were dropped: no position in %r", data[:64])
            return
        position = Position(_epoch(epoch), int(offset))
        self._call(self._ear.deliver_at, topic, position, _decode(message))

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception as error:
            context = {"message": "what heard a message has failed", "exception": error}
            self._loop.call_exception_handler(context)

    # history

    def append(self, topic: str, message: PreparedMessage, keep: Keep) -> asyncio.Future[Position]:
        data = self._encode(message)
        return self._commands.ask(
            (
                *(b"EVALSHA", APPEND.sha, b"2", *self._keys.log(topic)),
                *(data, data[NAME], os.urandom(4).hex()),
                *(str(keep.size), str(min(keep.seconds, FOREVER)), self._keys.channel(topic), b""),
            ),
            _position,
            again=b"again",
        )

    def read(self, topic: str, after: int, limit: int | None = None) -> asyncio.Future[Page]:
        return self._read(topic, "after", after, ALL if limit is None else limit)

    def read_last(self, topic: str, count: int) -> asyncio.Future[Page]:
        return self._read(topic, "last", 0, count)

    def _read(self, topic: str, way: str, after: int, count: int) -> asyncio.Future[Page]:
        return self._commands.ask(
            (
                *(b"EVALSHA", READ.sha, b"2", *self._keys.log(topic)),
                *(os.urandom(4).hex(), way, str(after), str(count)),
            ),
            _page,
        )

    # requests that are handled once

    def claim(self, key: str, seconds: float) -> asyncio.Future[Claim]:
        claimed = (b"EVALSHA", CLAIM.sha, b"1", self._keys.once(key), os.urandom(8), str(seconds))
        return self._commands.ask(claimed, _claim)

    def settle(self, key: str, answer: bytes | None, seconds: float) -> Confirmation:
        value = NO_ANSWER if answer is None else ANSWER + answer
        milliseconds = str(max(1, int(seconds * 1000)))
        return self._commands.ask(
            (b"SET", self._keys.once(key), value, b"PX", milliseconds), nothing
        )


# What a claimed key has: "W" and who is at work, or what came of it.
ANSWER: Final = b"A"
NO_ANSWER: Final = b"N"


def _delays() -> Iterator[float]:
    delay = FIRST_DELAY
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        delay = min(2 * delay, LAST_DELAY)


def _epoch(data: bytes) -> str:
    return data.decode("ascii", "replace")


def _position(reply: list[Any]) -> Position:
    return Position(_epoch(reply[0]), reply[1])


def _page(reply: list[Any]) -> Page:
    entries = reply[2]
    offsets, messages = entries[::2], entries[1::2]
    return Page(_position(reply), list(map(Entry, offsets, map(_decode, messages))))


def _decode(data: bytes) -> PreparedMessage | None:
    try:
        return decode(data).message
    except ValueError as error:
        logger.warning("bytes on the backplane were dropped: %s", error)
        return None


def _claim(reply: bytes | None) -> Claim:
    if reply is None:
        return Claim(is_new=True)
    answer = reply[1:] if reply.startswith(ANSWER) else None
    return Claim(is_new=False, is_done=not reply.startswith(b"W"), answer=answer)
