"""Topics with history: who joins gets what was missed, then what comes, and is told of what is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from aiows import (
    HUB,
    History,
    Hub,
    Joined,
    MemoryBackplane,
    Payload,
    PreparedMessage,
    Topic,
    WebSocketView,
    on,
    setup,
)
from aiows.backplane import Entry, Loss, Page
from aiows.codecs import JSON, MSGPACK, ObjectCodec
from aiows.connection import Wish, protocol_of
from aiows.errors import (
    BackplaneDown,
    ConnectionClosed,
    KindError,
    RegistrationError,
    TooManyTopics,
)
from aiows.hub import feed, feeds
from aiows.position import Position
from aiows.testing import SlowConsumer
from eventually import eventually
from fake_backplane import FakeBackplane
from fake_connection import FakeConnection

AiohttpClient = Callable[[web.Application], Awaitable[TestClient[web.Request, web.Application]]]

TOPICS = (
    Topic("room:*", history=History(size=5)),
    Topic("price:*", history=History(size=1)),
    Topic("lobby"),
)

Connect = Callable[[Hub], FakeConnection]


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub(topics=TOPICS)
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Hub, Hub]]:
    """Two hubs on one backplane."""
    backplane = MemoryBackplane()
    here, there = (Hub(backplane=backplane, topics=TOPICS) for _ in range(2))
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
    """What was published has arrived, and what it asks for was read."""
    for _ in range(5):
        await asyncio.sleep(0)


def said(number: int) -> dict[str, Any]:
    return {"kind": "said", "n": number}


def heard(ws: FakeConnection) -> list[Any]:
    """The number of each message that was said, with its place; other kinds as they are."""
    messages = [msgspec.json.decode(each) for each in ws.payloads]
    return [(each["n"], each["@"][1]) if each["kind"] == "said" else each for each in messages]


async def say(hub: Hub, *numbers: int, topic: str = "room:a") -> Position:
    for number in numbers:
        await hub.publish(topic, said(number))
    return await hub.position(topic)


def counters(ws: FakeConnection) -> int:
    """How many messages were dropped."""
    return protocol_of(ws).shared.flusher.counters.dropped


# joining


async def test_who_joins_gets_what_is_published_from_then_on(hub: Hub, connect: Connect) -> None:
    """With the place of each message, and the position from which it goes on."""
    await say(hub, 1, 2)
    ws = connect(hub)
    joined = await ws.join("room:a")
    assert joined == Joined(await hub.position("room:a"))
    assert joined.position is not None
    assert joined.position.offset == 2
    await say(hub, 3)
    await delivered()
    assert ws.payloads == [b'{"kind":"said","n":3,"@":["room:a",3]}']
    assert ws.topics == {"room:a"}


async def test_who_comes_back_gets_what_was_missed(hub: Hub, connect: Connect) -> None:
    """Everything after the position, in order, and then what comes."""
    since = await say(hub, 1)
    await say(hub, 2, 3)
    ws = connect(hub)
    assert await ws.join("room:a", since=since) == Joined(Position(since.epoch, 3), recovered=True)
    assert heard(ws) == [(2, 2), (3, 3)]
    await say(hub, 4)
    await delivered()
    assert heard(ws)[2:] == [(4, 4)]


async def test_who_missed_nothing_gets_nothing(hub: Hub, connect: Connect) -> None:
    """And is told that this is all."""
    since = await say(hub, 1)
    ws = connect(hub)
    assert await ws.join("room:a", since=since) == Joined(since, recovered=True)
    assert heard(ws) == []


@pytest.mark.parametrize("offset", [0, 100, 2**53 - 1])
async def test_who_cannot_get_all_gets_nothing_of_it(
    hub: Hub, connect: Connect, offset: int
) -> None:
    """What is not kept any more, and what is not there yet: never a part."""
    position = await say(hub, *range(1, 9))
    ws = connect(hub)
    joined = await ws.join("room:a", since=(position.epoch, offset))
    assert joined == Joined(position, recovered=False)
    await say(hub, 9)
    await delivered()
    assert heard(ws) == [(9, 9)]


async def test_a_position_of_another_epoch_recovers_nothing(hub: Hub, connect: Connect) -> None:
    """The process was restarted: its numbers begin anew."""
    position = await say(hub, 1, 2)
    ws = connect(hub)
    assert await ws.join("room:a", since=("other", 1)) == Joined(position, recovered=False)
    assert heard(ws) == []


async def test_the_last_messages_may_come_first(hub: Hub, connect: Connect) -> None:
    """As many as are asked for and kept; the last value is one."""
    await say(hub, 1, 2, 3)
    await say(hub, 1, 2, topic="price:x")
    ws, other = connect(hub), connect(hub)
    await ws.join("room:a", last=2)
    assert heard(ws) == [(2, 2), (3, 3)]
    await other.join("price:x", last=10)
    assert heard(other) == [(2, 2)]


async def test_to_subscribe_is_to_join_without_an_answer(hub: Hub, connect: Connect) -> None:
    """What is published later comes; who subscribes twice gets it once."""
    ws = connect(hub)
    ws.subscribe("room:a")
    ws.subscribe("room:a")
    await delivered()
    await say(hub, 1)
    await delivered()
    assert heard(ws) == [(1, 1)]
    assert ws.leave("room:a")
    await say(hub, 2)
    await delivered()
    assert heard(ws) == [(1, 1)]


async def test_to_join_again_is_to_be_answered_again(hub: Hub, connect: Connect) -> None:
    """A client that asks twice is told twice; after that each message comes once."""
    ws = connect(hub)
    first = (await ws.join("room:a")).position
    assert first is not None
    await say(hub, 1)
    await delivered()
    assert (await ws.join("room:a", since=first)).recovered
    await say(hub, 2)
    await delivered()
    assert heard(ws) == [(1, 1), (1, 1), (2, 2)]


async def test_nothing_comes_between_what_was_missed_and_the_answer(
    hub: Hub, connect: Connect
) -> None:
    """However many publish meanwhile: what the one who joins sends at once is before what follows."""
    since = await say(hub, 1)
    publishing = asyncio.ensure_future(say(hub, *range(2, 500)))
    for _ in range(50):
        ws = connect(hub)
        joined = await ws.join("room:a", since=since)
        ws.push({"kind": "answer"})
        assert joined.position is not None
        assert heard(ws)[-1] == {"kind": "answer"}
        if joined.recovered:
            offsets = [each[1] for each in heard(ws)[:-1]]
            assert offsets == list(range(since.offset + 1, joined.position.offset + 1))
        else:
            assert len(heard(ws)) == 1
        await asyncio.sleep(0)
        since = joined.position
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)


async def test_many_topics_are_joined_in_one_turn(hub: Hub, connect: Connect) -> None:
    """Those that are here already wait for those that have to be read."""
    since = await say(hub, 1)
    await say(hub, 1, topic="room:b")
    await connect(hub).join("room:a")
    ws = connect(hub)
    wishes = {"room:a": Wish(since), "room:b": Wish(last=1), "lobby": Wish()}
    joining = asyncio.ensure_future(hub.join(ws, wishes))
    await say(hub, 2)
    joined = await joining
    assert joined == {
        "room:a": Joined(Position(since.epoch, 2), recovered=True),
        "room:b": Joined(await hub.position("room:b")),
        "lobby": Joined(),
    }
    assert sorted(heard(ws)) == [(1, 1), (2, 2)]


async def test_who_leaves_while_he_joins_is_told(hub: Hub, connect: Connect) -> None:
    """He is no member afterwards."""
    ws = connect(hub)
    joining = asyncio.ensure_future(ws.join("room:a"))
    await asyncio.sleep(0)
    ws.leave("room:a")
    with pytest.raises(KindError, match="left, or joined again"):
        await joining
    await say(hub, 1)
    await delivered()
    assert ws.topics == frozenset()
    assert heard(ws) == []


async def test_who_ends_while_he_joins_is_told(hub: Hub, connect: Connect) -> None:
    """And nothing of him stays."""
    ws = connect(hub)
    joining = asyncio.ensure_future(ws.join("room:a"))
    await asyncio.sleep(0)
    ws.close()
    with pytest.raises(ConnectionClosed):
        await joining
    link = hub._link
    assert link is not None
    assert link.feeds._joining == {}
    assert not link.feeds._feeds["topic:room:a"].has_members


async def test_who_has_ended_joins_nothing(hub: Hub, connect: Connect) -> None:
    """And nothing of him stays."""
    ws = connect(hub)
    ws.close()
    with pytest.raises(ConnectionClosed):
        await ws.join("room:a")
    link = hub._link
    assert link is not None
    assert link.feeds._feeds == {}


async def test_a_join_of_too_many_topics_joins_none(hub: Hub, connect: Connect) -> None:
    """With history or without; those that it has already take no room."""
    ws = connect(hub)
    for number in range(4095):
        ws.subscribe(f"lobby:{number}")
    before = ws.topics
    wishes = {topic: Wish() for topic in ("lobby:0", "lobby", "room:a")}
    with pytest.raises(TooManyTopics, match="at most 4096 topics: its max_topics"):
        await hub.join(ws, wishes)
    link = hub._link
    assert link is not None
    assert (ws.topics, link.feeds._feeds) == (before, {})
    ws.leave("lobby:1")
    assert (await hub.join(ws, wishes)).keys() == wishes.keys()
    assert ws.topics == {*before, "lobby", "room:a"} - {"lobby:1"}
    with pytest.raises(TooManyTopics):
        await ws.join("room:b")
    with pytest.raises(TooManyTopics):
        await ws.join("lobby:1")


async def test_room_that_is_taken_while_others_are_joined_is_no_room(connect: Connect) -> None:
    """Nothing of the topic that has not got it stays."""
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane, topics=TOPICS)
    await hub.start()
    ws = connect(hub)
    confirmation = asyncio.get_running_loop().create_future()
    backplane.confirmation = lambda: confirmation
    joining = asyncio.ensure_future(hub.join(ws, {"lobby": Wish(), "room:a": Wish()}))
    await asyncio.sleep(0)
    for number in range(4095):
        ws.subscribe(f"lobby:{number}")
    confirmation.set_result(None)
    with pytest.raises(TooManyTopics):
        await joining
    link = hub._link
    assert link is not None
    assert link.feeds._feeds == {}
    await hub.stop()


async def test_a_join_that_is_cancelled_is_undone(hub: Hub, connect: Connect) -> None:
    """As if it had never been asked for."""
    ws = connect(hub)
    joining = asyncio.ensure_future(ws.join("room:a"))
    await asyncio.sleep(0)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    assert ws.topics == frozenset()


# publishing


async def test_a_publish_says_where_the_message_is(hub: Hub, connect: Connect) -> None:
    """It is a number, as ever: how many connections of this node it is for."""
    await connect(hub).join("room:a")
    published = await hub.publish("room:a", said(1))
    assert published == 1
    assert published.position == await hub.position("room:a")
    assert (await hub.publish("lobby", said(1))).position is None


async def test_on_a_topic_with_history_everybody_gets_everything(
    hub: Hub, connect: Connect
) -> None:
    """The sender, too: whoever comes back gets it from the log all the same."""
    ws = connect(hub)
    await ws.join("room:a")
    ws.publish("room:a", said(1))
    await delivered()
    assert heard(ws) == [(1, 1)]
    with pytest.raises(ValueError, match="has history, which is for everybody"):
        await hub.publish("room:a", said(2), exclude=ws)


@pytest.mark.parametrize("message", ["text", b"bytes", [1], PreparedMessage("{}", 1)])
async def test_what_has_no_keys_cannot_have_a_place(
    hub: Hub, connect: Connect, message: Any
) -> None:
    """It is refused where it is kept; elsewhere it comes as it is."""
    ws = connect(hub)
    await ws.join("lobby")
    with pytest.raises(TypeError, match="the topic 'room:a' has history: only an object"):
        await hub.publish("room:a", message)
    with pytest.raises(TypeError):
        ws.publish("room:a", message)
    assert (await hub.position("room:a")).offset == 0
    await hub.publish("lobby", message)
    assert ws.payloads == [PreparedMessage.of(message).payload]


async def test_every_node_has_the_same_numbers(nodes: tuple[Hub, Hub], connect: Connect) -> None:
    """Whoever publishes, and wherever one has been before."""
    here, there = nodes
    near, far = connect(here), connect(there)
    since = (await near.join("room:a")).position
    await far.join("room:a")
    assert since is not None
    for number in range(1, 5):
        await say((here, there)[number % 2], number)
    await delivered()
    assert heard(near) == heard(far) == [(number, number) for number in range(1, 5)]
    late = connect(there)
    assert (await late.join("room:a", since=since)).recovered
    assert heard(late) == heard(near)


async def test_each_connection_gets_the_place_in_its_codec(hub: Hub, connect: Connect) -> None:
    """Encoded once for each codec, and shared by all that speak it."""
    sockets = [connect(hub) for _ in range(4)]
    sockets[2].codec = sockets[3].codec = MSGPACK
    for ws in sockets:
        await ws.join("room:a")
    await hub.publish("room:a", {"kind": "photo", "data": b"\xff"})
    await delivered()
    messages = [ws.codec.reader(Any)(ws.payloads[0]) for ws in sockets]
    assert messages[0] == {"kind": "photo", "data": "/w==", "@": ["room:a", 1]}
    assert messages[3] == {"kind": "photo", "data": b"\xff", "@": ["room:a", 1]}
    assert sockets[0].pushed[0] is sockets[1].pushed[0]
    assert sockets[2].pushed[0] is sockets[3].pushed[0]


class Placed(Payload, kind="placed"):
    place: list[str] = msgspec.field(name="@", default_factory=list[str])


@pytest.mark.parametrize("topic", ["room:a", "lobby"])
async def test_a_message_that_says_a_place_of_its_own_is_refused(
    hub: Hub, connect: Connect, topic: str
) -> None:
    """Whatever it is made of; not where the key is further in, or is a text, or the topic is undeclared."""
    ws = connect(hub)
    for each in (topic, "undeclared"):
        ws.subscribe(each)
    places: list[Any] = [{"@": 5, "b": 1}, Placed(), PreparedMessage({"@": 1}, codec=MSGPACK)]
    for message in places:
        with pytest.raises(ValueError, match=f"the topic '{topic}' is declared: .* no key '@'"):
            await hub.publish(topic, message)
        with pytest.raises(ValueError, match="no key '@'"):
            ws.publish(topic, message, include_self=True)
    await delivered()
    assert ws.pushed == []
    fine: list[Any] = [{"at": "@"}, {"in": {"@": 1}}]
    for message in fine:
        await hub.publish(topic, message)
    await hub.publish("undeclared", {"@": 5})
    assert len(ws.pushed) == 3


@pytest.mark.parametrize("topic", ["room:a", "lobby"])
async def test_a_registry_does_not_publish_on_a_declared_topic(
    hub: Hub, connect: Connect, topic: str
) -> None:
    """Its message would be in no log, and would not say where it belongs; the error says who can."""
    ws = connect(hub)
    for each in (topic, "undeclared"):
        ws.subscribe(each)
    with pytest.raises(ValueError, match=f"the topic '{topic}' is declared.* hub.publish"):
        hub.registry.publish(topic, {"n": 1})
    assert hub.registry.publish("undeclared", {"n": 1}) == 1
    await delivered()
    assert ws.payloads == [b'{"n":1}']


async def test_another_node_cannot_forge_a_place(hub: Hub, connect: Connect) -> None:
    """This one's is the last of two equal keys, which counts."""
    ws = connect(hub)
    ws.codec = MSGPACK
    await ws.join("room:a")
    await connect(hub).join("room:a")
    assert hub._link is not None
    forged = PreparedMessage({"kind": "said", "@": ["room:b", 99], "n": 1})
    hub._link.node.append("topic:room:a", forged, History(size=5).keep)
    await delivered()
    assert MSGPACK.reader(Any)(ws.payloads[0])["@"] == ["room:a", 1]


