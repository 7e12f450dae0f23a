"""The browser uploads a file in binary messages, and the server reports the progress.

    python examples/upload/upload.py

HOST (127.0.0.1) and PORT (8080) can be set in the environment. One connection uploads one file:

    server   {"kind": "INITIAL"}                                       the connection is open
    browser  {"kind": "UPLOAD_START", "name": "a.png", "size": 9000, "ref": 1}
    server   {"kind": "reply", "ref": 1}                               or an error: too large
    browser  binary messages
    server   {"kind": "UPLOAD_PROGRESS", "value": 40}                  after each percent
    server   {"kind": "UPLOAD_FINISH"}                                 the file is whole
"""

import os
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from aiows import KindError, Payload, WebSocketView, WSCloseCode, WSMessage, on, setup

STATIC = Path(__file__).parent / "static"

# Anybody may open this page. Without these two limits one stranger could fill the disk.
MAX_FILE = 256 * 1024 * 1024  # bytes
MAX_FOLDER = 1024 * 1024 * 1024  # bytes of all files together, unfinished ones included


class Start(Payload, kind="UPLOAD_START"):
    name: str
    size: Annotated[int, Meta(ge=0)]


class Progress(Payload, kind="UPLOAD_PROGRESS"):
    value: int  # percent


@dataclass
class Folder:
    path: Path
    free: int = MAX_FOLDER


class Incoming:
    """A file that is being uploaded. Until it is complete it has another name."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.received = 0
        self.part = path.with_name(f"{path.name}.part")
        self.file = self.part.open("xb")

    @property
    def percent(self) -> int:
        return self.received * 100 // self.size if self.size else 100

    def write(self, data: bytes) -> None:
        self.file.write(data)  # into the system's cache: that is faster than starting a thread
        self.received += len(data)

    def keep(self) -> None:
        self.file.close()
        self.part.rename(self.path)

    def discard(self) -> None:
        self.file.close()
        self.part.unlink()


FOLDER = web.AppKey("folder", Folder)


class Upload(WebSocketView):
    max_msg_size = 1024 * 1024  # bytes; our page sends pieces of 64 KiB
    compress = False  # large files mostly are compressed already
    incoming: Incoming | None = None

    def on_open(self) -> None:
        self.ws.push({"kind": "INITIAL"})

    @on(Start)
    def start(self, msg: Start) -> None:
        if self.incoming is not None:
            raise KindError("busy", "One file at a time.")
        self.reserve(msg.size)
        self.incoming = Incoming(self.app[FOLDER].path / stored_name(msg.name), msg.size)
        self.finish_if_whole(self.incoming)

    def on_message(self, msg: WSMessage) -> None:
        incoming = self.incoming
        if incoming is None:
            self.ws.close(WSCloseCode.POLICY_VIOLATION, "UPLOAD_START comes first.")
        elif incoming.received + len(msg.data) > incoming.size:
            self.ws.close(WSCloseCode.POLICY_VIOLATION, "More bytes than announced.")
        else:
            self.receive(incoming, msg.data)

    def on_close(self, code: int, reason: str) -> None:
        if self.incoming is not None:
            self.incoming.discard()
            self.app[FOLDER].free += self.incoming.size

    def reserve(self, size: int) -> None:
        folder = self.app[FOLDER]
        if size > MAX_FILE:
            raise KindError("too_large", f"A file may have up to {MAX_FILE // 1024**2} MB.")
        if size > folder.free:
            raise KindError("full", "The server has no room left.")
        folder.free -= size

    def receive(self, incoming: Incoming, data: bytes) -> None:
        before = incoming.percent
        incoming.write(data)
        if incoming.percent > before:
            self.ws.push(Progress(value=incoming.percent))
        self.finish_if_whole(incoming)

    def finish_if_whole(self, incoming: Incoming) -> None:
        if incoming.received == incoming.size:
            self.incoming = None
            incoming.keep()
            self.ws.push({"kind": "UPLOAD_FINISH"})


def stored_name(name: str) -> str:
    """Return a safe name. The browser's own could be a path to anywhere, or a file that exists."""
    harmless = re.sub(r"[^\w.-]", "_", name)[-100:]
    return f"{secrets.token_hex(8)}-{harmless}"


async def temporary_folder(app: web.Application) -> AsyncIterator[None]:
    with TemporaryDirectory(prefix="aiows-upload-") as path:
        print(f"Files go to {path} and are deleted at the end.", flush=True)
        app[FOLDER] = Folder(Path(path))
        yield


async def page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")


def make_app(argv: object = None) -> web.Application:
    app = web.Application()
    app.cleanup_ctx.append(temporary_folder)
    app.router.add_get("/", page)
    app.router.add_view("/ws", Upload)
    app.router.add_static("/static", STATIC)
    setup(app)
    return app


if __name__ == "__main__":
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    invitation = f"Open http://localhost:{port} and drop a file. Ctrl+C stops."
    web.run_app(make_app(), host=host, port=port, print=lambda _: print(invitation, flush=True))
