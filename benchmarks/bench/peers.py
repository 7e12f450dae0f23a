"""Nothing goes in, the peers come out: which server, from which packages, on which loop, for which tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .works import Task, Work

__all__ = ("BASELINE", "PEERS", "Peer", "peers_named")

ALL: Final[frozenset[Task]] = frozenset({"echo", "json", "fan-out", "idle"})

UVICORN: Final = ("uvicorn", "websockets", "uvloop", "orjson")

BASELINE: Final = "aiohttp"
"""The peer that all others are compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One server, written as its own documentation would.

    ``server``: its file in servers/, or native/ for a program in C. ``loop`` goes to it as its second
    argument. ``requirements`` are what pip (or, for a .cjs, npm) installs.
    ``environment``: the virtual environment, another one for a peer that conflicts.
    ``polls``: it never sleeps while there is work, so its processor time says something at full load only.
    ``compiles``: what it runs often, while it runs, so it has to be warmed up for longer.
    """

    name: str
    server: str
    requirements: tuple[str, ...] = ()
    loop: str = "uvloop"
    tasks: frozenset[Task] = ALL
    environment: str = "peers"
    polls: bool = False
    compiles: bool = False

    def does(self, work: Work) -> bool:
        return work.task in self.tasks


def _aiows(style: str, *tasks: Task) -> list[Peer]:
    """One style of aiows, on uvloop and on uvloop with aiofastnet's transports."""
    return [
        Peer(
            name=f"aiows-{style}{suffix}",
            server=f"aiows_{style.replace('-', '_')}.py",
            requirements=("aiows", "aiohttp", "uvloop", "aiofastnet", "orjson"),
            loop=loop,
            tasks=frozenset(tasks),
        )
        for suffix, loop in (("", "uvloop"), ("+aiofastnet", "aiofastnet"))
    ]


PEERS: Final = (
    Peer(name="floor", server="floor", loop=""),
    Peer(name="aiohttp", server="aiohttp_server.py", requirements=("aiohttp", "uvloop", "orjson")),
    Peer(
        name="aiohttp-asyncio",
        server="aiohttp_server.py",
        requirements=("aiohttp", "orjson"),
        loop="asyncio",
    ),
    Peer(name="picows", server="picows_server.py", requirements=("picows", "uvloop", "orjson")),
    Peer(
        name="picows+aiofastnet",
        server="picows_server.py",
        requirements=("picows", "uvloop", "aiofastnet", "orjson"),
        loop="aiofastnet",
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
    *_aiows("async-for", "echo", "json", "fan-out", "idle"),
    *_aiows("callback", "echo", "json", "fan-out", "idle"),
    *_aiows("view", "echo", "fan-out", "idle"),
    *_aiows("kinds", "json", "idle"),
    *_aiows("publish", "fan-out"),
)


def peers_named(names: list[str]) -> list[Peer]:
    """The peers whose names these are, or all; ``aiows*`` names all that begin so.

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
    return peer.name.startswith(name[:-1]) if name.endswith("*") else peer.name == name
