"""Chromium's WebSocket as a client: the page has the socket, and the test reads what it received."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, JSHandle, Page

from clients.client import Client, Closed, Session, as_event

# A session in the page: what arrives waits in a queue until the test takes it.
OPEN: Final = """
({ url, subprotocols }) => new Promise((resolve, reject) => {
  const socket = new WebSocket(url, subprotocols);
  const told = [], asked = [];
  const tell = (event) => asked.length ? asked.shift()(event) : told.push(event);
  const hear = () => told.length ? told.shift() : new Promise((answer) => asked.push(answer));
  const digits = (byte) => byte.toString(16).padStart(2, "0");
  const hex = (data) => Array.from(new Uint8Array(data), digits).join("");
  const event = (data) => typeof data === "string" ? { text: data } : { binary: hex(data) };
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => tell(event(data));
  socket.onclose = ({ code, reason }) => tell({ closed: [code, reason] });
  socket.onerror = () => reject(new Error("no connection"));
  socket.onopen = () => resolve({ socket, hear });
})
"""
SEND_BINARY: Final = """
({ socket }, hex) =>
  socket.send(Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16)))
"""


class ChromiumSession(Session):
    def __init__(self, page: Page, session: JSHandle, told: dict[str, Any]) -> None:
        self._page = page
        self._session = session
        self.subprotocol = told["subprotocol"]
        self.is_compressed = "permessage-deflate" in told["extensions"]

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._session.evaluate("({ socket }, text) => socket.send(text)", message)
        else:
            await self._session.evaluate(SEND_BINARY, message.hex())

    async def receive(self) -> str | bytes | Closed:
        return as_event(await self._session.evaluate("({ hear }) => hear()"))

    async def close(self, code: int, reason: str) -> Closed:
        close = "({ socket }, [code, reason]) => socket.close(code, reason)"
        await self._session.evaluate(close, [code, reason])
        closed = await self.receive()
        assert isinstance(closed, Closed)
        return closed

    async def release(self) -> None:
        await self._page.context.close()


class ChromiumClient(Client):
    """It always offers to compress."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    async def connect(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (),
        compress: bool = False,
        ca_file: Path | None = None,
    ) -> Session:
        context = await self._browser.new_context(ignore_https_errors=ca_file is not None)
        page = await context.new_page()
        options = {"url": url, "subprotocols": list(subprotocols)}
        session = await page.evaluate_handle(OPEN, options)
        about = "({ socket }) => ({ subprotocol: socket.protocol, extensions: socket.extensions })"
        return ChromiumSession(page, session, await session.evaluate(about))
