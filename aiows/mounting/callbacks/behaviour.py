"""In goes what a callback route was given, out comes a `Behaviour`, or an error that says what is wrong."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self, TypeAlias

from ..._wire import Compression
from ...errors import RegistrationError
from ...inject import declared_parameters, refusal
from ...settings import (
    BYTES,
    BYTES_OR_NO_LIMIT,
    COMPRESSION,
    COMPRESSION_THRESHOLD,
    NAMES,
    ORIGINS,
    SECONDS_OR_NEVER,
    Expected,
)
from ...upgrade.handshake import Origins

__all__ = ("Behaviour", "Callback")

Callback: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What ``websocket(path, {...})`` may say; each callback is plain or ``async``, or None.

    - ``upgrade(res, req, socket_context)`` decides before the 101, see `UpgradeResponse`; without it
      every upgrade is accepted
    - ``open(ws)``: the 101 is sent; no message is seen before this has finished
    - ``message(ws, message, opcode)``: ``str`` for ``OpCode.TEXT``, ``bytes`` for ``OpCode.BINARY``
    - ``drain(ws)``: there is room again after BACKPRESSURE or DROPPED; look at the amount yourself
    - ``ping(ws, data)``, ``pong(ws, data)``: came from the peer; a Ping is answered before
    - ``dropped(ws, message, opcode)``: a message for this peer found no room, a published one too.
      What is dropped while this runs is not told again
    - ``subscription(ws, topic, subscriptions, subscriptions_before)``: this connection subscribed or no
      longer does; how many connections of this node do now and did before. At a disconnect for each
      topic, before ``close``
    - ``close(ws, code, message)``: exactly once, the last; nothing can be sent. ``message`` is the
      peer's reason or ours; the code is 1006 if the peer went without a word

    A callback that raises is logged and closes the connection with 1011.

    ``max_payload_length``: bytes of a message that may come, inflated (0: no limit; over it: 1009).
    ``max_backpressure``: bytes that may wait for one peer. ``idle_timeout``: seconds without a sign of
    life until the peer is given up, with a Ping shortly before (0: never). ``compression``: a
    `Compression`, or whether at all; ``compression_threshold``: bytes from which on a message is
    compressed (None: as suits the mode). ``protocols``: subprotocols to choose from where ``upgrade`` names
    none. ``origins``: see `aiows.handshake.check_origin`.
    """

    upgrade: Callback | None = None
    open: Callback | None = None
    message: Callback | None = None
    drain: Callback | None = None
    ping: Callback | None = None
    pong: Callback | None = None
    dropped: Callback | None = None
    subscription: Callback | None = None
    close: Callback | None = None
    compression: bool | Compression = True
    compression_threshold: int | None = None
    max_payload_length: int = 4 * 1024 * 1024
    max_backpressure: int = 1024 * 1024
    idle_timeout: float = 120.0
    protocols: Collection[str] = ()
    origins: Origins = "same"

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Check what was written down. Raises RegistrationError."""
        for name, value in given.items():
            _check(name, value)
        return cls(**given)


# What each callback is called with, in this order.
ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "upgrade": ("res", "req", "socket_context"),
    "open": ("ws",),
    "message": ("ws", "message", "opcode"),
    "drain": ("ws",),
    "ping": ("ws", "data"),
    "pong": ("ws", "data"),
    "dropped": ("ws", "message", "opcode"),
    "subscription": ("ws", "topic", "subscriptions", "subscriptions_before"),
    "close": ("ws", "code", "message"),
}


def _check(name: str, value: Any) -> None:
    if name in ARGUMENTS:
        _check_callback(name, value)
    elif name in OPTIONS:
        OPTIONS[name].check(name, value)
    else:
        raise RegistrationError(f"a websocket route has no {name!r}{_did_you_mean(name)}")


def _did_you_mean(name: str) -> str:
    known = [field.name for field in fields(Behaviour)]
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(known)}"


def _check_callback(name: str, value: Any) -> None:
    if value is None:
        return
    if not callable(value):
        raise RegistrationError(f"{name} is a function, not {value!r}")
    signature = inspect.Signature(declared_parameters(value))
    arguments = ARGUMENTS[name]
    try:
        signature.bind(*arguments)
    except TypeError as error:
        problem = f"{name} is called with ({', '.join(arguments)}): {error}"
        raise refusal(value, problem) from error


# What each option should be.
OPTIONS: Final[Mapping[str, Expected]] = {
    "compression": COMPRESSION,
    "compression_threshold": COMPRESSION_THRESHOLD,
    "max_payload_length": BYTES_OR_NO_LIMIT,
    "max_backpressure": BYTES,
    "idle_timeout": SECONDS_OR_NEVER,
    "protocols": NAMES,
    "origins": ORIGINS,
}
