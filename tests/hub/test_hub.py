"""The hub: sends to users, topics and everybody, on this node and the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from aiows.backplane import Ear, MemoryBackplane, Node
from aiows.connection import PreparedMessage
from aiows.hub.hub import Hub
from aiows.hub.registry import ConnectionRegistry
from fake_backplane import FakeBackplane
from fake_connection import FakeConnection

Connect = Callable[[Hub], FakeConnection]


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Hub, Hub]]:
    """Two hubs on one backplane."""
    backplane = MemoryBackplane()
    here, there = Hub(backplane=backplane), Hub(backplane=backplane)
    await here.start()
    await there.start()
    yield here, there
    await here.stop()
    await there.stop()


@pytest.fixture
async def connect() -> Connect:
    loop = asyncio.get_running_loop()

    def connect(hub: Hub) -> FakeConnection:
        connection = FakeConnection(loop, hub)
        hub.attach(connection)
        return connection

    return connect


async def delivered() -> None:
    """What was published has arrived: the backplane in memory takes one turn of the loop."""
    await asyncio.sleep(0)


def failed() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_exception(ConnectionError("the broker is down"))
    return future


# users


async def test_send_reaches_a_user_on_every_node(nodes: tuple[Hub, Hub], connect: Connect) -> None:
    """Every device, here and there; the count is of this node."""
    here, there = nodes
    sockets = [connect(here), connect(here), connect(there)]
    for ws in sockets:
        assert isinstance(ws.hub, Hub)
        ws.hub.registry.add("alice", ws)
    stranger = connect(there)
    assert await here.send("alice", {"text": "hi"}) == 2
    await delivered()
    assert [ws.payloads for ws in sockets] == [[b'{"text":"hi"}']] * 3
    assert stranger.payloads == []


async def test_send_reaches_a_user_who_is_on_another_node_only(
    nodes: tuple[Hub, Hub], connect: Connect
) -> None:
    """Nobody took it here, and it arrives all the same."""
    here, there = nodes
    ws = connect(there)
    there.registry.add("alice", ws)
    assert await here.send("alice", b"\x00\x01") == 0
    await delivered()
    message = ws.pushed[0]
    assert (message.opcode, message.payload) == (2, b"\x00\x01")


async def test_a_user_id_is_its_text_between_nodes(
    nodes: tuple[Hub, Hub], connect: Connect
) -> None:
    """The number of a database row and the text from a URL are one user, here as well as there."""
    here, there = nodes
    as_number, as_text, remote = connect(here), connect(here), connect(there)
    here.registry.add(7, as_number)
    here.registry.add("7", as_text)
    there.registry.add(7, remote)
    assert await here.send("7", "hi") == 2
    await delivered()
    assert remote.payloads == [b"hi"]
    as_number.close()
    assert await there.send(7, "ho") == 1
    await delivered()
    assert as_text.payloads == [b"hi", b"ho"]


async def test_a_topic_cannot_be_another_users_mailbox(
    nodes: tuple[Hub, Hub], connect: Connect
) -> None:
    """A client that names its rooms can neither read nor write another's messages."""
    here, there = nodes
    alice, mallory = connect(there), connect(there)
    there.registry.add("alice", alice)
    mallory.subscribe("user:alice")
    mallory.subscribe("everybody")
    await here.send("alice", "secret")
    connect(here).publish("user:alice", "forged")
    await delivered()
    assert alice.payloads == [b"secret"]
    assert mallory.payloads == [b"forged"]


# topics


async def test_publish_reaches_subscribers_on_every_node(
    nodes: tuple[Hub, Hub], connect: Connect
) -> None:
    """All subscribers, also one that publishes through the hub; the count is of this node."""
    here, there = nodes
    speaker, listener, remote, outside = (
        connect(here),
        connect(here),
        connect(there),
        connect(there),
    )
    for ws in (speaker, listener, remote):
        ws.subscribe("room")
    assert await here.publish("room", "hi") == 2
    assert await here.publish("room", "ho", exclude=speaker) == 1
    await delivered()
    assert speaker.payloads == [b"hi"]
    assert listener.payloads == remote.payloads == [b"hi", b"ho"]
    assert outside.payloads == []


async def test_a_connection_publishes_to_the_others(
    nodes: tuple[Hub, Hub], connect: Connect
) -> None:
    """Here at once, there soon; the sender is left out unless it asks for its own message."""
    here, there = nodes
    speaker, listener, remote = connect(here), connect(here), connect(there)
    for ws in (speaker, listener, remote):
        ws.subscribe("room")
    speaker.publish("room", "hi")
    assert listener.payloads == [b"hi"]
    speaker.publish("room", "ho", include_self=True)
    assert speaker.payloads == [b"ho"]
    await delivered()
    assert remote.payloads == [b"hi", b"ho"]


