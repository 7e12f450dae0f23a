"""The browser uploads a file in binary messages, and the server reports the progress.

    python examples/upload/upload.py

HOST (127.0.0.1) and PORT (8080) can be set in the environment. One connection uploads one file:

    server   {"kind": "INITIAL"}                                       the connection is open
    browser  {"kind": "UPLOAD_START", "key": "8f2c...", "name": "a.png", "size": 9000, "ref": 1}
    server   {"kind": "reply", "ref": 1, "received": 0}                or an error: too large
    browser  binary messages
    server   {"kind": "UPLOAD_PROGRESS", "value": 40}                  after each percent
    server   {"kind": "UPLOAD_FINISH"}                                 the file is whole

If the connection is lost, the browser says UPLOAD_START with the same key on the next one, and goes on from
what was received.
"""

import asyncio
import errno
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from aiows import KindError, Payload, WebSocketView, WSCloseCode, WSMessage, client_js, on, setup

STATIC = Path(__file__).parent / "static"

# Anybody may open this page. Without these two limits one stranger could fill the disk.
MAX_FILE = 256 * 1024 * 1024  # bytes
MAX_FOLDER = 1024 * 1024 * 1024  # bytes of all files together, unfinished ones included
LOST = (WSCloseCode.GOING_AWAY, 1005, WSCloseCode.ABNORMAL_CLOSURE)  # 1005: a page that is put away
PATIENCE = 60.0  # seconds for which a file waits for its browser to come back


class Start(Payload, kind="UPLOAD_START"):
    key: Annotated[str, Meta(min_length=16, max_length=64)]  # a secret of the browser
    name: str
    size: Annotated[int, Meta(ge=0)]


class Progress(Payload, kind="UPLOAD_PROGRESS"):
    value: int  # percent


class Incoming:
    """A file that is being uploaded, perhaps by several connections. Until then it has another name."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.received = 0
        self.upload: Upload | None = None  # the connection that it comes from
        self.part = path.with_name(f"{path.name}.part")
        self.file = self.part.open("xb")

    @property
    def is_whole(self) -> bool:
        return self.received == self.size

    @property
    def percent(self) -> int:
        return self.received * 100 // self.size if self.size else 100

    def write(self, data: bytes) -> None:
        self.file.write(data)  # into the system's cache: that is faster than starting a thread
        self.received += len(data)

    def keep(self) -> None:
        self.file.close()
        self.part.rename(self.path)


@dataclass
class Folder:
    path: Path
    free: int = MAX_FOLDER
    incoming: dict[str, Incoming] = field(default_factory=dict)  # by key

    def begin(self, start: Start) -> Incoming:
        if start.size > MAX_FILE:
            raise KindError("too_large", f"A file may have up to {MAX_FILE // 1024**2} MB.")
        if start.size > self.free:
            raise KindError("full", "The server has no room left.")
        self.free -= start.size
        incoming = Incoming(self.path / stored_name(start.name), start.size)
        self.incoming[start.key] = incoming
        return incoming

    def forget(self, key: str) -> None:
        """Delete what there is of a file, unless it is whole or has come back."""
        incoming = self.incoming.get(key)
        if incoming is None or incoming.upload is not None:
            return
        del self.incoming[key]
        if not incoming.is_whole:
            incoming.file.close()
            incoming.part.unlink()
            self.free += incoming.size

    def close(self) -> None:
        while self.incoming:
            _, incoming = self.incoming.popitem()
            incoming.file.close()


FOLDER = web.AppKey("folder", Folder)


class Upload(WebSocketView):
    max_msg_size = 1024 * 1024  # bytes; our page sends pieces of 64 KiB
    compress = False  # large files mostly are compressed already
    incoming: Incoming | None = None
    key = ""

    def on_open(self) -> None:
        self.ws.push({"kind": "INITIAL"})

    @on(Start)
    def start(self, msg: Start) -> dict[str, int]:
        if self.incoming is not None:
            raise KindError("busy", "One file at a time.")
        folder = self.app[FOLDER]
        incoming = folder.incoming.get(msg.key) or folder.begin(msg)
        if incoming.upload is not None:
            incoming.upload.incoming = None  # a connection that nobody has noticed the end of
        self.key, self.incoming, incoming.upload = msg.key, incoming, self
        received = incoming.received
        self.finish_if_whole(incoming)
        return {"received": received}

    def on_message(self, msg: WSMessage) -> None:
        incoming = self.incoming
        if incoming is None:
            self.ws.close(WSCloseCode.POLICY_VIOLATION, "UPLOAD_START comes first.")
        elif incoming.received + len(msg.data) > incoming.size:
            self.ws.close(WSCloseCode.POLICY_VIOLATION, "More bytes than announced.")
        else:
            self.receive(incoming, msg.data)

    def on_close(self, code: int, reason: str) -> None:
        # A browser that closes has cancelled, and one that is closed has done wrong. Others may come back.
        self.let_go(PATIENCE if code in LOST else 0)

    def receive(self, incoming: Incoming, data: bytes) -> None:
        before = incoming.percent
        incoming.write(data)
        if incoming.percent > before:
            self.ws.push(Progress(value=incoming.percent))
        self.finish_if_whole(incoming)

    def finish_if_whole(self, incoming: Incoming) -> None:
        if not incoming.is_whole:
            return
        if not incoming.file.closed:
            incoming.keep()
        self.ws.push({"kind": "UPLOAD_FINISH"})
        self.let_go(PATIENCE)  # the browser may not have heard it

    def let_go(self, patience: float) -> None:
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.upload = None
            asyncio.get_running_loop().call_later(patience, self.app[FOLDER].forget, self.key)


def stored_name(name: str) -> str:
    """Return a safe name. The browser's own could be a path to anywhere, or a file that exists."""
    harmless = re.sub(r"[^\w.-]", "_", name)[-100:]
    return f"{secrets.token_hex(8)}-{harmless}"


async def temporary_folder(app: web.Application) -> AsyncIterator[None]:
    with TemporaryDirectory(prefix="aiows-upload-") as path:
        print(f"Files go to {path} and are deleted at the end.", flush=True)
        app[FOLDER] = Folder(Path(path))
        yield
        app[FOLDER].close()


async def page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")


def make_app(argv: object = None) -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(temporary_folder)
    app.router.add_get("/", page)
    app.router.add_view("/ws", Upload)
    app.router.add_static("/static", STATIC)
    app.add_routes(client_js())
    setup(app)
    return app


if __name__ == "__main__":
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    invitation = f"Open http://localhost:{port} and drop a file. Ctrl+C stops."
    try:
        web.run_app(make_app(), host=host, port=port, print=lambda _: print(invitation, flush=True))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.exit(f"Port {port} is in use. Choose another one: PORT={port + 1}")
