"""The examples with clients that are no browsers, and not always well-behaved; see also tests/browser."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web

import aiows
from eventually import eventually

EXAMPLES: Final = Path(__file__).parents[1] / "examples"

Serve = Callable[..., Awaitable[int]]


def load(script: str) -> ModuleType:
    path = EXAMPLES / script
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Talker:
    """One connection that speaks kinds, and waits for those that it is asked about."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.socket.send_json({"kind": kind, **fields})

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        await self.tell(kind, **fields, ref="a question")
        return await self.hear(lambda message: message.get("ref") == "a question")

    async def hear(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = await self.socket.receive_json(timeout=5)
            if wanted(message):
                return message

    async def hear_kind(self, kind: str) -> dict[str, Any]:
        return await self.hear(lambda message: message["kind"] == kind)

    def lose(self) -> None:
        """Go without a close, as when a phone has no signal."""
        transport: Any = self.socket._writer.transport
        transport.abort()

    async def ended(self) -> tuple[int | None, str | None]:
        """Wait for the close; return its code and reason."""
        while (message := await self.socket.receive(timeout=5)).type is not WSMsgType.CLOSE:
            pass
        return message.data, message.extra


Connect = Callable[[str], Awaitable[Talker]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as open_ones:
        session = await open_ones.enter_async_context(aiohttp.ClientSession())

        async def connect(url: str) -> Talker:
            return Talker(await open_ones.enter_async_context(session.ws_connect(url)))

        yield connect


# minimal.py


async def test_minimal_carries_what_one_says_to_everybody(serve: Serve, connect: Connect) -> None:
    """In fewer than thirty lines."""
    url = f"http://127.0.0.1:{await serve(load('minimal.py').make_app())}/ws"
    ada, grace = await connect(url), await connect(url)
    await ada.tell("say", text="Hello")
    assert await grace.hear_kind("said") == {"kind": "said", "text": "Hello"}
    assert await ada.hear_kind("said") == {"kind": "said", "text": "Hello"}
    lines = (EXAMPLES / "minimal.py").read_text().splitlines()
    assert len(lines) < 30


@pytest.mark.parametrize("example", ["minimal", "chat", "upload"])
async def test_every_example_runs_under_aiohttp_s_own_command(
    example: str, connect: Connect
) -> None:
    """``python -m aiohttp.web`` finds make_app, prints where it serves, and is answered there."""
    folder = EXAMPLES if example == "minimal" else EXAMPLES / example
    command = ["-m", "aiohttp.web", "-H", "127.0.0.1", "-P", "0", f"{example}:make_app"]
    path = os.pathsep.join([str(folder), str(Path(aiows.__file__).parents[1])])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        env=os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        while not (found := re.search(rb"http://127[\d.:]+", await process.stdout.readline())):
            assert not process.stdout.at_eof()
        await connect(f"{found[0].decode()}/ws?name=Ada")
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.parametrize("example", ["chat", "upload"])
async def test_a_port_that_is_in_use_is_told_with_what_to_do(example: str, serve: Serve) -> None:
    """In one line, by the name of the setting."""
    port = await serve(web.Application())
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / example / f"{example}.py"),
        env=os.environ
        | {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "PYTHONPATH": str(Path(aiows.__file__).parents[1]),
        },
        stderr=subprocess.PIPE,
    )
    _, told = await process.communicate()
    assert process.returncode == 1
    assert told.decode() == f"Port {port} is in use. Choose another one: PORT={port + 1}\n"


# chat.py


@pytest.fixture
async def join(serve: Serve, connect: Connect) -> Callable[[str], Awaitable[Talker]]:
    """Come into the chat by a name."""
    chat_url = f"http://127.0.0.1:{await serve(load('chat/chat.py').make_app())}/ws"
    return lambda name: connect(f"{chat_url}?name={name}")


