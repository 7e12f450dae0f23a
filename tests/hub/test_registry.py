"""The registry: exact after every way a connection can end, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
)

from aiows._wire import Message, Opcode
from aiows.connection import Connection, PreparedMessage
from aiows.errors import RegistrationError
from aiows.hub.registry import ConnectionRegistry, Membership
from aiows.send_status import SendStatus
from fake_connection import FakeConnection, RecordingOutbox

Connect = Callable[[], FakeConnection]


@pytest.fixture
def registry() -> ConnectionRegistry:
    return ConnectionRegistry()


@pytest.fixture
async def connect() -> Connect:
    loop = asyncio.get_running_loop()
    return lambda: FakeConnection(loop)


def tables(registry: ConnectionRegistry) -> tuple[Any, ...]:
    return registry._entries, registry._users, registry._topics


def assert_empty(registry: ConnectionRegistry) -> None:
    assert tables(registry) == ({}, {}, {})


class Journal:
    """A watcher that writes down what it is told."""

    def __init__(self, events: list[Any]) -> None:
        self.events = events

    def user_changed(
        self, connection: Connection, user_id: Hashable, count: int, before: int, /
    ) -> None:
        self.events.append((user_id, count, before))

    def topic_changed(self, connection: Connection, topic: str, count: int, before: int, /) -> None:
        self.events.append((topic, count, before))


# users


async def test_add_registers_at_once(registry: ConnectionRegistry, connect: Connect) -> None:
    """A connection can be sent to as soon as `add` has returned, and knows its user."""
    ws = connect()
    registry.add("alice", ws)
    assert "alice" in registry
    assert ws.user_id == "alice"
    assert registry.push("alice", "hi") == 1
    assert ws.payloads == [b"hi"]


async def test_the_with_block_takes_the_connection_out(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """At the end of the block nothing of the connection is left."""
    ws = connect()
    with registry.add("alice", ws) as same:
        assert same is ws
        assert list(registry) == ["alice"]
    assert "alice" not in registry
    assert_empty(registry)


async def test_an_exception_in_the_block_takes_the_connection_out(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """A view that fails leaves nothing behind, and its exception goes on."""
    with pytest.raises(LookupError), registry.add("alice", connect()):
        raise LookupError
    assert_empty(registry)


def close_here(ws: FakeConnection) -> None:
    ws.close(1000)


def close_from_peer(ws: FakeConnection) -> None:
    if not ws.closed:
        ws._protocol.received(Message(Opcode.CLOSE, 1001, "", 2))
        ws._protocol.take()


def lose_peer(ws: FakeConnection) -> None:
    ws.lost(ConnectionResetError())


def abort(ws: FakeConnection) -> None:
    ws.abort()


def shut_down(ws: FakeConnection) -> None:
    ws.close(1001, "going away")


@pytest.mark.parametrize("end", [close_here, close_from_peer, lose_peer, abort, shut_down])
async def test_every_end_takes_the_connection_out_once(
    registry: ConnectionRegistry, connect: Connect, end: Callable[[FakeConnection], None]
) -> None:
    """Close, lost peer, abort, shutdown: it leaves at once, and the block's end adds nothing."""
    events: list[Any] = []
    registry.watch(Journal(events))
    ws = connect()
    with registry.add("alice", ws):
        registry.subscribe(ws, "room")
        end(ws)
        assert_empty(registry)
    end(ws)
    assert events == [("alice", 1, 0), ("room", 1, 0), ("room", 0, 1), ("alice", 0, 1)]


