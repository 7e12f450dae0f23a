"""The hub's end of the backplane: subscribed to what the tables want, and to nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from aiows.connection import Connection
from aiows.hub.link import Link
from aiows.hub.registry import ConnectionRegistry
from fake_backplane import FakeBackplane, FakeNode
from fake_connection import FakeConnection

Connect = Callable[[], FakeConnection]


@pytest.fixture
def registry() -> ConnectionRegistry:
    return ConnectionRegistry()


@pytest.fixture
def backplane() -> FakeBackplane:
    return FakeBackplane()


@pytest.fixture
async def connect() -> Connect:
    loop = asyncio.get_running_loop()
    return lambda: FakeConnection(loop)


def failed() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_exception(ConnectionError("the broker is down"))
    return future


async def test_the_first_subscriber_subscribes_and_the_last_one_unsubscribes(
    registry: ConnectionRegistry, backplane: FakeBackplane, connect: Connect
) -> None:
    """The backplane hears of a topic or a user once, however many connections there are."""
    Link(registry, FakeNode(backplane))
    first, second = connect(), connect()
    for ws in (first, second):
        registry.add("alice", ws)
        registry.subscribe(ws, "room")
    first.close()
    second.abort()
    assert backplane.told == [
        ("subscribe", "everybody"),
        ("subscribe", "user:alice"),
        ("subscribe", "topic:room"),
        ("unsubscribe", "topic:room"),
        ("unsubscribe", "user:alice"),
    ]


async def test_it_begins_with_what_the_tables_have(
    registry: ConnectionRegistry, backplane: FakeBackplane, connect: Connect
) -> None:
    """A registry may serve before the hub does."""
    ws = connect()
    registry.add("alice", ws)
    registry.subscribe(ws, "room")
    link = Link(registry, FakeNode(backplane))
    assert backplane.told == [
        ("subscribe", "everybody"),
        ("subscribe", "topic:room"),
        ("subscribe", "user:alice"),
    ]
    assert link.user_ids("user:alice") == ("alice",)


async def test_two_user_ids_of_one_text_share_a_channel(
    registry: ConnectionRegistry, backplane: FakeBackplane, connect: Connect
) -> None:
    """The first of both subscribes, the last of both unsubscribes."""
    link = Link(registry, FakeNode(backplane))
    with registry.add(7, connect()):
        with registry.add("7", connect()):
            assert link.user_ids("user:7") == (7, "7")
        assert link.user_ids("user:7") == (7,)
        assert backplane.told[1:] == [("subscribe", "user:7")]
    assert backplane.told[2:] == [("unsubscribe", "user:7")]


class Fickle:
    """A watcher that takes back every subscription and every user as soon as it hears of one."""

    def __init__(self, registry: ConnectionRegistry) -> None:
        self.registry = registry

    def user_changed(self, connection: Connection, *_: object) -> None:
        self.registry.forget(connection)

    def topic_changed(self, connection: Connection, topic: str, *_: object) -> None:
        self.registry.unsubscribe(connection, topic)


async def test_what_is_taken_back_at_once_is_not_kept(
    registry: ConnectionRegistry, backplane: FakeBackplane, connect: Connect
) -> None:
    """Told of the end before the beginning, it still goes by what the tables say."""
    registry.watch(Fickle(registry))
    link = Link(registry, FakeNode(backplane))
    ws = connect()
    registry.subscribe(ws, "room")
    registry.add("alice", ws)
    subscribed: set[str] = set()
    for verb, channel in backplane.told:
        (subscribed.add if verb == "subscribe" else subscribed.discard)(channel)
    assert subscribed == {"everybody"}
    assert link.user_ids("user:alice") == ()


async def test_a_link_that_does_not_watch_hears_of_nothing(
    registry: ConnectionRegistry, backplane: FakeBackplane, connect: Connect
) -> None:
    """A stopped hub's node is not told of what comes later."""
    link = Link(registry, FakeNode(backplane))
    link.unwatch()
    registry.add("alice", connect())
    assert backplane.told == [("subscribe", "everybody")]


async def test_a_subscription_that_fails_is_logged(
    registry: ConnectionRegistry, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for it, so nobody could be told."""
    backplane = FakeBackplane(failed)
    Link(registry, FakeNode(backplane))
    with registry.add("alice", connect()):
        pass
    with caplog.at_level(logging.ERROR, "aiows.hub"):
        await asyncio.sleep(0)
    lines = [record.getMessage() for record in caplog.records]
    assert lines.count("a subscription failed: the broker is down") == 2
    assert lines.count("an unsubscription failed: the broker is down") == 1