@pytest.mark.parametrize("name", ["", "%20%20", "x" * 25])
async def test_the_chat_refuses_a_name_that_is_empty_or_long(
    name: str, join: Callable[[str], Awaitable[Talker]]
) -> None:
    """The upgrade is answered with 400."""
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        await join(name)


@pytest.mark.parametrize("room", ["", "two words", "x" * 25, "line\n", "room:general", 7])
async def test_the_chat_refuses_a_room_with_a_bad_name(
    room: object, join: Callable[[str], Awaitable[Talker]]
) -> None:
    """It is part of a topic's name, and everybody sees it in the list."""
    ada = await join("Ada")
    answer = await ada.ask("room.enter", room=room)
    assert answer["error"]["code"] == "invalid"
    assert answer["error"]["details"]["field"] == "room"


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001])
async def test_the_chat_refuses_a_text_that_is_empty_or_long(
    text: str, join: Callable[[str], Awaitable[Talker]]
) -> None:
    """Nobody hears it, and the connection lives on."""
    ada = await join("Ada")
    assert (await ada.ask("chat.send", room="general", text=text))["error"]["code"] == "invalid"
    assert (await ada.ask("chat.send", room="general", text="Hello"))["kind"] == "reply"


async def test_whoever_is_in_no_room_cannot_type(
    join: Callable[[str], Awaitable[Talker]],
) -> None:
    """The error says what to do first."""
    ada = await join("Ada")
    answer = await ada.ask("chat.typing")
    assert answer["error"] == {"code": "no_room", "message": "Enter a room first."}


@pytest.mark.parametrize("topic", ["lobby", "news:general", "room:", "room:two words", "user:1"])
async def test_a_page_can_join_what_is_said_in_rooms_and_nothing_else(
    topic: str, join: Callable[[str], Awaitable[Talker]]
) -> None:
    """Names of topics come from strangers."""
    ada = await join("Ada")
    assert "position" in await ada.ask("aiows.subscribe", topic="room:general")
    assert (await ada.ask("aiows.subscribe", topic=topic))["kind"] == "error"


async def test_a_page_is_the_same_person_on_each_of_its_connections(
    serve: Serve, connect: Connect
) -> None:
    """By a secret of the page; the id that everybody sees tells nothing of it."""
    url = f"http://127.0.0.1:{await serve(load('chat/chat.py').make_app())}/ws?name=Ada&key="
    ids = []
    for key in ("a secret", "a secret", "another secret"):
        talker = await connect(url + key)
        ids.append((await talker.hear_kind("welcome"))["you"]["id"])
    assert ids[0] == ids[1] != ids[2]
    assert "secret" not in ids[0]


async def test_a_message_that_is_sent_again_is_said_once(serve: Serve, connect: Connect) -> None:
    """A page does so when it lost its connection before the answer came."""
    url = f"http://127.0.0.1:{await serve(load('chat/chat.py').make_app())}/ws?name=Ada&key=1"
    asked = {"kind": "chat.send", "room": "general", "text": "Hello", "ref": f"{'x' * 22}.1"}
    for _ in range(2):
        ada = await connect(url)
        await ada.socket.send_json(asked)
        assert (await ada.hear(lambda message: "ref" in message))["kind"] == "reply"
        ada.lose()
    said = (await (await connect(url)).ask("aiows.history", topic="room:general"))["messages"]
    assert [message["message"]["text"] for _, message in said] == ["Hello"]


async def test_the_chat_keeps_the_last_fifty_messages(
    join: Callable[[str], Awaitable[Talker]],
) -> None:
    """Who comes later sees those and no others, in order."""
    ada = await join("Ada")
    for number in range(60):
        await ada.ask("chat.send", room="general", text=f"Message {number}")
    grace = await join("Grace")
    kept = (await grace.ask("aiows.history", topic="room:general", last=1000))["messages"]
    texts = [said["message"]["text"] for _, said in kept]
    assert texts == [f"Message {n}" for n in range(10, 60)]


