"""A chat for browsers: rooms, who is there, who is typing, and the last messages.

    python examples/chat/chat.py

HOST (127.0.0.1) and PORT (8080) can be set in the environment. Everything is in the memory of this process.
"""

import os
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from aiows import KindError, Payload, WebSocketView, on, setup

STATIC = Path(__file__).parent / "static"
FIRST_ROOMS = ("general", "ideas", "weekend")

# Anybody may open this page. Each bound keeps one stranger from filling the server's memory.
MAX_NAME = 24  # characters; every message carries its author's name
MAX_ROOMS = 50  # entering a room creates it, so a script could create rooms without end
MAX_HISTORY = 50  # messages kept in each room
Text = Annotated[str, Meta(pattern=r"\S", max_length=2000)]  # not only spaces
RoomName = Annotated[str, Meta(pattern=r"^[\w-]{1,24}\Z")]  # it becomes part of a topic's name


class Person(Struct, frozen=True):
    """Two people may have the same name, so each connection has an id of its own."""

    id: str
    name: str


class Message(Struct, frozen=True):
    id: int  # counts from 1 in each room
    author: Person
    text: str
    at: int  # milliseconds since 1970


# What the browser sends.


class Enter(Payload, kind="room.enter"):
    room: RoomName


class Send(Payload, kind="chat.send"):
    text: Text


# What the browser receives.


class RoomChanged(Payload, kind="room.changed"):
    name: str
    people: int
    last: int  # the id of its last message


class RoomGone(Payload, kind="room.gone"):
    name: str


class Welcome(Payload, kind="welcome"):
    you: Person
    rooms: list[RoomChanged]


class Entered(Payload, kind="room.entered"):
    people: list[Person]
    messages: list[Message]


class Came(Payload, kind="person.came"):
    room: str
    person: Person


class Left(Payload, kind="person.left"):
    room: str
    person: Person


class Said(Payload, kind="chat.said"):
    room: str
    message: Message


class IsTyping(Payload, kind="chat.typing"):
    room: str
    person: Person


@dataclass
class Room:
    name: str
    people: dict[str, Person] = field(default_factory=dict)
    messages: deque[Message] = field(default_factory=lambda: deque(maxlen=MAX_HISTORY))
    last: int = 0

    @property
    def topic(self) -> str:
        return f"room:{self.name}"

    def add(self, author: Person, text: str) -> Message:
        self.last += 1
        message = Message(self.last, author, text, at=time.time_ns() // 1_000_000)
        self.messages.append(message)
        return message

    def summary(self) -> RoomChanged:
        return RoomChanged(name=self.name, people=len(self.people), last=self.last)


ROOMS = web.AppKey("rooms", dict[str, Room])
LOBBY = "lobby"  # the topic of everybody, whichever room they are in


class Chat(WebSocketView):
    """One person's connection. It is in one room at a time, and gets the news of all rooms."""

    sends = (Welcome, RoomChanged, RoomGone, Came, Left, Said, IsTyping)

    max_msg_size = 16 * 1024  # bytes: the longest text there may be, and its envelope
    person: Person
    room: Room | None = None

    async def authenticate(self, request: web.Request) -> str:
        name = " ".join(request.query.get("name", "").split())
        if not 1 <= len(name) <= MAX_NAME:
            raise web.HTTPBadRequest(text=f"name: 1 to {MAX_NAME} characters")
        self.person = Person(id=secrets.token_hex(8), name=name)
        return self.person.id

    def on_open(self) -> None:
        self.ws.subscribe(LOBBY)
        rooms = [room.summary() for room in self.app[ROOMS].values()]
        self.ws.push(Welcome(you=self.person, rooms=rooms))

    def on_close(self, code: int, reason: str) -> None:
        self.leave()

    @on(Enter)
    def enter(self, msg: Enter) -> Entered:
        room = self.app[ROOMS].get(msg.room) or self.make_room(msg.room)
        self.leave()
        self.room = room
        room.people[self.person.id] = self.person
        self.ws.subscribe(room.topic)
        self.ws.publish(room.topic, Came(room=room.name, person=self.person))
        self.tell_everybody(room.summary())
        return Entered(people=list(room.people.values()), messages=list(room.messages))

    @on(Send)
    async def send(self, msg: Send) -> dict[str, int]:
        room = self.current_room()
        message = room.add(self.person, msg.text)
        # Unlike ws.publish, it also reaches the author, and raises if it cannot pass the message on.
        await self.hub.publish(room.topic, Said(room=room.name, message=message))
        self.tell_everybody(room.summary())
        return {"id": message.id}

    @on("chat.typing")
    def typing(self) -> None:
        room = self.current_room()
        self.ws.publish(room.topic, IsTyping(room=room.name, person=self.person))

    def current_room(self) -> Room:
        if self.room is None:
            raise KindError("no_room", "Enter a room first.")
        return self.room

    def leave(self) -> None:
        room, self.room = self.room, None
        if room is None:
            return
        del room.people[self.person.id]
        self.ws.unsubscribe(room.topic)
        self.ws.publish(room.topic, Left(room=room.name, person=self.person))
        self.tell_everybody(room.summary())

    def make_room(self, name: str) -> Room:
        rooms = self.app[ROOMS]
        if len(rooms) >= MAX_ROOMS:
            self.drop_an_empty_room()
        return rooms.setdefault(name, Room(name))

    def drop_an_empty_room(self) -> None:
        rooms = self.app[ROOMS]
        for room in rooms.values():
            if not room.people and room.name not in FIRST_ROOMS:
                del rooms[room.name]
                self.tell_everybody(RoomGone(name=room.name))
                return
        raise KindError("too_many_rooms", f"There are {MAX_ROOMS} rooms, and all are in use.")

    def tell_everybody(self, message: Payload) -> None:
        self.ws.publish(LOBBY, message, include_self=True)


async def page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")


def make_app(argv: object = None) -> web.Application:
    app = web.Application()
    app[ROOMS] = {name: Room(name) for name in FIRST_ROOMS}
    app.router.add_get("/", page)
    app.router.add_view("/ws", Chat)
    app.router.add_static("/static", STATIC)
    setup(app)
    return app


if __name__ == "__main__":
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    invitation = f"Open http://localhost:{port} in two tabs. Ctrl+C stops."
    web.run_app(make_app(), host=host, port=port, print=lambda _: print(invitation, flush=True))
