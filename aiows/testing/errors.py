"""The errors of the test tools: what the server did instead of what the test expected."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import WSMessage
from multidict import CIMultiDictProxy

from ..errors import AiowsError, WebSocketDisconnect

__all__ = ("Disconnected", "UnexpectedMessage", "UpgradeRefused")


class Disconnected(WebSocketDisconnect):
    """The connection ended before the test could receive or send.

    ``code`` is the close code (1005: the Close frame had none, 1006: there was no Close frame; RFC
    6455, section 7.1.5), ``reason`` its text.
    """


class UpgradeRefused(AiowsError):
    """The server answered an upgrade request with a status other than 101.

    ``status``: the HTTP status; ``headers`` and ``body`` (bytes) of its answer.
    """

    def __init__(self, status: int, headers: CIMultiDictProxy[str], body: bytes) -> None:
        super().__init__(status, headers, body)
        self.status = status
        self.headers = headers
        self.body = body

    def __str__(self) -> str:
        return f"the server answered {self.status}: {self.text[:200]}"

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are shown as �."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return orjson.loads(self.body)


class UnexpectedMessage(AiowsError, AssertionError):
    """Another message came than the test expected; ``message`` is the one that came."""

    def __init__(self, expected: str, message: WSMessage) -> None:
        super().__init__(expected, message)
        self.expected = expected
        self.message = message

    def __str__(self) -> str:
        return f"expected {self.expected}, received {self.message.type.name} {self.message.data!r}"