class Even(ObjectCodec):
    """A format that has no odd numbers."""

    name = "even"

    def loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)

    def dumps(self, plain: Any) -> bytes:
        if plain.get("n", 0) % 2:
            raise ValueError("odd")
        return msgspec.json.encode(plain)


async def test_what_a_codec_cannot_say_is_told_as_lost(hub: Hub, connect: Connect) -> None:
    """The connection knows that there was something, and goes on behind it."""
    ws, late = connect(hub), connect(hub)
    ws.codec = late.codec = Even("even")
    since = (await ws.join("room:a")).position
    assert since is not None
    await say(hub, 2, 3, 4)
    await delivered()
    lost = {"kind": "aiows.lost", "position": [since.epoch, 2], "@": ["room:a"]}
    assert heard(ws) == [(2, 1), lost, (4, 3)]
    assert (await late.join("room:a", since=since)).recovered
    assert heard(late) == heard(ws)


# the order of what is published and what follows


async def test_what_was_published_is_before_what_is_sent_next(hub: Hub, connect: Connect) -> None:
    """As on a topic without history: the members here have it when the call returns."""
    ws = connect(hub)
    await ws.join("room:a")
    assert await hub.publish("room:a", said(1)) == 1
    ws.push({"kind": "B"})
    ws.publish("room:a", said(2))
    ws.push({"kind": "D"})
    assert heard(ws) == [(1, 1), {"kind": "B"}, (2, 2), {"kind": "D"}]
    await delivered()
    assert len(heard(ws)) == 4


