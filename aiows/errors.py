"""Every exception of aiows, in one tree with one root.

::

    AiowsError
    ├── ProtocolError            the peer broke RFC 6455 or RFC 7692   (aiohttp.WebSocketError)
    ├── ConnectionClosed         sending on a closed connection        (aiohttp.ClientConnectionResetError)
    │   ├── WebSocketDisconnect  the peer of a WebSocket has left
    │   └── SentAfterClose       sending on a WebSocket we closed      (RuntimeError)
    ├── KindError                a handler refuses a message
    │   ├── TooManyTopics        a connection has as many topics as it may
    │   └── TopicTooLong         a topic with a name that is too long  (ValueError)
    ├── AskFailed                there is no answer from the peer to ask()
    │   ├── AskRefused           it answered with an error
    │   ├── AskTimeout           it did not answer in time         (TimeoutError)
    │   ├── AskBlocked           its answer cannot be read: too many other messages wait
    │   └── TooManyAsks          too many questions already wait for an answer
    ├── TooManySenders           too many tasks wait to send on one connection
    ├── BackplaneError           the other nodes cannot be reached as they have to be
    │   ├── BackplaneDown        the connection is lost, or too slow     (ConnectionError)
    │   ├── BackplaneBusy        so much waits for it that no more is taken
    │   ├── BackplaneRefused     it answered with an error of its own
    │   └── NoHistory            it keeps no messages
    ├── RegistrationError        a handler that could never work       (TypeError)
    ├── InvalidUserId            what cannot be a user id              (TypeError)
    ├── InvalidCloseCode         a close code that may not be sent     (ValueError)
    ├── InvalidQuestion          what ask() cannot say                 (ValueError)
    ├── NoSuchMember             a name of other libraries, or too early (AttributeError)
    ├── BadTarget                the command line names no application
    ├── HubMissing               topics or the hub without setup(app)  (RuntimeError)
    ├── WrongEventLoop           a connection used from another thread  (RuntimeError)
    ├── TransportTaken           writing to the transport of a WebSocket (RuntimeError)
    ├── ConcurrentReceive        another task awaits a message already (RuntimeError)
    └── RequestReleased          a view's request after on_open        (RuntimeError)

The bases in parentheses are there so that code that was written for aiohttp still catches these errors.
"""

from __future__ import annotations

from typing import Any, cast

from aiohttp import ClientConnectionResetError, WebSocketError

__all__ = (
    "AiowsError",
    "AskBlocked",
    "AskFailed",
    "AskRefused",
    "AskTimeout",
    "BackplaneBusy",
    "BackplaneDown",
    "BackplaneError",
    "BackplaneRefused",
    "BadTarget",
    "ConcurrentReceive",
    "ConnectionClosed",
    "HubMissing",
    "InvalidCloseCode",
    "InvalidQuestion",
    "InvalidUserId",
    "KindError",
    "NoHistory",
    "NoSuchMember",
    "ProtocolError",
    "RegistrationError",
    "RequestReleased",
    "SentAfterClose",
    "TooManyAsks",
    "TooManySenders",
    "TooManyTopics",
    "TopicTooLong",
    "TransportTaken",
    "WebSocketDisconnect",
    "WrongEventLoop",
)


class AiowsError(Exception):
    """The root of the tree."""


class ProtocolError(AiowsError, WebSocketError):
    """The peer broke the protocol; ``code`` is the close code that it is sent.

    ``code`` is one of 1002, 1007, 1009 (RFC 6455, section 7.4.1).
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.text = text

    def __str__(self) -> str:
        return self.text


class ConnectionClosed(AiowsError, ClientConnectionResetError):
    """A message cannot be sent, because the connection is closing or has ended.

    ``code`` is the close code, None if it is not known (RFC 6455, section 7.4); ``reason`` is its text.
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
    """The connection of a `WebSocket` has ended; raised by receiving and by sending.

    ``code`` is 1005 if the Close frame had none, 1006 if there was no Close frame.
    """

    def __init__(self, code: int | None = 1000, reason: str | None = None) -> None:
        super().__init__(code, reason or "")


class SentAfterClose(ConnectionClosed, RuntimeError):
    """Sending on a `WebSocket` after its own ``close()``: a mistake in the program, not of the peer."""


def is_nothing_but_the_end(error: BaseException) -> bool:
    """Whether ``error`` is a `ConnectionClosed`, or a group of them, as of a `asyncio.TaskGroup` that sends.

    A `SentAfterClose` is more: a mistake.
    """
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(map(is_nothing_but_the_end, group.exceptions))
    return isinstance(error, ConnectionClosed) and not isinstance(error, SentAfterClose)


class KindError(AiowsError):
    """A handler refuses a message: the peer gets an error reply, and the connection stays open.

    ``code`` is for programs, ``message`` for people, ``details`` is any JSON value or None. ``silent``: only
    a message with a ``ref`` is answered; the sender of one without learns nothing. Raises TypeError for a
    code or a message that is no ``str``.
    """

    def __init__(
        self, code: str, message: str, details: Any = None, *, silent: bool = False
    ) -> None:
        for name, text in (("code", code), ("message", message)):
            if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"KindError: {name} is a str, not {text!r:.128}")
        super().__init__(code, message, details)
        self.code = code
        self.message = message
        self.details = details
        self.silent = silent

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class TooManyTopics(KindError):
    """A connection would have more than ``limit`` topics, its ``max_topics``: it got none of the new ones.

    A handler of a kind that lets this pass answers its peer with the code ``too_many``.
    """

    def __init__(self, limit: int) -> None:
        super().__init__("too_many", f"a connection has at most {limit} topics")
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.message}: its max_topics says how many"


