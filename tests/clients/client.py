"""What tests ask of each real client: connect, send, receive, close; some ping and fragment, too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Closed:
    """The end of a connection, as the client was told."""

    code: int
    reason: str


class Session(ABC):
    """One connection of one client."""

    subprotocol: str
    is_compressed: bool

    @abstractmethod
    async def send(self, message: str | bytes) -> None: ...

    @abstractmethod
    async def receive(self) -> str | bytes | Closed: ...

    @abstractmethod
    async def close(self, code: int, reason: str) -> Closed:
        """Close and return what the client knows of the end."""

    @abstractmethod
    async def release(self) -> None:
        """Free what the connection holds, whatever its state."""

    async def ping(self, data: bytes) -> None:
        """Return when the pong with the same data is there."""
        raise NotImplementedError

    async def send_fragments(self, fragments: Sequence[str]) -> None:
        """Send one TEXT message in so many frames."""
        raise NotImplementedError


class Client(ABC):
    """A library or program that connects."""

    @abstractmethod
    async def connect(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        compress: bool = False,
        ca_file: Path | None = None,
    ) -> Session:
        """``ca_file`` is the authority to trust for wss, in PEM form."""


class Connect:
    """Connects, and releases every session at the end of the test."""

    def __init__(self, client: Client, sessions: AsyncExitStack) -> None:
        self._client = client
        self._sessions = sessions

    async def __call__(self, url: str, **options: Any) -> Session:
        session = await self._client.connect(url, **options)
        self._sessions.push_async_callback(session.release)
        return session


def as_event(told: dict[str, Any]) -> str | bytes | Closed:
    """Read an event as the JavaScript clients tell it (see talk.cjs)."""
    match told:
        case {"text": str(text)}:
            return text
        case {"binary": str(encoded)}:
            return bytes.fromhex(encoded)
        case {"closed": [int(code), str(reason)]}:
            return Closed(code, reason)
    raise AssertionError(f"the client tells {told}")