async def test_who_subscribes_gets_what_is_published_next(hub: Hub, connect: Connect) -> None:
    """Also where nobody knows yet where the log is; and not what was before."""
    await say(hub, 1)
    ws = connect(hub)
    ws.subscribe("room:a")
    await hub.publish("room:a", said(2))
    ws.push({"kind": "B"})
    assert heard(ws) == [(2, 2), {"kind": "B"}]


async def test_who_subscribes_gets_it_also_when_the_log_was_read_later(connect: Connect) -> None:
    """The answer to the publish comes before the one that says where the log is."""
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane, topics=TOPICS)
    await hub.start()
    ws = connect(hub)
    ws.subscribe("room:a")
    publishing = asyncio.ensure_future(hub.publish("room:a", said(2)))
    await delivered()
    (_, reading), (_, appending) = backplane.asked
    appending.set_result(Position("e", 2))
    await delivered()
    reading.set_result(Page(Position("e", 2), ()))
    await publishing
    assert backplane.told[-1] == ("read", "topic:room:a", -1)
    entry = Entry(2, PreparedMessage(said(2)))
    backplane.asked[-1][1].set_result(Page(Position("e", 2), [entry]))
    await delivered()
    assert heard(ws) == [(2, 2)]
    await hub.stop()


async def test_two_nodes_that_publish_at_once_agree_on_the_order(
    nodes: tuple[Hub, Hub], connect: Connect
) -> None:
    """Who publishes waits for what is before its own message, and nobody gets anything twice."""
    members = [connect(hub) for hub in nodes]
    for ws in members:
        await ws.join("room:a")

    async def publish(hub: Hub, ws: FakeConnection, number: int) -> None:
        await hub.publish("room:a", said(number))
        ws.push({"kind": "after", "n": number})

    calls = zip(nodes, members, (1, 2), strict=True)
    await asyncio.gather(*(publish(*each) for each in calls))
    await delivered()
    after = [{"kind": "after", "n": number} for number in (1, 2)]
    assert heard(members[0]) == [(1, 1), after[0], (2, 2)]
    assert heard(members[1]) == [(1, 1), (2, 2), after[1]]