class TopicTooLong(KindError, ValueError):
    """The name of a topic has ``size`` bytes of UTF-8, more than ``limit``; nobody was subscribed or told.

    A handler of a kind that lets this pass answers its peer with the code ``invalid``.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__("invalid", f"the name of a topic has {size} bytes: at most {limit}")
        self.size = size
        self.limit = limit


class AskFailed(AiowsError):
    """``ws.ask(...)`` got no answer. If the peer has left, it raises `ConnectionClosed` instead."""


class AskRefused(AskFailed):
    """The peer answered ``kind`` with an error; ``code``, ``message`` and ``details`` are the peer's."""

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
    """The answer to ``kind`` cannot be read: so many other messages wait that reading is paused.

    Without this error the wait might never end: the other messages may wait for the handler that asks.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind

    def __str__(self) -> str:
        return f"the answer to {self.kind!r} cannot be read: too many other messages wait to be handled"


class TooManyAsks(AskFailed):
    """``kind`` was not asked, because ``limit`` questions already wait for this peer's answers."""

    def __init__(self, kind: str, limit: int) -> None:
        super().__init__(kind, limit)
        self.kind = kind
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.kind!r} was not asked: {self.limit} questions already wait for an answer"


class TooManySenders(AiowsError):
    """A message was to wait for room on a connection on which too many tasks wait already: it is not sent.

    ``senders`` tasks wait there, with messages of ``size`` bytes together: the peer does not read.
    """

    def __init__(self, senders: int, size: int) -> None:
        super().__init__(senders, size)
        self.senders = senders
        self.size = size

    def __str__(self) -> str:
        return f"{self.senders} tasks wait to send on the connection already, {self.size} bytes"


class BackplaneError(AiowsError):
    """What connects the nodes has failed; what was sent to it may have arrived or not."""


class BackplaneDown(BackplaneError, ConnectionError):
    """The connection to the backplane is lost, or it did not answer in time."""


class BackplaneBusy(BackplaneError):
    """So much waits for the backplane's answers that it takes no more now."""


class BackplaneRefused(BackplaneError):
    """The backplane's server answered with an error of its own, which is the text."""


class NoHistory(BackplaneError):
    """The backplane keeps no messages, so it has no history."""


class RegistrationError(AiowsError, TypeError):
    """A handler that could never work, found when it is registered. The text has its name, file and line."""


class InvalidUserId(AiowsError, TypeError):
    """A value cannot be a user id: a response, for example, that should have been raised.

    ``source`` is where it was given, ``kind`` its type (the value itself may be a secret), and ``problem``
    says what is wrong with it, and what to do.
    """

    def __init__(self, source: str, kind: type, problem: str) -> None:
        super().__init__(source, kind, problem)
        self.source = source
        self.kind = kind
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.source}: {self.kind.__qualname__} as a user id {self.problem}"


class InvalidCloseCode(AiowsError, ValueError):
    """A Close frame may not carry ``code`` (RFC 6455, section 7.4); it may be anything."""

    def __init__(self, code: Any) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        text = f"{self.code!r:.64} is not a close code that may be sent: those are 1000 to 1003, "
        text += "1007 to 1014, and 3000 to 4999, of which 4000 to 4999 are for applications"
        if isinstance(self.code, int) and 400 <= self.code < 600:
            text += f"; for an HTTP status add 4000: {4000 + self.code}"
        return text


class InvalidQuestion(AiowsError, ValueError):
    """``ws.ask(...)`` was given what is no question; the text says what it takes."""


class NoSuchMember(AiowsError, AttributeError):
    """``place`` is not there, though other libraries have it, or not there yet; ``instead`` says what is."""

    def __init__(self, place: str, instead: str) -> None:
        super().__init__(place, instead)
        self.place = place
        self.instead = instead

    def __str__(self) -> str:
        return f"{self.place} is not there: {self.instead}"


class BadTarget(AiowsError):
    """What a command line names leads to no application; the text says why, and where."""


class HubMissing(AiowsError, RuntimeError):
    """Topics or the hub were used in an application without ``aiows.setup(app)``."""

    def __init__(self) -> None:
        super().__init__(
            "topics and the hub need aiows.setup(app), called before the application starts"
        )


class WrongEventLoop(AiowsError, RuntimeError):
    """``what`` was called from another thread or event loop; raised in asyncio's debug mode alone."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return (
            f"{self.what} was called outside of its event loop. From another thread use "
            "loop.call_soon_threadsafe(ws.push, message), or for what is awaited "
            "asyncio.run_coroutine_threadsafe(hub.publish(topic, message), loop)"
        )


class TransportTaken(AiowsError, RuntimeError):
    """A program has called ``method`` of the transport of a WebSocket, which can only be read from."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.method = method

    def __str__(self) -> str:
        return (
            f"{self.method}(): since the 101 the transport can only be read from; there are send_str(), "
            "send_bytes() and close() of the WebSocket, and abort() of its connection"
        )


class ConcurrentReceive(AiowsError, RuntimeError):
    """Two tasks await the next message at the same time: only one of them could get it."""

    def __init__(self) -> None:
        super().__init__("Concurrent call to receive() is not allowed")


class RequestReleased(AiowsError, RuntimeError):
    """A view's request was used after on_open had returned: by then it has been released."""

    def __init__(self) -> None:
        super().__init__(
            "the request is released once on_open has returned: copy what you need there, "
            "or set keep_request = True on the view"
        )
