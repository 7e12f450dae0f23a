"""`Behaviour`: the callbacks and the settings of a callback route, checked when the route is made."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeAlias

from ...errors import RegistrationError
from ...inject import declared_parameters, refusal
from ...settings import CALLBACK_OPTIONS, Settings

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

    The options: ``max_payload_length``: bytes of a message that may come, inflated (0: no limit; over it:
    1009). ``max_backpressure``: bytes that may wait for one peer. ``max_unsent``: bytes that the kernel may
    hold beside them, see `WebSocketResponse` (None: as the system has it). ``max_topics``: topics that one
    connection may be subscribed to. ``idle_timeout``: seconds without
    a sign of life until the peer is given up, with a Ping before (0: never). ``compression``: a
    `Compression`, or whether at all; ``compression_threshold``: bytes from which on a message is
    compressed (None: as suits the mode). ``protocols``: subprotocols to choose from where ``upgrade`` names
    none. ``origins``: see `aiows.upgrade.check_origin`.
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
    settings: Settings = CALLBACK_OPTIONS.defaults

    @classmethod
    def of(cls, given: Mapping[str, Any], path: str) -> Self:
        """Check what was written down for ``path``. Raises RegistrationError."""
        place = f"the route {path!r}: "
        for name, value in given.items():
            _check(name, value, place)
        callbacks = {name: value for name, value in given.items() if name in ARGUMENTS}
        options = {name: value for name, value in given.items() if name not in ARGUMENTS}
        settings = CALLBACK_OPTIONS.read(options, place)
        if callbacks.get("ping") or callbacks.get("pong"):
            settings = replace(settings, control_messages=True)
        return cls(settings=settings, **callbacks)


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


def _check(name: str, value: Any, place: str) -> None:
    if name in ARGUMENTS:
        _check_callback(name, value, place)
    elif name not in CALLBACK_OPTIONS.names:
        raise RegistrationError(f"{place}a websocket route has no {name!r}{_did_you_mean(name)}")


def _did_you_mean(name: str) -> str:
    known = (*ARGUMENTS, *CALLBACK_OPTIONS.names)
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(known)}"


def _check_callback(name: str, value: Any, place: str) -> None:
    if value is None:
        return
    if not callable(value):
        raise RegistrationError(f"{place}{name} is a function, not {value!r}")
    signature = inspect.Signature(declared_parameters(value))
    arguments = ARGUMENTS[name]
    try:
        signature.bind(*arguments)
    except TypeError as error:
        problem = f"{name} is called with ({', '.join(arguments)}): {error}"
        raise refusal(value, problem) from error