@pytest.fixture
async def away(connect: Connect) -> AsyncIterator[tuple[Hub, FakeBackplane, FakeConnection]]:
    """A hub whose backplane answers when the test says, with a member of ``room:a``, which is at 1."""
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane, topics=TOPICS)
    await hub.start()
    ws = connect(hub)
    ws.subscribe("room:a")
    backplane.asked.pop()[1].set_result(Page(Position("e", 1), ()))
    await delivered()
    yield hub, backplane, ws
    await hub.stop()


Away = tuple[Hub, FakeBackplane, FakeConnection]


async def test_the_answer_of_the_backplane_is_enough(away: Away) -> None:
    """A message need not come back before the members here have it; when it does it is not sent again."""
    hub, backplane, ws = away
    publishing = asyncio.ensure_future(hub.publish("room:a", said(2)))
    ws.publish("room:a", said(3))
    await delivered()
    assert heard(ws) == []
    for number, (_, answer) in enumerate(backplane.asked, 2):
        answer.set_result(Position("e", number))
    await publishing
    assert [offset for _, offset in heard(ws)] == [2, 3]
    for number in (2, 3):
        message = PreparedMessage(said(number))
        backplane.ear.deliver_at("topic:room:a", Position("e", number), message)
    assert len(heard(ws)) == 2