async def test_an_old_connections_end_leaves_the_new_one_registered(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """A user who reconnected stays reachable when the first connection's clean-up comes late."""
    old, new = connect(), connect()
    late = registry.add("alice", old)
    registry.add("alice", new)
    old.abort()
    late.leave()
    assert registry.connections("alice") == (new,)


async def test_a_user_has_many_connections(registry: ConnectionRegistry, connect: Connect) -> None:
    """Each device gets the message; users are counted once."""
    first, second = connect(), connect()
    registry.add("alice", first)
    registry.add("alice", second)
    assert registry.connections("alice") == (first, second)
    assert len(registry) == 1
    assert registry.push("alice", {"text": "hi"}) == 2
    assert first.payloads == second.payloads == [b'{"text":"hi"}']


async def test_adding_a_connection_again_nests(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """An inner block's end does not take out what an outer block holds; messages come once."""
    ws = connect()
    with registry.add("alice", ws):
        with registry.add("alice", ws):
            assert registry.push("alice", "hi") == 1
        assert registry.connections("alice") == (ws,)
    assert_empty(registry)


async def test_a_connection_has_one_user(registry: ConnectionRegistry, connect: Connect) -> None:
    """A second user id for a registered connection is an error that changes nothing."""
    ws = connect()
    with registry.add("alice", ws):
        with pytest.raises(ValueError, match="registered as 'alice', not as 'bob'"):
            registry.add("bob", ws)
        assert ws.user_id == "alice"
        assert list(registry) == ["alice"]


async def test_a_connection_may_become_another_user_later(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Once it has left as one user it can be added as the next: a log-in after the fact."""
    ws = connect()
    with registry.add("guest-7", ws):
        pass
    with registry.add("alice", ws):
        assert ws.user_id == "alice"
        assert list(registry) == ["alice"]


async def test_nobody_cannot_be_added(registry: ConnectionRegistry, connect: Connect) -> None:
    """None is no user id: else all who are not logged in would be one user."""
    with pytest.raises(ValueError, match="nobody"):
        registry.add(None, connect())
    assert_empty(registry)


async def test_a_user_id_that_is_no_key_is_refused(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """The error comes before anything has changed."""
    ws = connect()
    with pytest.raises(TypeError):
        registry.add([], ws)  # type: ignore[arg-type]
    assert ws.user_id is None
    assert_empty(registry)


async def test_a_closed_connection_is_not_registered(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """It would never leave: its end is over. The block runs all the same, as a view expects."""
    ws = connect()
    ws.abort()
    with registry.add("alice", ws):
        assert_empty(registry)
        assert ws.user_id == "alice"


async def test_a_membership_is_undone_once(registry: ConnectionRegistry, connect: Connect) -> None:
    """A second `leave` does not take away what somebody else added since."""
    ws = connect()
    first = registry.add("alice", ws)
    first.leave()
    registry.add("alice", ws)
    first.leave()
    assert "alice" in registry


# sending to users


async def test_a_message_is_prepared_once_for_all(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """However many receivers, one encoding and one frame."""
    sockets = [connect() for _ in range(3)]
    for number, ws in enumerate(sockets):
        registry.add(number % 2, ws)
        registry.subscribe(ws, "room")
    registry.broadcast("everybody")
    registry.publish("room", "topic")
    await registry.send(0, "user")
    for index in (0, 1):
        assert len({id(ws.pushed[index]) for ws in sockets}) == 1
    assert sockets[0].pushed[2] is sockets[2].pushed[2]
    assert isinstance(sockets[0].pushed[2], PreparedMessage)


async def test_a_prepared_message_is_passed_on(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Who prepared a message for several calls gets exactly that one sent."""
    ws, message = connect(), PreparedMessage("hi")
    registry.add("alice", ws)
    registry.push("alice", message)
    assert ws.pushed == [message]


async def test_push_to_a_stranger_reaches_nobody(registry: ConnectionRegistry) -> None:
    """An unknown user id is no error and counts nothing."""
    assert registry.push("nobody", "hi") == 0
    assert await registry.send("nobody", "hi") == 0
    assert registry.connections("nobody") == ()


async def test_what_json_cannot_say_is_an_error_even_without_receivers(
    registry: ConnectionRegistry,
) -> None:
    """A bug in a message shows at once, not when the first user comes."""
    with pytest.raises(TypeError):
        registry.push("alice", object())
    with pytest.raises(TypeError):
        registry.publish("room", object())
    with pytest.raises(TypeError):
        await registry.send("alice", object())


async def test_push_leaves_out_who_has_no_room(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """A full outbox drops the message, is not counted, and keeps nobody else from getting it."""
    full, free = connect(), connect()
    registry.add("alice", full)
    registry.add("alice", free)
    full.fill()
    assert registry.push("alice", "hi") == 1
    assert full.payloads == []
    assert free.payloads == [b"hi"]


async def test_send_waits_for_who_has_no_room(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """The other device has the message at once; the slow one gets it when it has read."""
    full, free = connect(), connect()
    registry.add("alice", full)
    registry.add("alice", free)
    full.fill()
    sending = asyncio.ensure_future(registry.send("alice", "hi"))
    await asyncio.sleep(0)
    assert free.payloads == [b"hi"]
    assert not sending.done()
    full.empty()
    assert await sending == 2


async def test_send_does_not_wait_for_who_has_gone(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """A slow connection that is lost while a message waits for it is not counted."""
    full = connect()
    registry.add("alice", full)
    full.fill()
    sending = asyncio.ensure_future(registry.send("alice", "hi"))
    await asyncio.sleep(0)
    full.lost(None)
    assert await sending == 0


async def test_send_takes_a_message_larger_than_the_room(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """A message that is over the bound together with a little that waits does not wait for ever."""
    ws = connect()
    registry.add("alice", ws)
    ws.transport.waiting = 100
    async with asyncio.timeout(1):
        assert await registry.send("alice", "x" * 1000) == 1


async def test_broadcast_reaches_every_user(registry: ConnectionRegistry, connect: Connect) -> None:
    """All registered connections, and no other: a mere subscriber is nobody's."""
    alice, bob, stranger = connect(), connect(), connect()
    registry.add("alice", alice)
    registry.add("bob", bob)
    registry.subscribe(stranger, "room")
    assert registry.broadcast("hi") == 2
    assert (alice.payloads, bob.payloads, stranger.payloads) == ([b"hi"], [b"hi"], [])


async def test_close_ends_every_connection_of_a_user(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """All of one user, with code and reason; others stay."""
    first, second, other = connect(), connect(), connect()
    registry.add("alice", first)
    registry.add("alice", second)
    registry.add("bob", other)
    assert await registry.close("alice", code=4001, message="logged out") == 2
    assert (first.close_code, second.close_reason) == (4001, "logged out")
    assert list(registry) == ["bob"]
    assert await registry.close("alice") == 0


async def test_a_code_that_cannot_be_sent_closes_nobody(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """A wrong close code is an error before the first connection is closed."""
    ws = connect()
    registry.add("alice", ws)
    with pytest.raises(ValueError):  # noqa: PT011
        await registry.close("alice", code=1006)
    assert not ws.closed


async def test_a_registry_says_how_large_it_is(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Its repr tells numbers, not the names of users."""
    registry.add("alice", connect())
    assert repr(registry) == "<ConnectionRegistry users=1 topics=0>"


# while others change the tables


async def test_users_may_be_closed_while_iterating(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """The plain loop that logs everybody out works."""
    for number in range(3):
        registry.add(number, connect())
    for user_id in registry:
        await registry.close(user_id)
    assert_empty(registry)


class Fragile(RecordingOutbox):
    """Closes other connections, and its own, when something is pushed to it."""

    victims: tuple[FakeConnection, ...] = ()

    def push_shared(self, message: Any) -> SendStatus:
        for victim in self.victims:
            victim.close(1013)
        return super().push_shared(message)


async def test_a_push_may_close_connections(registry: ConnectionRegistry, connect: Connect) -> None:
    """Whoever a push closes is out of the tables, is not counted, and the rest get the message."""
    fragile = connect()
    outbox = fragile._outbox = fragile._protocol.outbox = Fragile(fragile)
    sockets = [connect(), fragile, connect(), connect()]
    for number, ws in enumerate(sockets):
        registry.add(number, ws)
        registry.subscribe(ws, "room")
    outbox.victims = (fragile, sockets[2])
    assert registry.publish("room", "hi") == 2
    assert [ws.payloads for ws in sockets] == [[b"hi"], [], [], [b"hi"]]
    assert registry.subscribers("room") == len(registry) == 2
    assert registry.broadcast("hi") == 2


# topics


async def test_publish_reaches_the_subscribers(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Those of the topic and nobody else; the count says how many."""
    inside, outside = connect(), connect()
    registry.subscribe(inside, "room")
    registry.subscribe(outside, "other")
    assert registry.publish("room", b"\x00") == 1
    assert (inside.payloads, outside.payloads) == ([b"\x00"], [])
    assert registry.publish("empty", "hi") == 0


async def test_publish_can_leave_one_out(registry: ConnectionRegistry, connect: Connect) -> None:
    """The excluded connection gets nothing, subscribed or not."""
    speaker, listener = connect(), connect()
    registry.subscribe(speaker, "room")
    registry.subscribe(listener, "room")
    assert registry.publish("room", "hi", exclude=speaker) == 1
    assert speaker.payloads == []
    assert registry.publish("room", "hi", exclude=connect()) == 2


async def test_subscriptions_are_counted_once(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Subscribing again changes nothing, nor does unsubscribing from what one never had."""
    ws = connect()
    assert registry.subscribe(ws, "room") is True
    assert registry.subscribe(ws, "room") is False
    assert registry.subscribers("room") == 1
    assert registry.topics(ws) == {"room"}
    assert registry.all_topics() == ("room",)
    assert registry.unsubscribe(ws, "other") is False
    assert registry.unsubscribe(ws, "room") is True
    assert registry.unsubscribe(ws, "room") is False
    assert registry.topics(ws) == frozenset()
    assert_empty(registry)


async def test_a_closed_connection_cannot_subscribe(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """It would stay for ever."""
    ws = connect()
    ws.close()
    assert registry.subscribe(ws, "room") is False
    assert_empty(registry)


async def test_topics_outlive_the_with_block(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """To leave as a user is not to unsubscribe: the connection lives."""
    ws = connect()
    with registry.add("alice", ws):
        registry.subscribe(ws, "room")
    assert registry.topics(ws) == {"room"}
    ws.close()
    assert_empty(registry)


async def test_forget_takes_a_connection_out_without_closing_it(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Its old memberships are void and it may be added again."""
    ws = connect()
    old = registry.add("alice", ws)
    registry.subscribe(ws, "room")
    registry.forget(ws)
    assert_empty(registry)
    assert not ws.closed
    registry.add("alice", ws)
    old.leave()
    assert "alice" in registry


# watchers


async def test_a_watcher_gets_the_counts(registry: ConnectionRegistry, connect: Connect) -> None:
    """The count after and the count before, on each subscribe and unsubscribe."""
    events: list[Any] = []
    registry.watch(watcher := Journal(events))
    first, second = connect(), connect()
    registry.subscribe(first, "room")
    registry.subscribe(second, "room")
    registry.subscribe(second, "room")
    registry.unsubscribe(first, "room")
    second.abort()
    registry.unwatch(watcher)
    registry.subscribe(connect(), "room")
    assert events == [("room", 1, 0), ("room", 2, 1), ("room", 1, 2), ("room", 0, 1)]


async def test_the_unsubscribes_of_a_disconnect_come_before_the_close_callback(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Topics first, then the user, then on_close: a goodbye there finds the tables right."""
    ws = connect()
    registry.watch(Journal(ws.events))
    registry.add("alice", ws)
    registry.subscribe(ws, "room")
    ws.events.clear()
    ws.close(4000)
    assert ws.events == [("room", 0, 1), ("alice", 0, 1), ("close", 4000)]


class Broken(Journal):
    def topic_changed(self, *_: object) -> None:
        raise LookupError("broken watcher")


async def test_a_watcher_that_raises_breaks_nothing(
    registry: ConnectionRegistry, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is logged, the other watcher hears of the change, and the tables are right."""
    events: list[Any] = []
    registry.watch(Broken([]))
    registry.watch(Journal(events))
    ws = connect()
    with caplog.at_level(logging.ERROR, "aiows.registry"):
        registry.add("alice", ws)
        registry.subscribe(ws, "room")
        ws.abort()
    assert events == [("alice", 1, 0), ("room", 1, 0), ("room", 0, 1), ("alice", 0, 1)]
    assert [record.exc_text is not None for record in caplog.records] == [True, True]
    assert_empty(registry)


class Meddler(Journal):
    """Changes the tables while it is told of a change."""

    def __init__(self, registry: ConnectionRegistry) -> None:
        super().__init__([])
        self.registry = registry

    def topic_changed(self, connection: Connection, topic: str, count: int, before: int, /) -> None:
        super().topic_changed(connection, topic, count, before)
        if count < before:
            for each in self.registry.topics(connection):
                self.registry.unsubscribe(connection, each)
            self.registry.subscribe(connection, "again")


async def test_a_watcher_may_change_the_tables(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Each subscription still ends once, and a dying connection gets no new one."""
    ws = connect()
    meddler = Meddler(registry)
    registry.watch(meddler)
    registry.subscribe(ws, "a")
    registry.subscribe(ws, "b")
    ws.abort()
    assert meddler.events == [("a", 1, 0), ("b", 1, 0), ("a", 0, 1), ("b", 0, 1)]
    assert_empty(registry)


async def test_a_void_membership_stays_void(registry: ConnectionRegistry, connect: Connect) -> None:
    """A connection that was forgotten and came back by a watcher's hand owes nothing."""
    registry.watch(Meddler(registry))
    ws = connect()
    old = registry.add("alice", ws)
    registry.subscribe(ws, "a")
    registry.forget(ws)
    assert registry.topics(ws) == {"again"}
    old.leave()
    with registry.add("alice", ws):
        assert list(registry) == ["alice"]
    assert list(registry) == []


# in the long run


async def test_nothing_is_left_after_many_connects_and_aborts(
    registry: ConnectionRegistry, connect: Connect
) -> None:
    """Thousands of users come, subscribe and vanish, and every table is empty, rows included."""
    for number in range(3000):
        ws = connect()
        registry.add(number % 100, ws)
        registry.subscribe(ws, f"room:{number % 7}")
        if number % 3:
            ws.abort()
        else:
            ws.close()
    assert len(registry) == 0
    assert_empty(registry)


@pytest.fixture(autouse=True)
def _no_loop_is_left() -> Iterator[None]:
    yield
    Machine.close_loop()


class Machine(RuleBasedStateMachine):
    """Any order of add, leave, subscribe, unsubscribe, forget and close against a naive model.

    The model is three lists: who holds a connection as whom, who subscribed to what, who is open.
    """

    connections = Bundle("connections")
    memberships = Bundle("memberships")
    users = st.sampled_from(["alice", "bob"])
    topics = st.sampled_from(["a", "b", "c"])
    loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def close_loop(cls) -> None:
        if cls.loop is not None:
            cls.loop.close()
        cls.loop = None

    def __init__(self) -> None:
        super().__init__()
        if Machine.loop is None:
            Machine.loop = asyncio.new_event_loop()
        self.registry = ConnectionRegistry()
        self.registry.watch(self)
        self.counts: dict[Any, int] = {}
        self.open: list[FakeConnection] = []
        self.held: list[tuple[Membership[FakeConnection], FakeConnection, str]] = []
        self.subscribed: list[tuple[FakeConnection, str]] = []

    # a watcher that believes in nothing but a step of one

    def user_changed(
        self, connection: Connection, user_id: Hashable, count: int, before: int, /
    ) -> None:
        self._count(("user", user_id), count, before)

    def topic_changed(self, connection: Connection, topic: str, count: int, before: int, /) -> None:
        self._count(("topic", topic), count, before)

    def _count(self, key: Any, count: int, before: int) -> None:
        assert before == self.counts.pop(key, 0)
        assert abs(count - before) == 1
        if count:
            self.counts[key] = count

    @rule(target=connections)
    def connect(self) -> FakeConnection:
        assert Machine.loop is not None
        ws = FakeConnection(Machine.loop)
        self.open.append(ws)
        return ws

    @rule(target=memberships, ws=connections, user_id=users)
    def add(self, ws: FakeConnection, user_id: str) -> Membership[FakeConnection] | None:
        if any(other is ws and name != user_id for _, other, name in self.held):
            with pytest.raises(ValueError, match="registered as"):
                self.registry.add(user_id, ws)
            return None
        membership = self.registry.add(user_id, ws)
        if ws in self.open:
            self.held.append((membership, ws, user_id))
        return membership

    @rule(membership=consumes(memberships))
    def leave(self, membership: Membership[FakeConnection] | None) -> None:
        if membership is not None:
            membership.leave()
        self.held = [each for each in self.held if each[0] is not membership]

    @rule(membership=memberships)
    def leave_twice(self, membership: Membership[FakeConnection] | None) -> None:
        self.leave(membership)
        self.leave(membership)

    @rule(ws=connections, topic=topics)
    def subscribe(self, ws: FakeConnection, topic: str) -> None:
        is_new = ws in self.open and (ws, topic) not in self.subscribed
        assert self.registry.subscribe(ws, topic) is is_new
        if is_new:
            self.subscribed.append((ws, topic))

    @rule(ws=connections, topic=topics)
    def unsubscribe(self, ws: FakeConnection, topic: str) -> None:
        was_there = (ws, topic) in self.subscribed
        assert self.registry.unsubscribe(ws, topic) is was_there
        if was_there:
            self.subscribed.remove((ws, topic))

    @rule(ws=connections, end=st.sampled_from([close_here, close_from_peer, lose_peer, abort]))
    def end(self, ws: FakeConnection, end: Callable[[FakeConnection], None]) -> None:
        end(ws)
        if ws in self.open:
            self.open.remove(ws)
        self._forgotten(ws)

    @rule(ws=connections)
    def forget(self, ws: FakeConnection) -> None:
        self.registry.forget(ws)
        self._forgotten(ws)

    def _forgotten(self, ws: FakeConnection) -> None:
        self.held = [each for each in self.held if each[1] is not ws]
        self.subscribed = [each for each in self.subscribed if each[0] is not ws]

    @invariant()
    def users_are_exact(self) -> None:
        users: dict[str, list[FakeConnection]] = {}
        for _, ws, user_id in self.held:
            row = users.setdefault(user_id, [])
            if ws not in row:
                row.append(ws)
        assert set(self.registry) == set(users)
        for user_id, row in users.items():
            assert set(self.registry.connections(user_id)) == set(row)
            assert self.counts["user", user_id] == len(row)

    @invariant()
    def topics_are_exact(self) -> None:
        assert set(self.registry.all_topics()) == {topic for _, topic in self.subscribed}
        for ws in self.open:
            assert self.registry.topics(ws) == {
                name for each, name in self.subscribed if each is ws
            }
        for topic in self.registry.all_topics():
            count = sum(1 for _, name in self.subscribed if name == topic)
            assert self.registry.subscribers(topic) == self.counts["topic", topic] == count

    @invariant()
    def nothing_else_is_kept(self) -> None:
        known = {ws for _, ws, _ in self.held} | {ws for ws, _ in self.subscribed}
        assert set(self.registry._entries) == known
        assert all(self.registry._users.values())
        assert all(self.registry._topics.values())
        assert len(self.counts) == len(self.registry._users) + len(self.registry._topics)
        for ws in self.open:
            assert len(ws._protocol._leave_callbacks or ()) == (ws in known)


TestEveryOrderOfThingsKeepsTheTablesExact = Machine.TestCase
TestEveryOrderOfThingsKeepsTheTablesExact.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None
)


@pytest.mark.parametrize("watcher", [print, object(), None])
def test_what_is_no_watcher_is_refused(watcher: Any) -> None:
    """It would fail at each change."""
    with pytest.raises(RegistrationError, match="a watcher has a method user_changed, unlike"):
        ConnectionRegistry().watch(watcher)
