"""The commands that wait for an answer: they outlive a lost connection, for a while."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

import hiredis

from ...errors import BackplaneBusy, BackplaneDown, BackplaneRefused
from .connection import RedisConnection, pack

__all__ = ("Commands", "nothing")

T = TypeVar("T")

# Bytes of commands without an answer. Without a bound a server that hangs would fill this node's memory.
MAX_WAITING: Final = 8 * 1024 * 1024

# What a command counts beside its bytes: about what Python's objects for it take.
COMMAND: Final = 512

# Errors of a server that is not ready, not the master any more, or has lost its scripts: another connection
# may reach one that can do it.
DIAL_AGAIN: Final = ("NOSCRIPT", "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN")


class _Command:
    """Its ``words``, none for what is not repeated; ``again`` is the last of them when it is.

    ``read`` makes the result of the reply.
    """

    __slots__ = ("again", "ends", "future", "read", "replies", "size", "words")

    def __init__(
        self,
        future: asyncio.Future[Any],
        words: tuple[bytes | str, ...],
        again: bytes,
        read: Callable[[Any], Any],
        ends: float,
    ) -> None:
        self.future = future
        self.words = words
        self.again = again
        self.read = read
        self.ends = ends
        self.replies = 1
        self.size = COMMAND + sum(map(len, words))

    def repeat(self) -> None:
        """From now on it is a repetition."""
        if self.again:
            self.words = (*self.words[:-1], self.again)

    def finish(self, reply: Any) -> None:
        if self.future.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            self.future.set_exception(BackplaneRefused(str(reply)))
        else:
            self.future.set_result(self.read(reply))

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Commands:
    """What was asked of the server, in order.

    A command that may be asked ``again`` is sent on the next connection, if it comes within ``patience``
    seconds; then it fails with BackplaneDown. All ``PUBLISH`` of a turn of the loop have one future; they are
    not repeated, as they would arrive twice.
    """

    def __init__(self, patience: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self._connection: RedisConnection | None = None
        self._waiting: deque[_Command] = deque()
        self._size = 0
        self._publishes: _Command | None = None
        self._timer: asyncio.TimerHandle | None = None

    # what is asked

    def publish(self, channel: bytes, data: bytes) -> asyncio.Future[None]:
        """Publish; the future is that of all that this turn publishes."""
        if self._connection is None:
            return self._failed(
                BackplaneDown("no connection to Redis: the message was not published")
            )
        if self._size > MAX_WAITING:
            return self._failed(_busy())
        publishes = self._publishes
        if publishes is None:
            publishes = self._publishes = self._add((), b"", nothing)
            publishes.replies = 0
            self._loop.call_soon(self._turn_ended)
        packed = pack(b"PUBLISH", channel, data)
        publishes.replies += 1
        publishes.size += len(packed)
        self._size += len(packed)
        self._connection.write(packed)
        return publishes.future

    def ask(
        self, words: tuple[bytes | str, ...], read: Callable[[Any], T], *, again: bytes = b""
    ) -> asyncio.Future[T]:
        """Send the command of ``words``; its answer is what ``read`` makes of the reply.

        ``again`` is the last of them when it is repeated.
        """
        if self._size > MAX_WAITING:
            return self._failed(_busy())
        self._turn_ended()
        if self._connection is not None:
            self._connection.write(pack(*words))
        return self._add(words, again, read).future

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.ask((b"PING",), nothing).add_done_callback(_seen)

    def _add(
        self, words: tuple[bytes | str, ...], again: bytes, read: Callable[[Any], Any]
    ) -> _Command:
        ends = self._loop.time() + self._patience
        command = _Command(self._loop.create_future(), words, again, read, ends)
        self._waiting.append(command)
        self._size += command.size
        if self._timer is None:
            self._timer = self._loop.call_at(ends, self._expire)
        return command

    def _turn_ended(self) -> None:
        """What is published from now on is another turn's, or comes after another command."""
        self._publishes = None

    def _failed(self, error: Exception) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        future.set_exception(error)
        return future

    # connections

    def attach(self, connection: RedisConnection) -> None:
        """Send everything that waits, in its order. Raises BackplaneDown for a connection that is lost."""
        connection.attach(self)
        self._connection = connection
        for command in self._waiting:
            connection.write(pack(*command.words))

    def detach(self) -> None:
        """The connection is lost: whether what was under way was done, nobody knows."""
        if self._connection is None:
            return  # what waits was not sent
        self._connection = None
        self._turn_ended()
        lost = BackplaneDown("the connection to Redis was lost")
        waiting, self._waiting = self._waiting, deque()
        for command in waiting:
            if not command.words or command.future.done():
                self._size -= command.size
                command.fail(lost)
            else:
                command.repeat()
                self._waiting.append(command)

    def replied(self, reply: Any) -> None:
        """The reply to the first of what waits."""
        if isinstance(reply, hiredis.PushNotification):
            return  # of RESP3: it answers nothing
        assert self._connection is not None
        command = self._waiting[0]
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith(DIAL_AGAIN):
            self._connection.drop()
            return
        command.replies -= 1
        if command.replies and not isinstance(reply, hiredis.ReplyError):
            return
        command.finish(reply)
        if not command.replies:
            self._waiting.popleft()
            self._size -= command.size

    def stop(self) -> None:
        """Nothing is answered any more."""
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for command in self._waiting:
            command.fail(BackplaneDown("the node has left"))
        self._waiting.clear()

    def _expire(self) -> None:
        """Fail what has waited too long. On a connection its place is kept: its reply may still come."""
        now = self._loop.time()
        self._timer = None
        late = BackplaneDown(f"no answer of Redis within {self._patience:g} s")
        for command in self._waiting:
            if command.ends > now:
                self._timer = self._loop.call_at(command.ends, self._expire)
                break
            command.fail(late)
        if self._connection is None:
            while self._waiting and self._waiting[0].future.done():
                self._size -= self._waiting.popleft().size


def nothing(_reply: Any) -> None:
    """What is read of a reply that says no more than that it is done."""


def _seen(future: asyncio.Future[Any]) -> None:
    """An error of a command that nobody waits for."""
    if not future.cancelled():
        future.exception()


def _busy() -> BackplaneBusy:
    return BackplaneBusy(f"commands of {MAX_WAITING} bytes wait for Redis's answer")