async def test_who_publishes_waits_for_what_is_before(away: Away) -> None:
    """Another node's message is on its way still; nothing is read for that."""
    hub, backplane, ws = away
    publishing = asyncio.ensure_future(hub.publish("room:a", said(3)))
    await delivered()
    backplane.asked.pop()[1].set_result(Position("e", 3))
    await delivered()
    assert (publishing.done(), heard(ws), backplane.asked) == (False, [], [])
    for number in (2, 3):
        message = PreparedMessage(said(number))
        backplane.ear.deliver_at("topic:room:a", Position("e", number), message)
    assert (await publishing).position == ("e", 3)
    assert heard(ws) == [(2, 2), (3, 3)]


async def test_who_publishes_does_not_wait_for_ever(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription may be lost: the message is in the log."""
    monkeypatch.setattr(feed, "PATIENCE", 0.01)
    hub, backplane, ws = away
    publishing = asyncio.ensure_future(hub.publish("room:a", said(3)))
    await delivered()
    backplane.asked.pop()[1].set_result(Position("e", 3))
    assert (await publishing).position == ("e", 3)
    assert heard(ws) == []
    link = hub._link
    assert link is not None
    assert link.feeds._feeds["topic:room:a"]._publishers == {}


# history


async def test_history_is_read_without_joining(hub: Hub) -> None:
    """The last messages, or those after a position; none where they are not kept."""
    position = await say(hub, *range(1, 9))
    page = await hub.history("room:a")
    assert page.position == position
    assert page.messages == tuple((number, said(number)) for number in range(4, 9))
    assert page.recovered is None
    assert [number for number, _ in (await hub.history("room:a", last=2)).messages] == [7, 8]
    since = await hub.history("room:a", since=(position.epoch, 5), limit=2)
    assert [number for number, _ in since.messages] == [6, 7]
    assert since.recovered
    for gone in ((position.epoch, 2), ("other", 7), (position.epoch, 9)):
        page = await hub.history("room:a", since=gone)
        assert (page.messages, page.recovered) == ((), False)
    at_end = await hub.history("room:a", since=position)
    assert (at_end.messages, at_end.recovered) == ((), True)


async def test_a_topic_without_history_has_none(hub: Hub) -> None:
    """Also one that is declared."""
    for topic in ("lobby", "undeclared"):
        with pytest.raises(ValueError, match="has no history"):
            await hub.history(topic)
        with pytest.raises(ValueError, match="has no history"):
            await hub.position(topic)
    with pytest.raises(ValueError, match="0 or more"):
        await hub.history("room:a", last=-1)


# slow readers


async def test_a_slow_reader_gets_everything_when_it_has_room_again(
    hub: Hub, connect: Connect
) -> None:
    """From the log: nothing was kept for it, and it is not told that anything was dropped."""
    slow, quick = connect(hub), connect(hub)
    for ws in (slow, quick):
        await ws.join("room:a")
    slow.fill()
    dropped = counters(slow)
    await say(hub, 1, 2, 3)
    await delivered()
    assert (heard(slow), heard(quick)) == ([], [(1, 1), (2, 2), (3, 3)])
    assert counters(slow) == dropped
    slow.empty()
    assert heard(slow) == heard(quick)
    await say(hub, 4)
    await delivered()
    assert heard(slow) == heard(quick)


async def test_a_reader_that_is_too_slow_is_told_what_it_missed(hub: Hub, connect: Connect) -> None:
    """The log is past it: it learns what it missed, in its place, and gets all that is kept."""
    slow = connect(hub)
    await slow.join("room:a")
    await say(hub, 1)
    slow.fill()
    position = await say(hub, *range(2, 10))
    slow.empty()
    await say(hub, 10)
    await delivered()
    lost = {"kind": "aiows.lost", "position": [position.epoch, 5], "@": ["room:a"]}
    assert heard(slow) == [(1, 1), lost, *((number, number) for number in range(6, 11))]


async def test_a_slow_reader_of_the_last_value_gets_the_newest(hub: Hub, connect: Connect) -> None:
    """Prices that are stale by now are not sent, and are said to be missing."""
    slow = connect(hub)
    await slow.join("price:x")
    slow.fill()
    position = await say(hub, 1, 2, 3, topic="price:x")
    slow.empty()
    await delivered()
    lost = {"kind": "aiows.lost", "position": [position.epoch, 2], "@": ["price:x"]}
    assert heard(slow) == [lost, (3, 3)]


async def test_a_page_leaves_as_fast_as_it_is_read(connect: Connect) -> None:
    """The outbox never has more than a few messages of it, and the answer comes behind the last."""
    hub = Hub(topics=[Topic("room:*", history=History(size=100))])
    await hub.start()
    since = await say(hub, 0)
    for number in range(1, 31):
        await hub.publish("room:a", {**said(number), "text": "x" * 100})
    ws = connect(hub)
    ws.transport.waiting = 450
    ws._protocol.pause_writing()
    joining = asyncio.ensure_future(ws.join("room:a", since=since))
    await delivered()
    assert 0 < len(ws.pushed) < 5
    await hub.publish("room:a", {**said(31), "text": "x" * 100})
    ws.empty()
    joined = await joining
    assert joined.recovered
    assert heard(ws) == [(number, number + 1) for number in range(1, 32)]
    await hub.stop()


async def test_who_is_late_in_many_topics_gets_them_all(hub: Hub, connect: Connect) -> None:
    """Each from its own log."""
    slow = connect(hub)
    for topic in ("room:a", "room:b", "room:c"):
        await slow.join(topic)
    slow.fill()
    for topic in ("room:a", "room:b", "room:c"):
        await say(hub, 1, 2, topic=topic)
    await delivered()
    slow.empty()
    await delivered()
    assert sorted(heard(slow)) == [(1, 1)] * 3 + [(2, 2)] * 3


async def test_a_slow_reader_that_leaves_is_forgotten(hub: Hub, connect: Connect) -> None:
    """Nothing of it stays in any table."""
    slow = connect(hub)
    await slow.join("room:a")
    slow.fill()
    await say(hub, 1)
    await delivered()
    link = hub._link
    assert link is not None
    assert slow in link.feeds._late
    slow.close()
    assert slow not in link.feeds._late
    assert not link.feeds._feeds["topic:room:a"].has_members


# declared topics without history


async def test_a_declared_topic_says_its_name(nodes: tuple[Hub, Hub], connect: Connect) -> None:
    """An undeclared one is as it always was."""
    here, there = nodes
    near, far = connect(here), connect(there)
    for ws in (near, far):
        assert await ws.join("lobby") == Joined()
        ws.subscribe("undeclared")
    assert await here.publish("lobby", {"n": 1}) == 1
    await here.publish("undeclared", {"n": 2})
    await delivered()
    assert near.payloads == far.payloads == [b'{"n":1,"@":["lobby"]}', b'{"n":2}']
    assert (await near.join("lobby", since=("e", 1))).recovered is False


async def test_a_plain_topic_leaves_out_whom_it_shall(hub: Hub, connect: Connect) -> None:
    """The sender, and whom ``exclude`` names."""
    ws, other = connect(hub), connect(hub)
    for each in (ws, other):
        await each.join("lobby")
    ws.publish("lobby", {"n": 1})
    assert await hub.publish("lobby", {"n": 2}, exclude=other) == 1
    assert [ws.payloads, other.payloads] == [
        [b'{"n":2,"@":["lobby"]}'],
        [b'{"n":1,"@":["lobby"]}'],
    ]


LOST = {"kind": "aiows.lost", "@": ["lobby"]}


async def test_who_missed_something_is_told_before_the_next_message(
    hub: Hub, connect: Connect
) -> None:
    """As soon as there is room, once, however much it was."""
    ws = connect(hub)
    await ws.join("lobby")
    ws.fill()
    for _ in range(3):
        assert await hub.publish("lobby", {"n": 1}) == 0
    ws.empty()
    await hub.publish("lobby", {"n": 2})
    assert [msgspec.json.decode(each) for each in ws.payloads] == [LOST, {"n": 2, "@": ["lobby"]}]


async def test_who_cannot_be_told_does_not_get_the_next_message(hub: Hub, connect: Connect) -> None:
    """A small one that there would be room for: it would hide that others are missing."""
    ws = connect(hub)
    await ws.join("lobby")
    ws.transport.waiting = 980
    ws._protocol.pause_writing()
    dropped = counters(ws)
    assert await hub.publish("lobby", {"n": "x" * 100}) == 0
    assert await hub.publish("lobby", {}) == 0
    assert counters(ws) == dropped + 2
    assert await hub.publish("lobby", {}, exclude=ws) == 0
    assert counters(ws) == dropped + 2
    ws.empty()
    assert [msgspec.json.decode(each) for each in ws.payloads] == [LOST]


async def test_what_a_codec_cannot_say_is_told_before_what_it_can(
    hub: Hub, connect: Connect
) -> None:
    """Once, and without a drain: there was room all the time."""
    ws = connect(hub)
    ws.codec = Even("even")
    await ws.join("lobby")
    for number in (1, 3, 2, 4):
        await hub.publish("lobby", {"n": number})
    said = [msgspec.json.decode(each) for each in ws.payloads]
    assert said == [LOST, {"n": 2, "@": ["lobby"]}, {"n": 4, "@": ["lobby"]}]


async def test_a_view_is_told_of_each_message_that_a_slow_reader_misses(
    aiohttp_client: AiohttpClient,
) -> None:
    """The reader is told once, before the next message that it gets."""
    dropped: list[Any] = []

    class Reader(WebSocketView):
        max_unsent = max_backpressure = 16 * 1024
        compress = False

        def on_open(self) -> None:
            self.ws.subscribe("lobby")

        def on_dropped(self, message: str | bytes, opcode: Any) -> None:
            dropped.append(msgspec.json.decode(message)["n"])

    app = web.Application()
    app.router.add_view("/", Reader)
    hub = setup(app, topics=TOPICS)
    client = await aiohttp_client(app)
    async with await SlowConsumer.connect(client.make_url("/")) as slow:
        for number in range(300):
            await hub.publish("lobby", {"n": number, "pad": "x" * 1000})
        assert dropped
        heard = [
            msgspec.json.decode((await slow.receive()).data)["n"] for _ in range(300 - len(dropped))
        ]
        assert sorted(heard + dropped) == list(range(300))
        assert msgspec.json.decode((await slow.receive()).data) == LOST
        await hub.publish("lobby", {"n": 300})
        assert msgspec.json.decode((await slow.receive()).data)["n"] == 300


async def test_who_left_is_not_told(hub: Hub, connect: Connect) -> None:
    """What is missing of a topic that nobody wants is nobody's concern."""
    ws, other = connect(hub), connect(hub)
    for each in (ws, other):
        await each.join("lobby")
        each.fill()
    await hub.publish("lobby", {"n": 1})
    ws.leave("lobby")
    other.close()
    ws.empty()
    assert ws.payloads == []
    assert not hub._missed


# the backplane


async def test_topics_without_members_are_left_after_a_while(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once: whoever comes back within some seconds finds all of it here."""
    monkeypatch.setattr(feeds, "LINGER", 0.01)
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane, topics=TOPICS)
    await hub.start()
    ws = connect(hub)
    ws.subscribe("room:a")
    ws.unsubscribe("room:a")
    ws.subscribe("room:a")
    await asyncio.sleep(0.05)
    assert ("unsubscribe", "topic:room:a") not in backplane.told
    ws.unsubscribe("room:a")
    assert ("unsubscribe", "topic:room:a") not in backplane.told
    await eventually(lambda: ("unsubscribe", "topic:room:a") in backplane.told)
    assert hub._link is not None
    assert hub._link.feeds._feeds == {}
    await hub.stop()


async def test_a_topic_that_cannot_be_read_cannot_be_joined(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is of whoever joins, who is no member then; the next one asks again."""
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane, topics=TOPICS)
    await hub.start()
    ws = connect(hub)
    joining = asyncio.ensure_future(ws.join("room:a"))
    await delivered()
    backplane.asked.pop()[1].set_exception(BackplaneDown("away"))
    with pytest.raises(BackplaneDown, match="away"):
        await joining
    assert ws.topics == frozenset()
    assert "was not read: away" in caplog.text
    joining = asyncio.ensure_future(ws.join("room:a"))
    await delivered()
    backplane.asked.pop()[1].set_result(Page(Position("e", 3), ()))
    assert await joining == Joined(Position("e", 3))
    await hub.stop()


async def test_a_subscription_that_fails_fails_the_join(connect: Connect) -> None:
    """On a topic with history as on a plain one."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failed.set_exception(BackplaneDown("away"))
    hub = Hub(backplane=FakeBackplane(lambda: failed), topics=TOPICS)
    await hub.start()
    for topic in ("room:a", "lobby"):
        ws = connect(hub)
        with pytest.raises(BackplaneDown):
            await ws.join(topic)
        assert ws.topics == frozenset()
    await hub.stop()


async def test_a_join_waits_for_the_subscription(connect: Connect) -> None:
    """Before that a message could pass unheard."""
    confirmation: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    hub = Hub(backplane=FakeBackplane(lambda: confirmation), topics=TOPICS)
    await hub.start()
    joining = asyncio.ensure_future(connect(hub).join("lobby"))
    await delivered()
    assert not joining.done()
    confirmation.set_result(None)
    assert await joining == Joined()
    await hub.stop()


async def test_a_hub_that_stops_ends_joins(connect: Connect) -> None:
    """Nobody would answer them any more."""
    hub = Hub(backplane=FakeBackplane(), topics=TOPICS)
    await hub.start()
    joining = asyncio.ensure_future(connect(hub).join("room:a"))
    await delivered()
    await hub.stop()
    with pytest.raises(BackplaneDown, match="has stopped"):
        await joining


async def test_what_was_missed_while_the_backplane_was_away_is_read(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Topics with history have no gap; of plain ones their subscribers are told."""
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane, topics=TOPICS)
    await hub.start()
    ws = connect(hub)
    ws.subscribe("room:a")
    ws.subscribe("lobby")
    ws.subscribe("undeclared")
    backplane.asked.pop()[1].set_result(Page(Position("e", 1), ()))
    await delivered()
    backplane.ear.resumed(Loss(1.0, 3.5))
    asked = backplane.asked.pop()
    assert backplane.told[-1] == ("read", "topic:room:a", 1)
    entry = Entry(2, PreparedMessage(said(2)))
    asked[1].set_result(Page(Position("e", 2), [entry]))
    await delivered()
    assert heard(ws) == [LOST, (2, 2)]
    assert "the backplane was away for 2.5 seconds" in caplog.text
    backplane.ear.resumed(None)
    backplane.asked.pop()[1].set_result(Page(Position("e", 2), ()))
    await delivered()
    assert len(heard(ws)) == 2
    await hub.stop()


