"""A chat for browsers: rooms, who is there, who is typing, and the last messages.

    python examples/chat/chat.py

HOST (127.0.0.1) and PORT (8080) can be set in the environment. Everything is in the memory of this process.
A page that loses its connection comes back by itself, with what was said meanwhile. What a person writes
meanwhile is sent then.
"""

import errno
import hashlib
import os
import re
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from aiows import (
    History,
    KindError,
    Payload,
    Topic,
    WebSocketView,
    client_js,
    on,
    setup,
)

STATIC = Path(__file__).parent / "static"
FIRST_ROOMS = ("general", "ideas", "weekend")

# Anybody may open this page. Each bound keeps one stranger from filling the server's memory.
MAX_NAME = 24  # characters; every message carries its author's name
MAX_ROOMS = 50  # entering a room creates it, so a script could create rooms without end
MAX_HISTORY = 50  # messages kept in each room
Text = Annotated[str, Meta(pattern=r"\S", max_length=2000)]  # not only spaces
ROOM_NAME = r"^[\w-]{1,24}\Z"  # it becomes part of a topic's name
RoomName = Annotated[str, Meta(pattern=ROOM_NAME)]


class Person(Struct, frozen=True):
    """Two people may have the same name, so each has an id of their own."""

    id: str
    name: str


class Message(Struct, frozen=True):
    id: str
    author: Person
    text: str
    at: int  # milliseconds since 1970


# What the browser sends.


class Enter(Payload, kind="room.enter"):
    room: RoomName


class Send(Payload, kind="chat.send"):
    room: RoomName
    text: Text


# What the browser receives.


class RoomChanged(Payload, kind="room.changed"):
    name: str
    people: int
    last: int  # how many messages there were


class RoomGone(Payload, kind="room.gone"):
    name: str


class Welcome(Payload, kind="welcome"):
    you: Person
    rooms: list[RoomChanged]


class Entered(Payload, kind="room.entered"):
    people: list[Person]


class Came(Payload, kind="person.came"):
    room: str
    person: Person


class Left(Payload, kind="person.left"):
    room: str
    person: Person


class Said(Payload, kind="chat.said"):
    message: Message


class IsTyping(Payload, kind="chat.typing"):
    room: str
    person: Person


@dataclass
class Room:
    name: str
    connections: dict[WebSocketView, Person] = field(default_factory=dict)
    last: int = 0

    @property
    def topic(self) -> str:
        """Of what is said: it is kept, and pages join it themselves."""
        return f"room:{self.name}"

    @property
    def news(self) -> str:
        """Of what is of no interest later: who comes, leaves and types."""
        return f"news:{self.name}"

    @property
    def people(self) -> list[Person]:
        return list({person.id: person for person in self.connections.values()}.values())

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
        # A page is the same person on each of its connections: it has a secret, and everybody sees the id.
        key = request.query.get("key") or secrets.token_hex()
        self.person = Person(id=hashlib.sha256(key.encode()).hexdigest()[:16], name=name)
        return self.person.id

    def may_subscribe(self, topic: str) -> bool:
        kind, _, name = topic.partition(":")
        return kind == "room" and re.match(ROOM_NAME, name) is not None

    def on_open(self) -> None:
        self.ws.subscribe(LOBBY)
        rooms = [room.summary() for room in self.app[ROOMS].values()]
        self.ws.push(Welcome(you=self.person, rooms=rooms))

    def on_close(self, code: int, reason: str) -> None:
        self.leave()

    @on(Enter)
    def enter(self, msg: Enter) -> Entered:
        room = self.open_room(msg.room)
        self.leave()
        is_new = self.person not in room.people
        self.room = room
        room.connections[self] = self.person
        self.ws.subscribe(room.news)
        if is_new:
            self.ws.publish(room.news, Came(room=room.name, person=self.person))
        self.tell_everybody(room.summary())
        return Entered(people=room.people)

    # A page that lost its connection sends it again on the next one: it is said once all the same.
    @on(Send, once=True)
    async def send(self, msg: Send) -> None:
        room = self.open_room(msg.room)
        now = time.time_ns() // 1_000_000
        message = Message(secrets.token_hex(8), self.person, msg.text, at=now)
        published = await self.hub.publish(room.topic, Said(message=message))
        if published.position is not None:
            room.last = published.position.offset
        await self.hub.publish(LOBBY, room.summary())

    @on("chat.typing")
    def typing(self) -> None:
        room = self.current_room()
        self.ws.publish(room.news, IsTyping(room=room.name, person=self.person))

    def current_room(self) -> Room:
        if self.room is None:
            raise KindError("no_room", "Enter a room first.")
        return self.room

    def leave(self) -> None:
        room, self.room = self.room, None
        if room is None:
            return
        del room.connections[self]
        self.ws.unsubscribe(room.news)
        if self.person not in room.people:
            self.ws.publish(room.news, Left(room=room.name, person=self.person))
        self.tell_everybody(room.summary())

    def open_room(self, name: str) -> Room:
        rooms = self.app[ROOMS]
        if name not in rooms and len(rooms) >= MAX_ROOMS:
            self.drop_an_empty_room()
        return rooms.setdefault(name, Room(name))

    def drop_an_empty_room(self) -> None:
        rooms = self.app[ROOMS]
        for room in rooms.values():
            if not room.connections and room.name not in FIRST_ROOMS:
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
    app.add_routes(client_js())
    setup(app, topics=[Topic("room:*", history=History(size=MAX_HISTORY))])
    return app


if __name__ == "__main__":
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    invitation = f"Open http://localhost:{port} in two tabs. Ctrl+C stops."
    try:
        web.run_app(make_app(), host=host, port=port, print=lambda _: print(invitation, flush=True))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.exit(f"Port {port} is in use. Choose another one: PORT={port + 1}")
