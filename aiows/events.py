"""What happens to connections, for those who observe it: metrics, traces, tests, an inspector."""

from __future__ import annotations

import logging
from typing import Any, Final

__all__ = ("Observer", "Observers")

logger: Final = logging.getLogger("aiows.events")


class Observer:
    """Subclass it for what you want to know, and give it to `observe`; what you do not override does nothing.

    The methods are called in the event loop, in the middle of what they tell of: be quick, and neither send
    nor close there. What they raise is logged, and changes nothing. ``connection`` is a `Connection`; its
    ``id`` is a name for logs.
    """

    __slots__ = ()

    def opened(self, connection: Any, /) -> None:
        """The 101 was sent."""

    def closed(self, connection: Any, code: int, /, *, by_peer: bool) -> None:
        """The application was told of the end; ``by_peer``: the peer began it, or was lost."""

    def message_in(self, connection: Any, opcode: int, size: int, /) -> None:
        """A TEXT (1) or BINARY (2) message of ``size`` bytes came in."""

    def message_out(self, connection: Any, opcode: int, size: int, /) -> None:
        """One is on its way out: sent, or queued."""

    def kind_in(self, connection: Any, kind: str, /) -> None:
        """A message of a kind that has a handler was read; it is about to be handled."""

    def kind_out(self, connection: Any, kind: str, /) -> None:
        """A message with a kind is about to be sent: a reply, or an object that was pushed or published."""

    def dropped(self, connection: Any, opcode: int, size: int, /) -> None:
        """There was no room for a message."""

    def failed(self, connection: Any, error: BaseException, /, *, kind: str | None) -> None:
        """A hook raised, or the handler of ``kind``; the log has it, too."""


class Observers(Observer):
    """Tells several observers; one that raises does not keep it from the others."""

    __slots__ = ("_observers",)

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers

    def opened(self, connection: Any, /) -> None:
        self._tell("opened", connection)

    def closed(self, connection: Any, code: int, /, *, by_peer: bool) -> None:
        self._tell("closed", connection, code, by_peer=by_peer)

    def message_in(self, connection: Any, opcode: int, size: int, /) -> None:
        self._tell("message_in", connection, opcode, size)

    def message_out(self, connection: Any, opcode: int, size: int, /) -> None:
        self._tell("message_out", connection, opcode, size)

    def kind_in(self, connection: Any, kind: str, /) -> None:
        self._tell("kind_in", connection, kind)

    def kind_out(self, connection: Any, kind: str, /) -> None:
        self._tell("kind_out", connection, kind)

    def dropped(self, connection: Any, opcode: int, size: int, /) -> None:
        self._tell("dropped", connection, opcode, size)

    def failed(self, connection: Any, error: BaseException, /, *, kind: str | None) -> None:
        self._tell("failed", connection, error, kind=kind)

    def _tell(self, what: str, *args: Any, **named: Any) -> None:
        for observer in self._observers:
            try:
                getattr(observer, what)(*args, **named)
            except Exception:
                logger.exception("the observer %r raised", observer)