async def test_what_is_no_object_in_a_log_is_told_as_lost(
    hub: Hub, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """They have a number, so everybody has to know that it was there; the next message comes."""
    ws, late = connect(hub), connect(hub)
    since = (await ws.join("room:a")).position
    assert since is not None
    assert hub._link is not None
    with caplog.at_level(logging.WARNING, "aiows.hub"):
        for message in ("text", b"bytes"):
            hub._link.node.append("topic:room:a", PreparedMessage(message), History(size=5).keep)
        await say(hub, 3)
        await delivered()
    lost = [
        {"kind": "aiows.lost", "position": [since.epoch, number], "@": ["room:a"]}
        for number in (1, 2)
    ]
    assert heard(ws) == [*lost, (3, 3)]
    assert caplog.text.count("was dropped") == 2
    await late.join("room:a", since=since)
    assert heard(late) == heard(ws)


async def test_bytes_of_a_stranger_are_told_as_lost(connect: Connect) -> None:
    """An engine found no message in them, as it came and as it was read; and none is in the history."""
    backplane = FakeBackplane()
    hub = Hub(backplane=backplane, topics=TOPICS)
    await hub.start()
    ws = connect(hub)
    ws.subscribe("room:a")
    backplane.asked.pop()[1].set_result(Page(Position("e", 0), ()))
    await delivered()
    backplane.ear.deliver_at("topic:room:a", Position("e", 1), None)
    backplane.ear.resumed(None)
    page = Page(Position("e", 3), [Entry(2, None), Entry(3, PreparedMessage(said(3)))])
    backplane.asked.pop()[1].set_result(page)
    await delivered()
    lost = [{"kind": "aiows.lost", "position": ["e", number], "@": ["room:a"]} for number in (1, 2)]
    assert heard(ws) == [*lost, (3, 3)]
    reading = asyncio.ensure_future(hub.history("room:a", last=5))
    await asyncio.sleep(0)
    cut_off = PreparedMessage.encoded(b'{"a":}', JSON)
    page = Page(Position("e", 4), [*page.entries, Entry(4, cut_off)])
    backplane.asked.pop()[1].set_result(page)
    assert (await reading).messages == ((3, said(3)),)
    await hub.stop()


async def test_what_was_published_does_not_change_any_more(hub: Hub, connect: Connect) -> None:
    """Neither with the object that it was made of, nor with what the history returned."""
    state = {"kind": "said", "n": 1}
    await hub.publish("room:a", state)
    state["n"] = 2
    [(_, message)] = (await hub.history("room:a", last=1)).messages
    assert message == said(1)
    message["n"] = 3
    late = connect(hub)
    late.codec = MSGPACK
    await late.join("room:a", last=1)
    assert [msgspec.msgpack.decode(each) for each in late.payloads] == [
        {"kind": "said", "n": 1, "@": ["room:a", 1]}
    ]


async def test_a_hub_that_starts_late_takes_over_its_subscribers(connect: Connect) -> None:
    """Those that a registry has already get what comes."""
    hub = Hub(topics=TOPICS)
    ws = connect(hub)
    ws.subscribe("room:a")
    await hub.start()
    await delivered()
    await say(hub, 1)
    await delivered()
    assert heard(ws) == [(1, 1)]
    await hub.stop()


def test_history_needs_a_backplane_that_keeps_it() -> None:
    """Said when the hub is made, not at the first message."""

    class Forgetful(FakeBackplane):
        keeps_history = False

    with pytest.raises(RegistrationError, match="need a backplane that keeps them"):
        Hub(backplane=Forgetful(), topics=TOPICS)
    Hub(backplane=Forgetful(), topics=[Topic("lobby")])


# over sockets


class Room(WebSocketView):
    @on("join")
    async def join(self, since: tuple[str, int] | None = None) -> dict[str, Any]:
        joined = await self.ws.join("room:a", since=since)
        return {"position": joined.position, "recovered": joined.recovered}

    @on("say")
    async def say(self, n: int) -> None:
        await self.hub.publish("room:a", said(n))


async def test_a_client_that_comes_back_misses_nothing(aiohttp_client: AiohttpClient) -> None:
    """The answer to its join is behind what it missed, and before what comes."""
    app = web.Application()
    app.router.add_view("/", Room)
    setup(app, topics=TOPICS)
    client = await aiohttp_client(app)
    async with client.ws_connect("/") as first, client.ws_connect("/") as other:
        await first.send_json({"kind": "join", "ref": 1})
        position = (await first.receive_json())["position"]
        await first.close()
        await other.send_json({"kind": "say", "n": 1, "ref": 1})
        await other.send_json({"kind": "say", "n": 2, "ref": 2})
        assert [(await other.receive_json())["ref"] for _ in range(2)] == [1, 2]
        async with client.ws_connect("/") as again:
            await again.send_json({"kind": "join", "since": position, "ref": 9})
            await other.send_json({"kind": "say", "n": 3})
            heard = [await again.receive_json() for _ in range(4)]
    assert [each.get("n") for each in heard if each["kind"] == "said"] == [1, 2, 3]
    answer = next(each for each in heard if each["kind"] == "reply")
    assert answer["recovered"]
    assert heard.index(answer) == answer["position"][1]
    assert app[HUB].registry.all_topics() == ()


class Farewell(WebSocketView):
    def on_open(self) -> None:
        self.ws.subscribe("room:a")

    @on("leave")
    async def leave(self) -> None:
        await self.hub.publish("room:a", said(1))
        self.ws.close(4000)


async def test_what_was_published_is_before_a_close(aiohttp_client: AiohttpClient) -> None:
    """Of one connection, and of all of them at a shutdown: nobody who is here misses the last words."""

    async def say_goodbye(app: web.Application) -> None:
        await app[HUB].publish("room:a", said(2))
        app[HUB].close_all(1012)

    app = web.Application()
    app.router.add_view("/", Farewell)
    setup(app, topics=TOPICS)
    app.on_shutdown.append(say_goodbye)
    client = await aiohttp_client(app)
    async with client.ws_connect("/") as first, client.ws_connect("/") as other:
        await first.send_json({"kind": "leave", "ref": 1})
        assert (await first.receive_json())["n"] == 1
        assert (await first.receive()).data == 4000
        assert (await other.receive_json())["n"] == 1
        stopping = asyncio.ensure_future(client.server.close())
        assert (await other.receive_json())["n"] == 2
        assert (await other.receive()).data == 1012
        await stopping