async def test_a_connection_knows_its_topics(hub: Hub, connect: Connect) -> None:
    """subscribe, unsubscribe, is_subscribed and topics speak to the hub's registry."""
    ws = connect(hub)
    assert ws.subscribe("a") is True
    assert ws.subscribe("b") is True
    assert ws.subscribe("b") is False
    assert ws.unsubscribe("a") is True
    assert ws.unsubscribe("a") is False
    assert ws.topics == ws.get_topics() == {"b"}
    assert ws.is_subscribed("b")
    assert hub.registry.subscribers("b") == 1


async def test_a_message_is_prepared_once_per_node(
    nodes: tuple[Hub, Hub], connect: Connect
) -> None:
    """All connections of a node share one encoding and one frame."""
    here, there = nodes
    sockets = [connect(hub) for hub in (here, here, there, there)]
    for ws in sockets:
        ws.subscribe("room")
    await here.publish("room", {"text": "hi"})
    await delivered()
    assert isinstance(sockets[0].pushed[0], PreparedMessage)
    assert sockets[0].pushed[0] is sockets[1].pushed[0]
    assert sockets[2].pushed[0] is sockets[3].pushed[0]


async def test_messages_arrive_in_the_order_of_their_publisher(
    nodes: tuple[Hub, Hub], connect: Connect
) -> None:
    """Whether the connection or the hub published them."""
    here, there = nodes
    speaker, remote = connect(here), connect(there)
    remote.subscribe("room")
    for number in range(0, 20, 2):
        speaker.publish("room", str(number))
        await here.publish("room", str(number + 1))
    await delivered()
    assert remote.payloads == [str(number).encode() for number in range(20)]


# everybody


async def test_broadcast_reaches_everybody(nodes: tuple[Hub, Hub], connect: Connect) -> None:
    """Every connection of every node, with a user id or without; the count is of this node."""
    here, there = nodes
    sockets = [connect(here), connect(here), connect(there)]
    here.registry.add("alice", sockets[0])
    assert await here.broadcast("hi") == 2
    await delivered()
    assert [ws.payloads for ws in sockets] == [[b"hi"]] * 3


# start and stop


async def test_start_subscribes_to_what_is_there(connect: Connect) -> None:
    """A registry that served before the hub did is taken over with its users and topics."""
    backplane, registry = MemoryBackplane(), ConnectionRegistry()
    here, there = Hub(registry, backplane), Hub(backplane=backplane)
    ws = connect(here)
    registry.add("alice", ws)
    registry.subscribe(ws, "room")
    await here.start()
    await there.start()
    await there.send("alice", "user")
    await there.publish("room", "topic")
    await delivered()
    assert ws.payloads == [b"user", b"topic"]
    await here.stop()
    await there.stop()


async def test_start_and_stop_are_idempotent(connect: Connect) -> None:
    """Called twice they act once; a stopped hub can start again, with what it has."""
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane)
    await hub.stop()
    await hub.start()
    await hub.start()
    hub.registry.add("alice", connect(hub))
    await hub.stop()
    await hub.stop()
    hub.registry.add("bob", connect(hub))
    await hub.start()
    hub.registry.add("carol", connect(hub))
    assert backplane.told == [
        "start",
        ("subscribe", "everybody"),
        ("subscribe", "user:alice"),
        "stop",
        "start",
        ("subscribe", "everybody"),
        ("subscribe", "user:alice"),
        ("subscribe", "user:bob"),
        ("subscribe", "user:carol"),
    ]
    await hub.stop()


async def test_a_start_that_failed_can_be_tried_again() -> None:
    """The broker was not there yet: the error is raised, and the next start starts."""

    class Late(FakeBackplane):
        async def start(self, ear: Ear) -> Node:
            node = await super().start(ear)
            if self.told == ["start"]:
                raise ConnectionError("not yet")
            return node

    hub = Hub(backplane=Late())
    with pytest.raises(ConnectionError):
        await hub.start()
    await hub.start()
    assert await hub.publish("room", "hi") == 0
    await hub.stop()


# when the backplane fails


async def test_publish_raises_what_the_backplane_raises(connect: Connect) -> None:
    """After the connections of this node have the message."""
    hub = Hub(backplane=FakeBackplane())
    await hub.start()
    ws = connect(hub)
    hub.registry.add("alice", ws)
    ws.subscribe("room")
    hub._backplane.confirmation = failed  # type: ignore[attr-defined]
    for call in (hub.publish("room", "1"), hub.send("alice", "2"), hub.broadcast("3")):
        with pytest.raises(ConnectionError, match="the broker is down"):
            await call
    assert ws.payloads == [b"1", b"2", b"3"]


