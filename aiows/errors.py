"""Every exception of aiows; in goes what went wrong, out comes one tree with one root.

::

    AiowsError
    ├── ProtocolError            the peer broke RFC 6455 or RFC 7692   (aiohttp.WebSocketError)
    ├── ConnectionClosed         sending on what has ended             (aiohttp.ClientConnectionResetError)
    │   ├── WebSocketDisconnect  the peer of a WebSocket has left
    │   └── SentAfterClose       sending on a WebSocket we closed      (RuntimeError)
    ├── KindError                a handler refuses a message
    ├── AskFailed                the peer did not answer what it was asked
    │   ├── AskRefused           it answered with an error
    │   ├── AskTimeout           it did not answer in time         (TimeoutError)
    │   ├── AskBlocked           its answer cannot be read: too much else waits to be handled
    │   └── TooManyAsks          too many questions wait for an answer already
    ├── RegistrationError        a handler that cannot work            (TypeError)
    ├── HubMissing               topics or the hub without setup(app)  (RuntimeError)
    ├── ConcurrentReceive        a second task awaits a message        (RuntimeError)
    └── RequestReleased          a view's request after on_open        (RuntimeError)

The bases in parentheses are there so that code written for aiohttp keeps catching what it caught.
"""

from __future__ import annotations

from typing import Any

from aiohttp import ClientConnectionResetError, WebSocketError

__all__ = (
    "AiowsError",
    "AskBlocked",
    "AskFailed",
    "AskRefused",
    "AskTimeout",
    "ConcurrentReceive",
    "ConnectionClosed",
    "HubMissing",
    "KindError",
    "ProtocolError",
    "RegistrationError",
    "RequestReleased",
    "SentAfterClose",
    "TooManyAsks",
    "WebSocketDisconnect",
)


class AiowsError(Exception):
    """The root of the tree."""


class ProtocolError(AiowsError, WebSocketError):
    """The peer sent what the protocol forbids; ``code`` is the close code that says so to it.

    ``code`` is one of 1002, 1007, 1009 (RFC 6455, section 7.4.1).
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.text = text

    def __str__(self) -> str:
        return self.text


class ConnectionClosed(AiowsError, ClientConnectionResetError):
    """A message was to leave on a connection that is closing or has ended.

    ``code`` is the close code as far as it is known (RFC 6455, section 7.4), ``reason`` its text.
    """

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"the connection is closed (code {self.code}{self._because()})"

    def _because(self) -> str:
        return f", reason {self.reason!r}" if self.reason else ""


class WebSocketDisconnect(ConnectionClosed):
    """Whoever awaits a message of a `WebSocket`, or sends on it, learns that it has ended.

    ``code`` is 1005 if the Close frame carried none, 1006 if the peer left without one.
    """

    def __init__(self, code: int | None = 1000, reason: str | None = None) -> None:
        super().__init__(code, reason or "")


class SentAfterClose(ConnectionClosed, RuntimeError):
    """A `WebSocket` was to send after its own ``close()``: a mistake of the program, not the peer."""


class KindError(AiowsError):
    """A handler refuses a message: the peer gets an error reply and the connection lives.

    ``code`` is for programs, ``message`` for people, ``details`` is any JSON value or None.
    """

    def __init__(self, code: str, message: str, details: Any = None) -> None:
        super().__init__(code, message, details)
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class AskFailed(AiowsError):
    """``ws.ask(...)`` has no answer to return; the peer's leaving is a `ConnectionClosed` instead."""


class AskRefused(AskFailed):
    """The peer answered ``kind`` with an error; ``code``, ``message`` and ``details`` are as it sent them."""

    def __init__(self, kind: str, code: str, message: str = "", details: Any = None) -> None:
        super().__init__(kind, code, message, details)
        self.kind = kind
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"the peer refused {self.kind!r}: {self.code!r:.128}, {self.message!r:.128}"


class AskTimeout(AskFailed, TimeoutError):
    """The peer did not answer ``kind`` within ``seconds``."""

    def __init__(self, kind: str, seconds: float) -> None:
        super().__init__(kind, seconds)
        self.kind = kind
        self.seconds = seconds

    def __str__(self) -> str:
        return f"no answer to {self.kind!r} within {self.seconds} seconds"


class AskBlocked(AskFailed):
    """The peer sent so much besides an answer to ``kind`` that no more is read until it is handled.

    Waiting on would be for ever where the handler that asks holds up what waits.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind

    def __str__(self) -> str:
        return f"no answer to {self.kind!r} can be read: too much else waits to be handled"


class TooManyAsks(AskFailed):
    """``limit`` questions wait for this peer's answers already, and ``kind`` was not asked."""

    def __init__(self, kind: str, limit: int) -> None:
        super().__init__(kind, limit)
        self.kind = kind
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.kind!r} was not asked: {self.limit} questions wait for an answer already"


class RegistrationError(AiowsError, TypeError):
    """A handler that could never work, found when it is registered; says which one and where."""


class HubMissing(AiowsError, RuntimeError):
    """Topics or the hub were used in an application that ``aiows.setup(app)`` never saw."""

    def __init__(self) -> None:
        super().__init__(
            "topics and the hub need aiows.setup(app), called before the application starts"
        )


class ConcurrentReceive(AiowsError, RuntimeError):
    """A task awaits the next message while another one does: only one of them could get it."""

    def __init__(self) -> None:
        super().__init__("Concurrent call to receive() is not allowed")


class RequestReleased(AiowsError, RuntimeError):
    """A view's request was read after on_open had returned, when nothing of HTTP is kept any more."""

    def __init__(self) -> None:
        super().__init__(
            "the request is released once on_open has returned: copy what you need there, "
            "or set keep_request = True on the view"
        )