async def test_an_empty_room_makes_way_for_a_new_one(
    join: Callable[[str], Awaitable[Talker]],
) -> None:
    """One person who opens room after room keeps the list at fifty, and everybody is told."""
    ada, grace = await join("Ada"), await join("Grace")
    for number in range(60):
        await ada.ask("room.enter", room=f"room-{number}")
    assert (await grace.hear_kind("room.gone"))["name"] == "room-0"
    linus = await join("Linus")
    names = [room["name"] for room in (await linus.hear_kind("welcome"))["rooms"]]
    assert len(names) == 50
    assert names[:3] == ["general", "ideas", "weekend"]
    assert names[-1] == "room-59"


async def test_a_room_is_refused_while_all_are_in_use(
    join: Callable[[str], Awaitable[Talker]],
) -> None:
    """Nobody is thrown out of a room for a new one; whoever asked stays where they were."""
    people = [await join(f"Person{number}") for number in range(47)]
    for number, person in enumerate(people):
        await person.ask("room.enter", room=f"room-{number}")
    answer = await people[0].ask("room.enter", room="one-more")
    assert answer["error"]["code"] == "too_many_rooms"
    answer = await people[0].ask("chat.send", room="room-0", text="Still here")
    assert answer["kind"] == "reply"


# upload.py


KEY: Final = "a key of the browser"


class UploadServer:
    """The upload in this process."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.app: web.Application = module.make_app()
        self.url = ""

    @property
    def files(self) -> dict[str, bytes]:
        folder = self.app[self.module.FOLDER].path
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    @property
    def free(self) -> int:
        free: int = self.app[self.module.FOLDER].free
        return free


@pytest.fixture
async def upload(serve: Serve) -> UploadServer:
    server = UploadServer(load("upload/upload.py"))
    server.url = f"http://127.0.0.1:{await serve(server.app)}/ws"
    return server


async def test_an_upload_goes_as_the_first_lines_of_the_example_say(
    upload: UploadServer, connect: Connect
) -> None:
    """INITIAL, a reply, progress in percent, and a finish without any other field."""
    talker = await connect(upload.url)
    assert await talker.socket.receive_json() == {"kind": "INITIAL"}
    answer = await talker.ask("UPLOAD_START", key=KEY, name="a.bin", size=400)
    assert answer == {"kind": "reply", "ref": "a question", "received": 0}
    await talker.socket.send_bytes(b"a" * 100)
    await talker.socket.send_bytes(b"b" * 1)
    await talker.socket.send_bytes(b"c" * 299)
    assert [await talker.socket.receive_json() for _ in range(3)] == [
        {"kind": "UPLOAD_PROGRESS", "value": 25},
        {"kind": "UPLOAD_PROGRESS", "value": 100},
        {"kind": "UPLOAD_FINISH"},
    ]
    assert list(upload.files.values()) == [b"a" * 100 + b"b" + b"c" * 299]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "a\0b", "x" * 999])
async def test_the_browser_s_name_leads_nowhere(
    name: str, upload: UploadServer, connect: Connect
) -> None:
    """Whatever it says, the file lies in the folder, under a name of the server's own."""
    talker = await connect(upload.url)
    await talker.tell("UPLOAD_START", key=KEY, name=name, size=2)
    await talker.socket.send_bytes(b"hi")
    await talker.hear_kind("UPLOAD_FINISH")
    ((stored, data),) = upload.files.items()
    assert re.fullmatch(r"[0-9a-f]{16}-[\w.-]{0,100}", stored)
    assert data == b"hi"


async def test_bytes_before_the_start_end_the_connection(
    upload: UploadServer, connect: Connect
) -> None:
    """There is no file that they could belong to."""
    talker = await connect(upload.url)
    await talker.socket.send_bytes(b"hi")
    assert await talker.ended() == (1008, "UPLOAD_START comes first.")


