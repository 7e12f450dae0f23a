"""In go messages, out they go to a hook one after the other: at once where it is at rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .._wire.messages import Message

__all__ = ("PumpCore",)


class MessageHook(Protocol):
    """Who handles messages, of one connection or of many."""

    def message(self, connection: Any, data: Any, type: Any, /) -> Any:
        """Handle one; what is returned may have to be awaited."""


class PumpCore:
    """Calls ``hooks.message(connection, data, type)``, never while the call before it goes on.

    ``types`` has the type that is given for an opcode.

    Nothing is taken before `rest` was called once. What a call returns or raises, and what waits, is for a
    subclass.
    """

    __slots__ = ("_has_news", "_hooks", "_is_working", "_types", "connection")

    connection: Any

    def __init__(self, hooks: MessageHook, types: Mapping[int, Any]) -> None:
        self._hooks: Any = hooks
        self._types = types
        self._is_working = True
        self._has_news = False

    def offer(self, message: Message) -> bool:
        """Handle ``message`` at once; False if it has to wait for its turn."""
        if self._is_working:
            return False
        self._is_working = True
        try:
            result = self._hooks.message(self.connection, message.data, self._types[message.opcode])
        except BaseException as error:
            self._failed(error)
            result = None
        if result is None or not self._goes_on(result):
            self.rest()
        return True

    def rest(self) -> None:
        """Nothing is at work: handle what waits, or wait for what comes."""
        self._is_working = False
        if self._has_news:
            self._handle_news()

    def _failed(self, error: BaseException) -> None:
        """The hook raised ``error``."""
        raise error

    def _goes_on(self, result: Any) -> bool:
        """Whether the hook has not finished, as ``result`` has to be awaited; then see to that."""
        return False

    def _handle_news(self) -> None:
        """Handle what waits."""
