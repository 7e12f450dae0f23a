"""What a node is subscribed to at Redis, across connections."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

import hiredis

from ...errors import BackplaneDown, BackplaneRefused
from .connection import RedisConnection, pack

__all__ = ("Subscriptions",)

# Channels in a command: a command of a hundred thousand would keep the server from all others.
CHANNELS: Final = 512


class _Change:
    """Channels that are subscribed to, or not any more, in one command or in some."""

    def __init__(self, verb: bytes, confirmation: asyncio.Future[None]) -> None:
        self.verb = verb
        self.channels: list[bytes] = []
        self.confirmation = confirmation
        self.patience: asyncio.TimerHandle | None = None  # of those that are made again
        self.left = 0

    def pack(self) -> bytes:
        self.left = len(self.channels)
        channels = iter(self.channels)
        commands: list[bytes] = []
        while some := tuple(islice(channels, CHANNELS)):
            commands.append(pack(self.verb, *some))
        return b"".join(commands)

    def finish(self, error: Exception | None = None) -> None:
        if self.patience is not None:
            self.patience.cancel()
        if self.confirmation.done():
            return
        if error is None:
            self.confirmation.set_result(None)
        else:
            self.confirmation.set_exception(error)
            self.confirmation.exception()  # whoever has asked for it may not wait for it


class Subscriptions:
    """The channels of a node; ``deliver`` is called with a channel and the bytes of each message there.

    Changes of one turn of the loop leave together. Those that find no connection are in force with the next
    one; if it does not come within ``patience`` seconds their confirmation fails with BackplaneDown.
    """

    def __init__(self, deliver: Callable[[bytes, bytes], None], patience: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._patience = patience
        self._connection: RedisConnection | None = None
        self._channels: dict[bytes, None] = {}
        self._changes: list[_Change] = []  # of this turn
        self._sent: deque[_Change] = deque()
        self._waiting: set[_Change] = set()

    def subscribe(self, channels: Iterable[bytes]) -> asyncio.Future[None]:
        """Receive what is published on ``channels``; the future is done when it is in force."""
        change = self._change(b"SUBSCRIBE")
        for channel in channels:
            self._channels[channel] = None
            change.channels.append(channel)
        if change.patience is None:
            change.patience = self._loop.call_later(self._patience, self._gave_up, change)
        return change.confirmation

    def _gave_up(self, change: _Change) -> None:
        """Whoever has asked waits no longer, and nothing is kept for them: Redis may be away for days."""
        self._waiting.discard(change)
        change.finish(BackplaneDown("no connection to Redis: the subscription waits for one"))

    def unsubscribe(self, channels: Iterable[bytes]) -> None:
        """Receive it no longer, from now on."""
        known = [channel for channel in channels if channel in self._channels]
        if known:
            change = self._change(b"UNSUBSCRIBE")
            for channel in known:
                del self._channels[channel]
                change.channels.append(channel)

    def _change(self, verb: bytes) -> _Change:
        if not self._changes:
            self._loop.call_soon(self._flush)
        if not self._changes or self._changes[-1].verb != verb:
            self._changes.append(_Change(verb, self._loop.create_future()))
        return self._changes[-1]

    def _flush(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            if not change.channels:
                change.finish()
            elif self._connection is not None:
                self._send(self._connection, change)
            elif change.verb == b"SUBSCRIBE":
                self._waiting.add(change)

    def _send(self, connection: RedisConnection, change: _Change) -> None:
        self._sent.append(change)
        connection.write(change.pack())

    # connections

    async def attach(self, connection: RedisConnection) -> None:
        """Subscribe to everything, and wait, without a bound, until it is in force.

        Raises BackplaneDown, BackplaneRefused.
        """
        connection.attach(self)
        self._connection = connection
        waiting = tuple(self._waiting)
        everything = _Change(b"SUBSCRIBE", self._loop.create_future())
        everything.channels.extend(self._channels)
        if everything.channels:
            self._send(connection, everything)
            await everything.confirmation
        for change in waiting:
            self._waiting.discard(change)
            change.finish()

    def ping(self) -> None:
        """Ask for a sign of life."""
        if self._connection is not None:
            self._connection.write(pack(b"PING"))

    def detach(self) -> None:
        """The connection is lost; all subscriptions are made again on the next one."""
        self._connection = None
        for change in self._sent:
            if change.patience is None:
                change.finish(_lost())
            elif not change.confirmation.done():
                self._waiting.add(change)
        self._sent.clear()

    def replied(self, reply: Any) -> None:
        """A message, or a confirmation of one channel. All else, such as "PONG", is left."""
        if isinstance(reply, hiredis.ReplyError):
            self._refused(BackplaneRefused(str(reply)))
        elif reply[0] == b"message":
            if reply[1] in self._channels:
                self._deliver(reply[1], reply[2])
        elif reply[0] in (b"subscribe", b"unsubscribe"):
            self._confirmed(1)

    def _refused(self, error: BackplaneRefused) -> None:
        """A command for up to `CHANNELS` channels was refused, the oldest without an answer."""
        change = self._sent[0]
        change.finish(error)
        refused = change.channels[len(change.channels) - change.left :][:CHANNELS]
        if change.patience is not None:
            # On the next connection they would have the others refused.
            for channel in refused:
                self._channels.pop(channel, None)
        self._confirmed(len(refused))

    def _confirmed(self, channels: int) -> None:
        change = self._sent[0]
        change.left -= channels
        if not change.left:
            self._sent.popleft()
            change.finish()

    def stop(self) -> None:
        """Nothing is delivered any more."""
        self._channels.clear()
        self.detach()
        for change in (*self._waiting, *self._changes):
            change.finish(BackplaneDown("the node has left"))
        self._waiting.clear()


def _lost() -> BackplaneDown:
    return BackplaneDown("the connection to Redis was lost")
