"""The messages that wait for the application, in order, and how much they weigh."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from .._wire import Message

__all__ = ("Inbox",)

# What one message costs beyond its payload (the tuple, the bytes object, the slot in the deque):
# counted, or a million empty messages would weigh nothing.
MESSAGE_OVERHEAD: Final = 128

# Reading pauses above HIGH_WATER and resumes below LOW_WATER, so that a peer that sends faster than
# the application reads feels TCP, and memory stays flat. Twice aiohttp's chunk size, as there.
HIGH_WATER: Final = 128 * 1024
LOW_WATER: Final = HIGH_WATER // 2


class Inbox:
    """Messages that wait for the application; ``size`` is their weight in bytes.

    ``full_since``: when reading was paused, in the loop's time; None while it is not.
    """

    __slots__ = ("_messages", "full_since", "size")

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self.size = 0
        self.full_since: float | None = None

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> None:
        self._messages.append(message)
        self.size += message.size + MESSAGE_OVERHEAD

    def take(self) -> Message:
        """Return the oldest message. Raises IndexError if there is none."""
        message = self._messages.popleft()
        self.size -= message.size + MESSAGE_OVERHEAD
        return message

    def sift(self, take: Callable[[Message], bool]) -> None:
        """Give out the messages that ``take`` takes; the others wait on."""
        for _ in range(len(self._messages)):
            message = self._messages.popleft()
            if take(message):
                self.size -= message.size + MESSAGE_OVERHEAD
            else:
                self._messages.append(message)

    @property
    def is_full(self) -> bool:
        return self.size > HIGH_WATER

    @property
    def has_room(self) -> bool:
        return self.size <= LOW_WATER
