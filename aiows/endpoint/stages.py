"""How far a `WebSocket` is, and what can be sent then: one table.

::

                    accept            close
        CONNECTING ────────► OPEN ────────────► CLOSED
          │    │              ▲ │ send
          │    │ close        └─┘
          │    └─────────► DENIED
          │ response.start    ▲ the last response.body
          └──────► DENYING ───┘

The messages are ASGI's, which names them ``websocket.accept``, ``websocket.http.response.start`` and so on.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

__all__ = ("ACCEPT", "CLOSE", "DENY_BODY", "DENY_START", "NEXT", "SEND", "Stage")

ACCEPT: Final = "websocket.accept"
SEND: Final = "websocket.send"
CLOSE: Final = "websocket.close"
DENY_START: Final = "websocket.http.response.start"
DENY_BODY: Final = "websocket.http.response.body"


class Stage(Enum):
    """How far a WebSocket is, as far as we are concerned."""

    CONNECTING = auto()
    OPEN = auto()
    CLOSED = auto()
    DENYING = auto()
    DENIED = auto()


NEXT: Final[dict[tuple[Stage, str], Stage]] = {
    (Stage.CONNECTING, ACCEPT): Stage.OPEN,
    (Stage.CONNECTING, CLOSE): Stage.DENIED,
    (Stage.CONNECTING, DENY_START): Stage.DENYING,
    (Stage.DENYING, DENY_BODY): Stage.DENYING,
    (Stage.OPEN, SEND): Stage.OPEN,
    (Stage.OPEN, CLOSE): Stage.CLOSED,
}
