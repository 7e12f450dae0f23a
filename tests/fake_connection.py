"""A connection without a network, which remembers what was pushed to it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiows._wire import MessageReader
from aiows.connection import (
    Connection,
    PreparedMessage,
    Topics,
)
from aiows.connection.outbox import Outbox
from aiows.response.receiver import Receiver
from aiows.send_status import SendStatus
from aiows.settings import Settings


class FakeTransport(asyncio.Transport):
    """Takes every write; ``waiting`` is how many bytes it says that it buffers."""

    waiting = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.waiting


class FakeConsumer(Receiver):
    """Writes the end down in ``events``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, events: list[Any]) -> None:
        super().__init__(loop)
        self.events = events

    def on_close(self, code: int, reason: str) -> None:
        super().on_close(code, reason)
        self.events.append(("close", code))


class FakeHost:
    """Is told of a loss, and has nothing to do."""

    def lost(self, error: BaseException | None) -> None:
        pass


class RecordingOutbox(Outbox):
    """Remembers what was pushed."""

    def __init__(self, connection: FakeConnection) -> None:
        protocol = connection._protocol
        super().__init__(
            protocol,
            connection.transport,
            protocol.shared.flusher,
            limit=500,
            max_backpressure=1000,
        )
        self.pushed = connection.pushed

    def push(self, opcode: int, payload: str | bytes) -> SendStatus:
        return self._noted(super().push(opcode, payload), PreparedMessage(payload, opcode))

    def try_push(self, opcode: int, payload: str | bytes) -> SendStatus:
        return self._noted(super().try_push(opcode, payload), PreparedMessage(payload, opcode))

    def push_message(self, message: Any) -> SendStatus:
        return self._noted(super().push_message(message), message)

    def push_shared(self, message: Any) -> SendStatus:
        return self._noted(super().push_shared(message), message)

    def _noted(self, status: SendStatus, message: PreparedMessage) -> SendStatus:
        if status:
            self.pushed.append(message)
        return status


class FakeConnection(Connection):
    """A real connection over a `FakeTransport`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hub: Topics | None = None) -> None:
        self.events: list[Any] = []
        self.pushed: list[Any] = []
        self.transport = FakeTransport()
        consumer = FakeConsumer(loop, self.events)
        super().__init__(
            self.transport,
            loop=loop,
            reader=MessageReader(),
            deflater=None,
            options=Settings(writer_limit=500, max_backpressure=1000, idle_timeout=0),
            consumer=consumer,
            host=FakeHost(),
            hub=hub,
        )
        consumer.connection = self
        self._outbox = self._protocol.outbox = RecordingOutbox(self)

    @property
    def hub(self) -> Any:
        return self._protocol.hub

    def lost(self, error: BaseException | None) -> None:
        """The network has lost it."""
        self._protocol.lose(error)

    def push(self, message: Any) -> SendStatus:
        before = len(self.pushed)
        status = super().push(message)
        if status:
            self.pushed[before:] = [message]  # in place of what it was encoded as
        return status

    @property
    def payloads(self) -> list[bytes]:
        return [PreparedMessage.of(message).payload for message in self.pushed]

    def fill(self) -> None:
        """Behave as if the peer had not read for a while: the next message is one too many."""
        self.transport.waiting = 1000
        self._protocol.pause_writing()

    def empty(self) -> None:
        """The peer has read everything."""
        self.transport.waiting = 0
        self._protocol.resume_writing()