async def test_a_connections_publish_logs_what_the_backplane_raises(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler goes on, this node has the message, and the log says what is wrong."""
    hub = Hub(backplane=FakeBackplane(failed))
    await hub.start()
    speaker, listener = connect(hub), connect(hub)
    listener.subscribe("room")
    speaker.publish("room", "hi")
    await asyncio.sleep(0)
    assert listener.payloads == [b"hi"]
    lines = [record.getMessage() for record in caplog.records if record.name == "aiows.hub"]
    assert "a message was not published: the broker is down" in lines
    assert "a subscription failed: the broker is down" in lines


async def test_a_cancelled_publish_leaves_the_message_alone() -> None:
    """Who no longer waits does not take back what was handed over."""
    confirmation: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    hub = Hub(backplane=FakeBackplane())
    await hub.start()
    hub._backplane.confirmation = lambda: confirmation  # type: ignore[attr-defined]
    publishing = asyncio.ensure_future(hub.publish("room", "hi"))
    await asyncio.sleep(0)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    assert not confirmation.cancelled()


async def test_a_confirmation_that_never_comes_is_no_failure(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """An engine that stops cancels what it had promised; nothing is logged for it."""
    confirmation: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    hub = Hub(backplane=FakeBackplane(lambda: confirmation))
    await hub.start()
    connect(hub).publish("room", "hi")
    confirmation.cancel()
    await asyncio.sleep(0)
    assert caplog.records == []


async def test_what_arrives_while_the_node_leaves_is_dropped(connect: Connect) -> None:
    """The hub has stopped, a last message comes from the broker: nobody gets half of the traffic."""
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane)
    await hub.start()
    ws = connect(hub)
    hub.registry.add("alice", ws)
    backplane.ear.deliver("user:alice", PreparedMessage("before"))
    await hub.stop()
    for topic in ("user:alice", "everybody"):
        backplane.ear.deliver(topic, PreparedMessage("after"))
    assert ws.payloads == [b"before"]


async def test_a_hub_that_does_not_run_says_so(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost in silence: the hub raises; a connection's publish is logged."""
    hub = Hub()
    ws = connect(hub)
    ws.subscribe("room")
    for call in (hub.publish("room", "hi"), hub.send("alice", "hi"), hub.broadcast("hi")):
        with pytest.raises(RuntimeError, match="hub is not running"):
            await call
    assert ws.payloads == []
    connect(hub).publish("room", "ho")
    assert ws.payloads == [b"ho"]
    assert "not running" in caplog.text


# every connection


async def test_the_hub_knows_every_connection_until_it_ends(hub: Hub, connect: Connect) -> None:
    """Attached once or twice, ended in any way, or already over: the table is exact."""
    first, second = connect(hub), connect(hub)
    hub.attach(first)
    assert hub.connections == (first, second)
    first.close()
    second.abort()
    hub.attach(first)
    assert not hub.connections


async def test_close_all_closes_every_connection(hub: Hub, connect: Connect) -> None:
    """With the code and reason given, 1001 if none; the hub goes on."""
    first, second = connect(hub), connect(hub)
    assert hub.close_all() == 2
    assert (first.close_code, second.close_code) == (1001, 1001)
    assert hub.connections == ()
    third = connect(hub)
    assert hub.close_all(1012, "restart") == 1
    assert (third.close_code, third.close_reason) == (1012, "restart")


async def test_close_callbacks_may_close_others(hub: Hub, connect: Connect) -> None:
    """A connection that is closed while all are being closed is closed once."""
    first, second = connect(hub), connect(hub)
    first.add_leave_callback(lambda _: second.close(4000))
    hub.close_all()
    assert (first.close_code, second.close_code) == (1001, 4000)


async def test_a_retired_hub_refuses_connections(hub: Hub, connect: Connect) -> None:
    """What is accepted during the shutdown is closed with 1001 at once; the others go on."""
    old = connect(hub)
    hub.retire()
    late = connect(hub)
    assert late.close_code == 1001
    assert not old.closed
    await hub.stop()
    await hub.start()
    assert not connect(hub).closed


# event loops


def test_a_hub_whose_loop_has_ended_starts_anew() -> None:
    """A test-suite's hub that nobody stopped: the next loop finds it without what was then."""
    backplane = MemoryBackplane()
    hub = Hub(backplane=backplane)

    async def leave_running() -> None:
        await hub.start()
        ws = FakeConnection(asyncio.get_running_loop(), hub)
        hub.attach(ws)
        hub.registry.add("alice", ws)
        ws.subscribe("room")

    async def use() -> None:
        await hub.start()
        assert hub.connections == ()
        assert len(hub.registry) == 0
        ws = FakeConnection(asyncio.get_running_loop(), hub)
        hub.attach(ws)
        hub.registry.add("alice", ws)
        other = Hub(backplane=backplane)
        await other.start()
        await other.send("alice", "hi")
        await delivered()
        assert ws.payloads == [b"hi"]
        await other.stop()
        await hub.stop()

    asyncio.run(leave_running())
    asyncio.run(use())
    assert backplane._subscribers == {}


async def test_a_hub_runs_in_one_loop(hub: Hub) -> None:
    """To start it in a second loop while the first one lives is an error."""

    def start_elsewhere() -> None:
        asyncio.run(hub.start())

    with pytest.raises(RuntimeError, match="the hub runs in another event loop"):
        await asyncio.to_thread(start_elsewhere)


async def test_a_hub_says_what_it_is(hub: Hub, connect: Connect) -> None:
    """Its repr tells state and size, not the names of users."""
    _ = connect(hub)
    assert repr(hub) == "<Hub running connections=1>"
