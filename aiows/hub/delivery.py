"""Gives one message to many connections, counts who took it, and lets the event loop turn when it is time.

A task that publishes in a loop, ``for row in rows: await hub.publish(...)``, has nothing to wait for, so
the event loop would not turn before the last row: nothing would leave by a socket that was full for a
moment, and readers that keep up would lose messages. So what is given to connections is counted, and
`Delivery.keep_pace` lets the loop turn when it is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from ..connection import Connection, PreparedMessage, outbox_of, protocol_of
from ..errors import AiowsError
from ..send_status import SendStatus

__all__ = ("Delivery",)

# Members of an enum are looked up by way of its class, for each message.
_SUCCESS: Final = SendStatus.SUCCESS
_BACKPRESSURE: Final = SendStatus.BACKPRESSURE
_DROPPED: Final = SendStatus.DROPPED

# How much may be given to a connection in one turn of the loop, in bytes. It is a quarter of the smallest
# ``max_backpressure`` in common use (64 KiB), so that a socket that was full is tried again before the
# outbox is full. A turn costs some 10 microseconds, and to publish 16 messages of 1 KiB some 80.
TURN: Final = 16 * 1024

# The same while one of the receivers has more waiting than it should; then this much is followed by a pause
# of so many seconds. Such a reader is behind, and only time lets it catch up: if it is a thread of the same
# process, it gets none from a loop that turns without waiting. So a reader that takes 2 KiB a millisecond
# loses nothing, and no reader, however it reads, can slow down a publisher below that. One that reads
# nothing costs 500 pauses with room for 1 MiB. Then its outbox is full, and it costs nothing more.
TURN_UNDER_PRESSURE: Final = 2 * 1024
PAUSE: Final = 0.001

# What a message counts beside its bytes, and how many of its receivers count as one byte more: they take
# time, too. So a turn takes some ten milliseconds at most, however small the messages and however many their
# receivers (one message to very many takes longer), and a burst of 16 messages to a thousand still leaves
# each of them in one write.
MESSAGE: Final = 16
RECEIVERS: Final = 2


class Delivery:
    """Gives messages to connections, and knows how much it gave since the event loop last turned."""

    __slots__ = ("_given", "_is_pressed", "_latest", "_watched_loop")

    def __init__(self) -> None:
        # Without the latest message: a single one is never followed by a turn, however much it is. Most
        # handlers publish once a message and are done, and the loop turns by itself.
        self._given = 0
        self._latest = 0
        self._is_pressed = False
        self._watched_loop: asyncio.AbstractEventLoop | None = None

    def push(self, receivers: Iterable[Connection], message: PreparedMessage) -> int:
        """Push ``message`` to each; returns how many took it."""
        # From a copy: a push may close a connection, which changes the tables.
        statuses = [each.push(message) for each in tuple(receivers)]
        self.note(message, len(statuses))
        return self._taken(statuses)

    def share(self, receivers: Iterable[Connection], message: PreparedMessage) -> int:
        """Push what many get: it leaves in one write with what follows in the same turn of the loop."""
        row = tuple(receivers)
        refused = self.offer(row, message)
        self.note(message, len(row))
        return len(row) - len(refused)

    def offer(self, receivers: Iterable[Connection], message: PreparedMessage) -> list[Connection]:
        """Push as `share` does, uncounted (see `note`); returns those who did not take it."""
        row = tuple(receivers)
        if row and protocol_of(row[0]).observer is not None:
            _tell_observer(row, message)
        # No list of what each of them answers: nearly all say the same, and for many it would be long.
        refused: list[Connection] = []
        codec, success = message.codec, _SUCCESS
        for each in row:
            status = (
                outbox_of(each).push_shared(message)
                if codec is None or codec is each.codec
                else _share_in_its_codec(each, message)
            )
            if status is not success:
                if status:
                    self._is_pressed = True
                else:
                    refused.append(each)
        return refused

    def note(self, message: PreparedMessage, receivers: int) -> None:
        """Count what it costs to give ``message`` to so many."""
        self._given += self._latest
        self._latest = MESSAGE + len(message.payload) + receivers // RECEIVERS
        if self._given + self._latest >= TURN_UNDER_PRESSURE:
            self._watch_loop()

    async def send(self, receivers: Iterable[Connection], message: PreparedMessage) -> int:
        """Push to each, then wait for those whose outbox is full; returns how many took it."""
        asked = tuple(receivers)
        statuses = [_try(each, message) for each in asked]
        self.note(message, len(asked))
        reached = self._taken(statuses)
        if reached == len(asked):
            return reached
        refused = (each for each, status in zip(asked, statuses, strict=True) if not status)
        return reached + sum(await asyncio.gather(*(_send(each, message) for each in refused)))

    async def keep_pace(self) -> None:
        """Let the event loop turn if enough was given since it last did."""
        if self._given < TURN_UNDER_PRESSURE:
            return
        if self._is_pressed:
            await asyncio.sleep(PAUSE)
        elif self._given >= TURN:
            await asyncio.sleep(0)

    def _taken(self, statuses: list[SendStatus]) -> int:
        """Return how many took a message."""
        if _BACKPRESSURE in statuses:
            self._is_pressed = True
        return len(statuses) - statuses.count(_DROPPED)

    def _watch_loop(self) -> None:
        """Count anew when the loop has turned. To be told of each turn would cost more than to count."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # no loop runs, so none can turn
        if self._watched_loop is not loop:
            self._watched_loop = loop
            loop.call_soon(self._turned)

    def _turned(self) -> None:
        self._given = self._latest = 0
        self._is_pressed = False
        self._watched_loop = None


def _share_in_its_codec(connection: Connection, message: PreparedMessage) -> SendStatus:
    spoken = message.spoken_in(connection.codec)
    return _DROPPED if spoken is None else outbox_of(connection).push_shared(spoken)


def _tell_observer(row: Iterable[Connection], message: PreparedMessage) -> None:
    kind = message.kind
    for connection in row:
        protocol_of(connection).kind_sent(kind)


def _try(connection: Connection, message: PreparedMessage) -> SendStatus:
    """Push where there is room; who is told of a drop would be told of a message that is sent later."""
    spoken = message.spoken_in(connection.codec)
    if spoken is None:
        return _DROPPED
    protocol = protocol_of(connection)
    if protocol.observer is not None:
        protocol.kind_sent(message.kind)
    return protocol.outbox.try_push_message(spoken)


async def _send(connection: Connection, message: PreparedMessage) -> bool:
    """Wait for room; False if ``connection`` ends before, or if too many wait for it already."""
    if message.spoken_in(connection.codec) is None:
        return False
    try:
        await protocol_of(connection).send_message(message)
    except AiowsError:
        return False
    return True
