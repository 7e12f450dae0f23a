"""The peers: which server, from which packages, on which loop, for which tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .works import MAIN, Task, Work

__all__ = ("BASELINE", "PEERS", "Peer", "peers_named")

USUAL: Final[frozenset[Task]] = frozenset({"echo", "json", "fan-out", "idle"})
ALL: Final[frozenset[Task]] = USUAL | {"kinds"}

USER: Final = "a view with a user id and two topics"

UVICORN: Final = ("uvicorn", "websockets", "uvloop", "orjson")

BASELINE: Final = "aiohttp"
"""The peer that all others are compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One server, written as its own documentation would.

    ``server``: its file in servers/, or native/ for a program in C. ``loop`` and ``handlers`` go to it as
    its second and third argument; ``handlers``: how they are written, "async" for ``async def``.
    ``title`` says what is not in the name. ``requirements`` are what pip (or, for a .cjs, npm) installs.
    ``environment``: the virtual environment, another one for a peer that conflicts.
    ``polls``: it never sleeps while there is work, so its processor time says something at full load only.
    ``compiles``: what it runs often, while it runs, so it has to be warmed up for longer.
    ``is_main``: one of `MAIN`.
    """

    name: str
    server: str
    title: str = ""
    requirements: tuple[str, ...] = ()
    loop: str = "uvloop"
    handlers: str = ""
    tasks: frozenset[Task] = USUAL
    environment: str = "peers"
    polls: bool = False
    compiles: bool = False
    is_main: bool = False

    @property
    def arguments(self) -> list[str]:
        """What the server gets after its port."""
        return [each for each in (self.loop, self.handlers) if each]

    def does(self, work: Work) -> bool:
        return work.task in self.tasks


def _aiows(style: str, *tasks: Task, title: str, is_async: bool = False) -> list[Peer]:
    """One style of aiows, on uvloop and on uvloop with aiofastnet's transports."""
    return [
        Peer(
            name=f"aiows-{style}{'-async' if is_async else ''}{suffix}",
            server=f"aiows_{style.replace('-', '_')}.py",
            title=title,
            requirements=("aiows", "aiohttp", "uvloop", "aiofastnet", "orjson"),
            loop=loop,
            handlers="async" if is_async else "",
            tasks=frozenset(tasks),
            is_main=not suffix,
        )
        for suffix, loop in (("", "uvloop"), ("+aiofastnet", "aiofastnet"))
    ]


PEERS: Final = (
    Peer(
        name="floor",
        server="floor",
        title="C on epoll, no more than the framing",
        loop="",
        tasks=ALL,
        is_main=True,
    ),
    Peer(
        name="aiohttp",
        server="aiohttp_server.py",
        requirements=("aiohttp", "uvloop", "orjson"),
        tasks=ALL,
        is_main=True,
    ),
    Peer(
        name="aiohttp-asyncio",
        server="aiohttp_server.py",
        requirements=("aiohttp", "orjson"),
        loop="asyncio",
        tasks=ALL,
    ),
    Peer(
        name="picows",
        server="picows_server.py",
        requirements=("picows", "uvloop", "orjson"),
        tasks=ALL,
        is_main=True,
    ),
    Peer(
        name="picows+aiofastnet",
        server="picows_server.py",
        requirements=("picows", "uvloop", "aiofastnet", "orjson"),
        loop="aiofastnet",
        tasks=ALL,
    ),
    Peer(
        name="websockets",
        server="websockets_server.py",
        requirements=("websockets", "uvloop", "orjson"),
    ),
    Peer(
        name="socketify",
        server="socketify_server.py",
        requirements=("socketify", "orjson"),
        loop="",
        polls=True,
    ),
    Peer(name="starlette", server="starlette_server.py", requirements=("starlette", *UVICORN)),
    Peer(name="lilya", server="lilya_server.py", requirements=("lilya", *UVICORN)),
    Peer(name="lihil", server="lihil_server.py", requirements=("lihil", *UVICORN)),
    Peer(
        name="tornado",
        server="tornado_server.py",
        requirements=("tornado", "orjson"),
        loop="asyncio",
    ),
    Peer(name="sanic", server="sanic_server.py", requirements=("sanic", "uvloop", "orjson")),
    Peer(name="ws", server="ws_server.cjs", requirements=("ws",), loop="", compiles=True),
    *_aiows("async-for", *ALL, title="aiohttp's server with one import changed"),
    *_aiows("dispatch", "kinds", title="the same with a dispatcher of kinds, `async def` handlers"),
    *_aiows("callback", *USUAL, title="callbacks on a route, `def`"),
    *_aiows("view", "echo", "fan-out", "idle", title="a view, `def on_message`"),
    *_aiows("user", "echo", "idle", title=f"{USER}, `def on_message`"),
    *_aiows("user", "echo", "idle", title=f"{USER}, `async def on_message`", is_async=True),
    *_aiows("kinds", "json", "kinds", "idle", title="typed kinds, `def` handlers"),
    *_aiows(
        "kinds", "json", "kinds", "idle", title="typed kinds, `async def` handlers", is_async=True
    ),
    *_aiows("publish", "fan-out", title="aiohttp's view, which publishes to a topic"),
)


def peers_named(names: list[str]) -> list[Peer]:
    """The peers whose names these are, or all; ``aiows*`` names all that begin so, ``main`` the main ones.

    Raises ValueError for a name that there is not.
    """
    if not names:
        return list(PEERS)
    for name in names:
        if not any(_is_named(peer, name) for peer in PEERS):
            known = ", ".join(peer.name for peer in PEERS)
            raise ValueError(f"no peer is called {name}; there are {known}")
    return [peer for peer in PEERS if any(_is_named(peer, name) for name in names)]


def _is_named(peer: Peer, name: str) -> bool:
    if name == MAIN:
        return peer.is_main
    return peer.name.startswith(name[:-1]) if name.endswith("*") else peer.name == name
