"""A broker, two nodes and four clients in one random order of events: is there a gap that nobody was told of?

The `Log` is the one of the hub; all around it is a model without a network. A mutant breaks one of its
rules, to see that the model finds that.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiows.hub.log import Cursor, Log, NotHere, Tails
from aiows.position import Position

__all__ = ("Result", "run")

KEPT: Final = 12
"""So many messages does the broker keep, and a node a third of it."""

EVENTS: Final = 300
STEPS: Final = 3000
"""More than any schedule needs to come to rest."""


class Message:
    payload = b""

    def __init__(self, position: Position) -> None:
        self.position = position


class Broker:
    """One topic; ``rewind`` is a failover that loses its newest messages."""

    def __init__(self) -> None:
        self.epoch, self.offset = 1, 0
        self.log: list[Message] = []

    @property
    def position(self) -> Position:
        return Position(str(self.epoch), self.offset)

    def append(self, nodes: Collection[ModelNode]) -> None:
        self.offset += 1
        message = Message(self.position)
        self.log = [*self.log, message][-KEPT:]
        for node in nodes:
            if node.is_subscribed:
                node.queue.append(message)

    def read(self, after: int | None) -> tuple[Position, list[Message]]:
        since = self.offset if after is None else after
        return self.position, [each for each in self.log if each.position.offset > since]

    def rewind(self, lost: int, nodes: Collection[ModelNode]) -> None:
        kept = len(self.log) - min(lost, len(self.log))
        self.offset -= len(self.log) - kept
        self.log = self.log[:kept]
        self.epoch += 1
        for node in nodes:
            node.cut()


class Client:
    """Sees one message after the other within an epoch, or is told that something is lost."""

    def __init__(self) -> None:
        self.position: Position | None = None
        self.wrong: list[Any] = []
        self.seen = self.told = 0
        self.is_full = False
        self.has_joined = False
        self.node: ModelNode | None = None

    def message(self, position: Position) -> None:
        known = self.position
        if known is None or known.epoch != position.epoch or position.offset != known.offset + 1:
            self.wrong.append((known, position))
        self.position = position
        self.seen += 1

    def lost(self, position: Position) -> None:
        self.position = position
        self.told += 1

    def joined(self, position: Position, *, recovered: bool) -> None:
        if self.position is None:
            self.position = position
        elif not recovered:
            self.lost(position)
        elif position != self.position:
            self.wrong.append(("joined", self.position, position))
        self.has_joined = True


class ModelNode:
    """A node with one `Log`, and all that is under way between it and the broker."""

    def __init__(
        self, broker: Broker, make: Callable[[Any, int, Tails], Log[Client, Message]]
    ) -> None:
        self.broker = broker
        self.log = make(self, KEPT // 3, Tails())
        self.queue: deque[Message] = deque()
        self.pending: list[tuple[Any, ...]] = []
        self.is_subscribed = False
        self.is_confirming = False
        self.cursors: dict[Client, Cursor[Client]] = {}
        self.joining: set[Client] = set()
        self.due: list[Client] = []

    # the link

    def subscribe(self) -> None:
        if not self.is_subscribed and not self.is_confirming:
            self.is_confirming = True
            self.pending.append(("confirm",))

    def cut(self) -> None:
        self.queue.clear()
        self.is_subscribed = self.is_confirming = False
        self.pending = [each for each in self.pending if each[0] != "confirm"]

    # what the log asks for (`aiows.hub.log.Port`)

    def read(self, after: int | None) -> None:
        self.pending.append(("read", after))

    def share(self, row: Collection[Client], message: Message) -> Collection[Client]:
        refused = [client for client in row if client.is_full]
        for client in row:
            if not client.is_full:
                client.message(message.position)
        return refused

    def tell_lost(
        self, row: Collection[Client], before: Position, position: Position
    ) -> Collection[Client]:
        refused = [client for client in row if client.is_full]
        for client in row:
            if not client.is_full:
                client.lost(position)
        return refused

    def fell_behind(self, reader: Client, position: Position) -> None:
        self._begin(reader, position, is_checked=True)

    # its members

    def join(self, client: Client) -> None:
        self.joining.add(client)
        self._begin(client, client.position)
        self.subscribe()
        self._look(client)

    def leave(self, client: Client) -> None:
        self.log.leave(client)
        cursor = self.cursors.pop(client, None)
        if cursor is not None:
            self.log.forget(cursor)
        self.joining.discard(client)

    def _begin(
        self, client: Client, position: Position | None, *, is_checked: bool = False
    ) -> None:
        self.cursors[client] = Cursor(
            client, position, lambda _: self.due.append(client), is_checked=is_checked
        )

    def _look(self, client: Client) -> None:
        """Bring a client on, as far as there is room; like `aiows.hub.feed.Feed.bring`."""
        cursor = self.cursors.get(client)
        if cursor is None or client.is_full:
            return
        missing = self.log.look(cursor)
        if missing is NotHere.YET:
            return
        position = self.log.position
        assert position is not None
        recovered = missing is not NotHere.ANY_MORE
        if missing is NotHere.ANY_MORE and client not in self.joining:
            assert cursor.position is not None
            cursor.position = self.log.goes_on_at(cursor.position)
            client.lost(cursor.position)
            missing = self.log.look(cursor)
        if not isinstance(missing, NotHere):
            self._send(client, missing)
        del self.cursors[client]
        self.log.forget(cursor)
        self.log.enter(client)
        if client in self.joining:
            self.joining.remove(client)
            client.joined(position, recovered=recovered)

    def _send(self, client: Client, messages: Sequence[tuple[int, Message]]) -> None:
        for _, message in messages:
            client.message(message.position)

    # one thing that is under way is done

    @property
    def choices(self) -> list[Any]:
        return [
            *range(len(self.pending)),
            *(["queue"] if self.queue else []),
            *(["due"] if self.due else []),
        ]

    def step(self, rnd: random.Random) -> bool:
        choices = self.choices
        if not choices:
            return False
        choice = rnd.choice(choices)
        if choice == "queue":
            message = self.queue.popleft()
            self.log.arrived(message.position, message)
        elif choice == "due":
            self._look(self.due.pop(0))
        else:
            self._happen(*self.pending.pop(choice))
        return True

    def _happen(self, what: str, *args: Any) -> None:
        if what == "confirm":
            self.is_confirming, self.is_subscribed = False, True
            self.log.confirmed()
        elif what == "read":  # the answer travels: other things happen meanwhile
            self.pending.append(("answered", *self.broker.read(*args)))
        else:
            position, messages = args
            self.log.answered(position, [(each.position.offset, each) for each in messages])

    def drained(self, client: Client) -> None:
        client.is_full = False
        self._look(client)


@dataclass
class Result:
    """``wrong``: what clients saw that cannot be; ``behind``: who did not come to the end of the log.

    ``is_restless``: it would go on for ever.
    """

    wrong: list[Any] = field(default_factory=list)
    behind: int = 0
    seen: int = 0
    told: int = 0
    is_restless: bool = False

    @property
    def is_bad(self) -> bool:
        return bool(self.wrong or self.behind or self.is_restless)


def run(seed: int, make: Callable[[Any, int, Tails], Log[Client, Message]] = Log) -> Result:
    """Run one random schedule to its rest."""
    rnd = random.Random(seed)
    broker = Broker()
    nodes = [ModelNode(broker, make) for _ in range(2)]
    clients = [Client() for _ in range(4)]
    for _ in range(EVENTS):
        _one_event(rnd, broker, nodes, clients)
    for node in nodes:
        node.subscribe()
    for client in clients:
        if client.node is not None:
            client.node.drained(client)
    steps = 0
    while steps < STEPS and _step_all(rnd, nodes):
        steps += 1
    return Result(
        wrong=[each for client in clients for each in client.wrong],
        behind=sum(
            client.node is not None
            and (not client.has_joined or client.position != broker.position)
            for client in clients
        ),
        seen=sum(client.seen for client in clients),
        told=sum(client.told for client in clients),
        is_restless=steps == STEPS,
    )


def _step_all(rnd: random.Random, nodes: list[ModelNode]) -> bool:
    has_worked = [node.step(rnd) for node in nodes]
    return any(has_worked)


def _one_event(
    rnd: random.Random, broker: Broker, nodes: list[ModelNode], clients: list[Client]
) -> None:
    what = rnd.random()
    client, node = rnd.choice(clients), rnd.choice(nodes)
    if what < 0.30:
        broker.append(nodes)
    elif what < 0.51:
        _client_event(what, client, node)
    elif what < 0.535:
        node.cut()
        node.subscribe()
    elif what < 0.545:
        broker.rewind(rnd.randrange(4), nodes)
        for each in nodes:
            each.subscribe()
    else:
        node.step(rnd)


def _client_event(what: float, client: Client, node: ModelNode) -> None:
    if client.node is None:
        if what < 0.40:
            client.node = node
            node.join(client)
    elif what < 0.36:
        if client.has_joined:
            client.node.leave(client)
            client.node, client.has_joined, client.is_full = None, False, False
    elif what < 0.46:
        client.node.drained(client)
    elif what < 0.48:
        client.is_full = True