async def test_more_bytes_than_announced_end_the_connection(
    upload: UploadServer, connect: Connect
) -> None:
    """The bound on the folder holds whatever a client says, and nothing of the file is kept."""
    talker = await connect(upload.url)
    await talker.tell("UPLOAD_START", key=KEY, name="a.bin", size=3)
    await talker.socket.send_bytes(b"four")
    assert await talker.ended() == (1008, "More bytes than announced.")
    await eventually(lambda: upload.files == {})


@pytest.mark.parametrize("is_lost", [True, False])
async def test_half_a_file_is_deleted_when_its_sender_does_not_come_back(
    is_lost: bool, upload: UploadServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is lost has some time, whoever closes has none. Its room in the folder is free again."""
    if is_lost:
        monkeypatch.setattr(upload.module, "PATIENCE", 0.01)
    talker = await connect(upload.url)
    await talker.ask("UPLOAD_START", key=KEY, name="a.bin", size=400)
    await talker.socket.send_bytes(b"x" * 200)
    await talker.hear_kind("UPLOAD_PROGRESS")
    assert upload.free == upload.module.MAX_FOLDER - 400
    assert len(upload.files) == 1
    if is_lost:
        talker.lose()
    else:
        await talker.socket.close()
    await eventually(lambda: upload.files == {})
    assert upload.free == upload.module.MAX_FOLDER


async def test_a_file_goes_on_where_it_was_when_its_sender_is_back(
    upload: UploadServer, connect: Connect
) -> None:
    """On another connection, by its key; the one that nobody has noticed the end of brings nothing more."""
    lost, back = await connect(upload.url), await connect(upload.url)
    await lost.ask("UPLOAD_START", key=KEY, name="a.bin", size=4)
    await lost.socket.send_bytes(b"ab")
    await lost.hear_kind("UPLOAD_PROGRESS")
    answer = await back.ask("UPLOAD_START", key=KEY, name="a.bin", size=4)
    assert answer["received"] == 2
    await lost.socket.send_bytes(b"xx")
    assert await lost.ended() == (1008, "UPLOAD_START comes first.")
    await back.socket.send_bytes(b"cd")
    await back.hear_kind("UPLOAD_FINISH")
    assert list(upload.files.values()) == [b"abcd"]


async def test_whoever_did_not_hear_that_the_file_is_whole_hears_it_again(
    upload: UploadServer, connect: Connect
) -> None:
    """The answer was lost with its connection."""
    talker = await connect(upload.url)
    await talker.tell("UPLOAD_START", key=KEY, name="a", size=2)
    await talker.socket.send_bytes(b"hi")
    await talker.hear_kind("UPLOAD_FINISH")
    talker.lose()
    talker = await connect(upload.url)
    await talker.tell("UPLOAD_START", key=KEY, name="a", size=2)
    await talker.hear_kind("UPLOAD_FINISH")
    assert len(upload.files) == 1


async def test_a_full_folder_takes_nothing_more(upload: UploadServer, connect: Connect) -> None:
    """The error says so, and the connection lives on."""
    upload.app[upload.module.FOLDER].free = 10
    talker = await connect(upload.url)
    answer = await talker.ask("UPLOAD_START", key=KEY, name="a", size=11)
    assert answer["error"]["code"] == "full"
    answer = await talker.ask("UPLOAD_START", key=KEY, name="b", size=10)
    assert answer["kind"] == "reply"


async def test_one_connection_carries_one_file_at_a_time(
    upload: UploadServer, connect: Connect
) -> None:
    """A second start is refused, and the first file goes on."""
    talker = await connect(upload.url)
    await talker.ask("UPLOAD_START", key=KEY, name="a", size=2)
    assert (await talker.ask("UPLOAD_START", key=KEY, name="b", size=2))["error"]["code"] == "busy"
    await talker.socket.send_bytes(b"hi")
    await talker.hear_kind("UPLOAD_FINISH")
