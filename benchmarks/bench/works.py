"""The works: what each one asks of a server, and how the generator does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ("MAIN", "WORKS", "Work", "works_named")

Task = Literal["echo", "json", "kinds", "fan-out", "idle"]

MAIN: Final = "main"
"""The name of the few works, and of the few peers, that are measured on other Pythons too."""

KIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One line of the table.

    ``task`` is also the path. ``size``: bytes of a message. ``in_flight``: messages that each tick sends
    on every connection, at a fan-out on one. ``tick`` and ``poll``: microseconds between sending and
    between reading. ``poll`` is shorter where a message does not fit into the sockets' buffers, and where
    many answer one: a sender of small segments may have ten on the way, and who does not read delays
    their acknowledgement by 40 ms.
    ``connections``: 0 for as many as the limit on open files allows. ``is_main``: one of `MAIN`.
    """

    name: str
    title: str
    task: Task
    connections: int
    size: int = 32
    in_flight: int = 1
    is_text: bool = False
    deflate: bool = False
    tick: int = 5_000
    poll: int = 0
    is_main: bool = False

    @property
    def unit(self) -> str:
        """What the figures are for one of."""
        if self.task == "idle":
            return "connection"
        return "delivery" if self.task == "fan-out" else "message"

    def options(self, *, port: int, connections: int, tick: int) -> list[str]:
        """The generator's command line, but for how long."""
        given = {
            "port": port,
            "path": "/echo" if self.task == "idle" else f"/{self.task}",
            "task": self.task,
            "connections": connections,
            "size": self.size,
            "in-flight": self.in_flight,
            "tick": tick,
            "poll": min(self.poll or tick, tick),
        }
        flags = [
            name
            for name, is_set in (("--text", self._sends_text), ("--deflate", self.deflate))
            if is_set
        ]
        return [f"--{name}={value}" for name, value in given.items()] + flags

    @property
    def _sends_text(self) -> bool:
        return self.is_text or self.task in ("json", "kinds")


WORKS: Final = (
    Work(
        name="echo",
        title="echo, 64 connections, 1 in flight, 32 B",
        task="echo",
        connections=64,
        is_main=True,
    ),
    Work(
        name="echo-16",
        title="echo, 64 connections, 16 in flight, 32 B",
        task="echo",
        connections=64,
        in_flight=16,
        tick=20_000,
        poll=2_000,
        is_main=True,
    ),
    Work(
        name="echo-16k",
        title="echo, 64 connections, 16 KiB",
        task="echo",
        connections=64,
        size=16 * KIB,
        tick=10_000,
        poll=1_000,
    ),
    Work(
        name="echo-1m",
        title="echo, 8 connections, 1 MiB",
        task="echo",
        connections=8,
        size=1024 * KIB,
        tick=50_000,
        poll=1_000,
    ),
    Work(
        name="json",
        title="JSON kind in, JSON reply out, 64 connections, 1 in flight",
        task="json",
        connections=64,
    ),
    Work(
        name="json-16",
        title="JSON kind in, JSON reply out, 64 connections, 16 in flight",
        task="json",
        connections=64,
        in_flight=16,
        tick=20_000,
        poll=2_000,
    ),
    Work(
        name="kinds",
        title="one of eight kinds in, the handler pushes a dict, 64 connections, 1 in flight",
        task="kinds",
        connections=64,
        is_main=True,
    ),
    Work(
        name="kinds-16",
        title="one of eight kinds in, the handler pushes a dict, 64 connections, 16 in flight",
        task="kinds",
        connections=64,
        in_flight=16,
        tick=20_000,
        poll=2_000,
        is_main=True,
    ),
    Work(
        name="fan-out",
        title="fan-out to 1,000, 128 B",
        task="fan-out",
        connections=1000,
        size=128,
        is_text=True,
        tick=30_000,
        is_main=True,
    ),
    Work(
        name="fan-out-4k",
        title="fan-out to 1,000, 4 KiB",
        task="fan-out",
        connections=1000,
        size=4 * KIB,
        is_text=True,
        tick=30_000,
    ),
    Work(
        name="fan-out-burst",
        title="fan-out of 16 messages in a burst to 1,000, 128 B",
        task="fan-out",
        connections=1000,
        size=128,
        in_flight=16,
        is_text=True,
        tick=200_000,
        poll=2_000,
    ),
    Work(
        name="fan-out-deflate",
        title="fan-out to 1,000, 4 KiB, permessage-deflate",
        task="fan-out",
        connections=1000,
        size=4 * KIB,
        is_text=True,
        deflate=True,
        tick=100_000,
    ),
    Work(name="idle", title="idle connections, 5,000", task="idle", connections=5000, size=128),
    Work(
        name="idle-deflate",
        title="idle connections with permessage-deflate, 5,000",
        task="idle",
        connections=5000,
        size=128,
        deflate=True,
    ),
    Work(
        name="idle-max",
        title="idle connections, as many as open files allow",
        task="idle",
        connections=0,
        size=128,
    ),
    Work(
        name="idle-max-deflate",
        title="idle connections with permessage-deflate, as many as open files allow",
        task="idle",
        connections=0,
        size=128,
        deflate=True,
    ),
)


def works_named(names: list[str]) -> list[Work]:
    """The works whose names these are, or all; ``fan-out*`` names all that begin so, ``main`` the main ones.

    Raises ValueError for a name that there is not.
    """
    if not names:
        return list(WORKS)
    found = [work for name in names for work in WORKS if _is_named(work, name)]
    for name in names:
        if not any(_is_named(work, name) for work in WORKS):
            known = ", ".join(work.name for work in WORKS)
            raise ValueError(f"no work is called {name}; there are {known}")
    return list(dict.fromkeys(found))


def _is_named(work: Work, name: str) -> bool:
    if name == MAIN:
        return work.is_main
    return work.name.startswith(name[:-1]) if name.endswith("*") else work.name == name
