"""The kinds that aiows handles itself: who may join what, and how much of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from aiows import (
    HUB,
    History,
    KindDispatcher,
    KindError,
    Payload,
    RegistrationError,
    Topic,
    WebSocketResponse,
    WebSocketView,
    on,
    setup,
)
from aiows.codecs import JSON, MSGPACK
from aiows.errors import BackplaneDown
from aiows.kinds import authenticated
from fake_backplane import FakeBackplane

Client = TestClient[web.Request, web.Application]
Serve = Callable[..., Awaitable["Peer"]]

TOPICS = (Topic("room:*", history=History(size=50)), Topic("lobby"))
SESSION = "x" * 22


class Room(WebSocketView):
    def may_subscribe(self, topic: str) -> bool:
        return topic != "room:secret"

    @on("say")
    async def say(self, topic: str, n: int) -> None:
        await self.hub.publish(topic, {"kind": "said", "n": n})


class Peer:
    """One client: `ask` returns the answer, and keeps what came before it in ``heard``."""

    def __init__(self, app: web.Application, ws: Any) -> None:
        self.app = app
        self.ws = ws
        self.heard: list[dict[str, Any]] = []

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        await self.ws.send_json({"kind": kind, "ref": 1, **fields})
        while (message := await self.hear()).get("ref") != 1:
            self.heard.append(message)
        return message

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.ws.receive_json(timeout=5)
        return message

    async def refusal(self, kind: str, **fields: Any) -> str:
        answer = await self.ask(kind, **fields)
        assert answer["kind"] == "error"
        code: str = answer["error"]["code"]
        return code

    async def publish(self, topic: str, *numbers: int) -> None:
        for number in numbers:
            await self.app[HUB].publish(topic, {"kind": "said", "n": number})


@pytest.fixture
async def serve(aiohttp_client: Callable[..., Awaitable[Client]]) -> Serve:
    """Connect to a view, or to an application with a view at ``/``."""

    async def connect(what: Any = Room, **options: Any) -> Peer:
        app = what
        if not isinstance(what, web.Application):
            app = web.Application()
            app.router.add_route("*", "/", what)
            setup(app, topics=TOPICS, **options)
        client = await aiohttp_client(app)
        return Peer(app, await client.ws_connect("/"))

    return connect


# hello


async def test_hello_joins_everything_in_one_round_trip(serve: Serve) -> None:
    """What was missed is before the reply, which says of each topic what came of it."""
    peer = await serve()
    await peer.publish("room:a", 1, 2)
    epoch, _ = await peer.app[HUB].position("room:a")
    topics = {
        "room:a": {"since": [epoch, 1]},
        "room:b": {"last": 5},
        "lobby": {},
        "room:secret": {},
        "elsewhere": {},
    }
    answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics=topics)
    there = await peer.app[HUB].position("room:b")
    forbidden = {"error": {"code": "forbidden", "message": "you may not subscribe to this topic"}}
    assert answer == {
        "kind": "reply",
        "ref": 1,
        "v": 1,
        "user": None,
        "idle": 25,
        "once": [],
        "topics": {
            "room:a": {"position": [epoch, 2], "recovered": True},
            "room:b": {"position": [*there]},
            "lobby": {},
            "room:secret": forbidden,
            "elsewhere": forbidden,
        },
    }
    assert peer.heard == [{"kind": "said", "n": 2, "@": ["room:a", 2]}]
    await peer.publish("room:b", 3)
    assert await peer.hear() == {"kind": "said", "n": 3, "@": ["room:b", 1]}


async def test_hello_says_who_one_is_and_what_is_spoken(serve: Serve) -> None:
    """A user id that is neither text nor a number is said as text; of versions the lower one counts."""

    class Known(Room):
        async def authenticate(self, request: web.Request) -> Any:
            return ("ada", 7)

    answer = await (await serve(Known)).ask("aiows.hello", v=99, session=SESSION, later="x")
    assert (answer["user"], answer["v"], answer["topics"]) == ("('ada', 7)", 1, {})


# one topic


async def test_a_topic_is_joined_and_left(serve: Serve) -> None:
    """The reply has the position; after leaving nothing comes any more.

    What was published last may still be on its way to the log when the join is answered: then it comes after.
    """
    peer = await serve()
    joined = await peer.ask("aiows.subscribe", topic="room:a")
    await peer.publish("room:a", 1)
    assert (await peer.hear())["n"] == 1
    assert await peer.ask("aiows.unsubscribe", topic="room:a") == {"kind": "reply", "ref": 1}
    await peer.publish("room:a", 2)
    again = await peer.ask("aiows.subscribe", topic="room:a", since=joined["position"])
    assert again["recovered"]
    assert again["position"][1] == len(peer.heard)
    while len(peer.heard) < 2:
        peer.heard.append(await peer.hear())
    assert [each["n"] for each in peer.heard] == [1, 2]
    far = await peer.ask("aiows.subscribe", topic="room:a", since=["elsewhere", 3])
    assert far["recovered"] is False


async def test_what_may_not_be_had_is_refused(serve: Serve) -> None:
    """A topic of others, one that is not declared, and names that are none."""
    peer = await serve()
    for topic in ("room:secret", "elsewhere", "user:ada", "everybody"):
        assert await peer.refusal("aiows.subscribe", topic=topic) == "forbidden"
    for topic in ("", "room:" + "ä" * 98):
        assert await peer.refusal("aiows.subscribe", topic=topic) == "invalid"
    assert await peer.ask("aiows.subscribe", topic="room:" + "ä" * 97)


async def test_only_true_lets_somebody_in(serve: Serve) -> None:
    """A hook that forgets to answer, or answers something else, lets nobody in."""

    class Sloppy(WebSocketView):
        async def may_subscribe(self, topic: str) -> bool:
            answers: dict[str, Any] = {"room:yes": True, "room:role": "admin", "room:one": 1}
            if topic == "room:own":
                raise KindError("unauthenticated", "log in first")
            return answers.get(topic)  # type: ignore[return-value]

    peer = await serve(Sloppy)
    assert "position" in await peer.ask("aiows.subscribe", topic="room:yes")
    for topic in ("room:role", "room:one", "room:none"):
        assert await peer.refusal("aiows.subscribe", topic=topic) == "forbidden"
    assert await peer.refusal("aiows.subscribe", topic="room:own") == "unauthenticated"
    answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics={"room:own": {}})
    assert answer["topics"]["room:own"]["error"]["code"] == "unauthenticated"


async def test_a_hook_that_fails_fails_its_topic_alone(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are joined; what it was is for the log, with the topic, and not for the client."""

    class Faulty(WebSocketView):
        async def may_subscribe(self, topic: str) -> bool:
            if topic == "room:gone":
                await gone
            return {"room:a": True, "lobby": True}[topic]

    gone: Any = asyncio.get_running_loop().create_future()
    gone.cancel()
    peer = await serve(Faulty)
    topics: dict[str, Any] = {"room:b": {}, "room:a": {}, "room:gone": {}, "lobby": {}}
    answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics=topics)
    codes = {name: each.get("error", {}).get("code") for name, each in answer["topics"].items()}
    assert codes == {"room:a": None, "lobby": None, "room:b": "internal", "room:gone": "internal"}
    assert "to join 'room:b' failed" in caplog.text
    assert "KeyError" in caplog.text
    assert "KeyError" not in str(answer)
    assert await peer.refusal("aiows.subscribe", topic="room:b") == "internal"
    assert await peer.refusal("aiows.history", topic="room:b") == "internal"
    await peer.publish("room:a", 1)
    assert (await peer.hear())["n"] == 1


async def test_a_client_cannot_leave_what_the_server_gave_it(serve: Serve) -> None:
    """Undeclared topics are the server's own affair."""

    class Given(Room):
        def on_open(self) -> None:
            self.ws.subscribe("internal")

    peer = await serve(Given)
    await peer.ask("aiows.unsubscribe", topic="internal")
    await peer.app[HUB].publish("internal", {"kind": "hi"})
    assert await peer.hear() == {"kind": "hi"}


async def test_a_topic_that_cannot_be_had_now_says_when_to_ask_again(serve: Serve) -> None:
    """The backplane is away: not the client's fault, and not for ever."""
    backplane = FakeBackplane()
    peer = await serve(backplane=backplane)

    def fail(*told: Any) -> Any:
        future = FakeBackplane.question(backplane, *told)
        future.set_exception(BackplaneDown("away"))
        return future

    backplane.question = fail  # type: ignore[method-assign]
    answer = await peer.ask("aiows.subscribe", topic="room:a")
    assert answer["error"]["code"] == "unavailable"
    assert answer["error"]["details"] == {"retry_after": 1.0}
    answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics={"room:a": {}})
    assert answer["topics"]["room:a"]["error"]["details"] == {"retry_after": 1.0}
    assert peer.app[HUB].registry.all_topics() == ()


# history


async def test_history_is_read_without_joining(serve: Serve) -> None:
    """The last messages, or those after a position, each with its number."""
    peer = await serve()
    await peer.publish("room:a", *range(1, 6))
    answer = await peer.ask("aiows.history", topic="room:a", last=2)
    epoch, offset = answer["position"]
    assert offset == 5
    assert answer["messages"] == [[4, {"kind": "said", "n": 4}], [5, {"kind": "said", "n": 5}]]
    answer = await peer.ask("aiows.history", topic="room:a", since=[epoch, 1], limit=2)
    assert [number for number, _ in answer["messages"]] == [2, 3]
    assert answer["recovered"]
    answer = await peer.ask("aiows.history", topic="room:a", since=["other", 1])
    assert (answer["messages"], answer["recovered"]) == ([], False)
    assert peer.app[HUB].registry.all_topics() == ()


async def test_history_is_only_for_those_who_may_subscribe(serve: Serve) -> None:
    """And only of topics that have any."""
    peer = await serve()
    for topic in ("room:secret", "elsewhere"):
        assert await peer.refusal("aiows.history", topic=topic) == "forbidden"
    assert await peer.refusal("aiows.history", topic="lobby") == "no_history"
    assert await peer.refusal("aiows.history", topic="room:a", limit=1001) == "invalid"


async def test_a_history_of_large_messages_comes_in_parts(serve: Serve) -> None:
    """What is further back is asked for again: a reply has a bound in bytes."""
    peer = await serve()
    for number in range(20):
        message = {"kind": "said", "n": number, "text": "x" * 100_000}
        await peer.app[HUB].publish("room:a", message)
    answer = await peer.ask("aiows.history", topic="room:a")
    numbers = [number for number, _ in answer["messages"]]
    assert numbers == list(range(21 - len(numbers), 21))
    assert len(numbers) < 10
    since = [answer["position"][0], 3]
    answer = await peer.ask("aiows.history", topic="room:a", since=since)
    assert [number for number, _ in answer["messages"]] == list(range(4, 4 + len(numbers)))


# liveness


async def test_a_ping_is_answered(serve: Serve) -> None:
    """Without a handler of the application, and without a ref."""
    peer = await serve()
    await peer.ws.send_json({"kind": "aiows.ping"})
    assert await peer.hear() == {"kind": "aiows.pong"}


# hostile clients


@pytest.mark.parametrize(
    "fields",
    [
        {"v": 0},
        {"v": "1"},
        {"session": ""},
        {"session": "x" * 65},
        {"session": None},
        {"topics": []},
        {"topics": {"room:a": {"since": "e1"}}},
        {"topics": {"room:a": {"since": ["e"]}}},
        {"topics": {"room:a": {"since": ["e", 1.5]}}},
        {"topics": {"room:a": {"since": ["e", -1]}}},
        {"topics": {"room:a": {"since": ["e", 2**53]}}},
        {"topics": {"room:a": {"since": ["x" * 65, 1]}}},
        {"topics": {"room:a": {"since": [1, 1]}}},
        {"topics": {"room:a": {"last": -1}}},
        {"topics": {"room:a": {"last": 1001}}},
        {"topics": {"room:a": None}},
    ],
)
async def test_a_hello_that_cannot_be_is_refused(serve: Serve, fields: dict[str, Any]) -> None:
    """As any message with a field that is wrong: nothing of it is done."""
    peer = await serve()
    hello = {"v": 1, "session": SESSION, "topics": {"lobby": {}}, **fields}
    assert await peer.refusal("aiows.hello", **hello) == "invalid"
    assert peer.app[HUB].registry.all_topics() == ()


async def test_the_topics_of_a_connection_are_bounded(serve: Serve) -> None:
    """128 of them: a hello with more is refused as a whole, then the one that is too many."""
    peer = await serve()
    topics: dict[str, Any] = {f"room:{number}": {} for number in range(10_000)}
    assert await peer.refusal("aiows.hello", v=1, session=SESSION, topics=topics) == "too_many"
    assert peer.app[HUB].registry.all_topics() == ()
    topics = {f"room:{number}": {} for number in range(127)}
    answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics=topics)
    assert not any("error" in each for each in answer["topics"].values())
    assert await peer.ask("aiows.subscribe", topic="lobby")
    assert await peer.refusal("aiows.subscribe", topic="room:a") == "too_many"
    assert "position" in await peer.ask("aiows.subscribe", topic="room:1")
    answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics={"room:a": {}})
    assert answer["topics"]["room:a"]["error"]["code"] == "too_many"
    await peer.ask("aiows.unsubscribe", topic="lobby")
    assert "position" in await peer.ask("aiows.subscribe", topic="room:a")


async def test_a_client_cannot_join_more_than_its_connection_may_have(serve: Serve) -> None:
    """What the server has subscribed it to counts, too; the topics for which there is room are joined."""

    class Small(Room):
        max_topics = 2

        def on_open(self) -> None:
            self.ws.subscribe("elsewhere")

    peer = await serve(Small)
    topics: dict[str, Any] = {"room:a": {}, "room:b": {}, "lobby": {}}
    answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics=topics)
    codes = {name: each.get("error", {}).get("code") for name, each in answer["topics"].items()}
    assert codes == {"room:a": None, "room:b": "too_many", "lobby": "too_many"}
    assert await peer.refusal("aiows.subscribe", topic="room:b") == "too_many"
    assert set(peer.app[HUB].registry.all_topics()) == {"elsewhere", "room:a"}


# where they are


class Quiet(WebSocketView):
    """Handles kinds, and lets nobody subscribe."""

    max_bad_messages = 2

    @on("say", once=True)
    def say(self) -> None: ...

    @on("look")
    def look(self) -> None: ...


async def test_without_the_hook_no_topic_can_be_had(serve: Serve) -> None:
    """A client is greeted and answered all the same; it is told why there are no topics."""
    peer = await serve(Quiet)
    answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics={"lobby": {}})
    assert answer["idle"] == 25
    error = {"code": "forbidden", "message": answer["topics"]["lobby"]["error"]["message"]}
    assert answer["topics"] == {"lobby": {"error": error}}
    assert "may_subscribe" in error["message"]
    await peer.ws.send_json({"kind": "aiows.ping"})
    assert await peer.hear() == {"kind": "aiows.pong"}
    assert await peer.refusal("aiows.subscribe", topic="lobby") == "forbidden"
    assert await peer.refusal("aiows.history", topic="room:a") == "forbidden"
    assert await peer.ask("aiows.unsubscribe", topic="lobby") == {"kind": "reply", "ref": 1}


async def test_hello_and_ping_need_no_hub(aiohttp_client: Callable[..., Awaitable[Client]]) -> None:
    """An application without setup has no topics, and pages that ask for none."""
    app = web.Application()
    app.router.add_view("/quiet", Quiet)
    app.router.add_view("/room", Room)
    client = await aiohttp_client(app)
    for path, code in (("/quiet", "forbidden"), ("/room", "internal")):
        peer = Peer(app, await client.ws_connect(path))
        answer = await peer.ask("aiows.hello", v=1, session=SESSION)
        assert answer["topics"] == {}
        answer = await peer.ask("aiows.hello", v=1, session=SESSION, topics={"lobby": {}})
        assert answer["topics"]["lobby"]["error"]["code"] == code


@pytest.mark.parametrize("view", [Quiet, Room])
async def test_what_is_wrong_with_them_is_no_bad_message(serve: Serve, view: Any) -> None:
    """The page has not chosen to send them: a client of another version is not put out."""

    class Strict(view):  # type: ignore[misc]
        max_bad_messages = 2

    peer = await serve(Strict)
    for _ in range(3):
        assert await peer.refusal("aiows.hello", v=0) == "invalid"
        assert await peer.refusal("aiows.of-tomorrow") == "unknown_kind"
    assert await peer.refusal("elsewhere") == "unknown_kind"
    assert await peer.refusal("elsewhere") == "unknown_kind"
    assert (await peer.ws.receive(timeout=5)).data == 1008


async def test_they_reach_no_code_of_the_application(serve: Serve) -> None:
    """Neither the handler of other kinds, nor that of other messages, nor guards without topics."""
    seen: list[Any] = []

    class Curious(WebSocketView):
        guards = (authenticated,)

        def on_unknown_kind(self, kind: str, fields: dict[str, Any]) -> None:
            seen.append(kind)

        def on_message(self, msg: Any) -> None:
            seen.append(msg)

    peer = await serve(Curious)
    assert (await peer.ask("aiows.hello", v=1, session=SESSION))["kind"] == "reply"
    await peer.ws.send_json({"kind": "aiows.ping"})
    assert await peer.hear() == {"kind": "aiows.pong"}
    for kind in ("aiows.auth", "aiows.subscribe"):
        assert await peer.refusal(kind, topic="lobby") in {"unknown_kind", "forbidden"}
    assert await peer.refusal("look") == "unauthenticated"
    assert seen == []


async def test_hello_names_the_kinds_that_are_handled_once(serve: Serve) -> None:
    """Those of routers, too, under the names that they have here; a client sends no others twice."""
    orders = KindDispatcher(may_subscribe=lambda ws, topic: True)
    orders.on("create", once=True)(lambda: None)
    orders.on("watch")(lambda: None)

    class Shop(Quiet):
        routers = (("order.", orders),)

    peer = await serve(Shop)
    answer = await peer.ask("aiows.hello", v=1, session=SESSION)
    assert sorted(answer["once"]) == ["order.create", "say"]
    assert Shop.kinds is not None
    Shop.kinds.on("pay", once=True)(lambda: None)
    orders.on("drop", once=True)(lambda: None)
    answer = await peer.ask("aiows.hello", v=1, session=SESSION)
    assert sorted(answer["once"]) == ["order.create", "order.drop", "pay", "say"]
    assert await peer.refusal("aiows.subscribe", topic="lobby") == "forbidden"


async def test_a_view_may_have_nothing_else(serve: Serve) -> None:
    """The hook alone makes it one that handles kinds."""

    class Feed(WebSocketView):
        async def may_subscribe(self, topic: str) -> bool:
            return topic == f"room:{self.user_id}"

        async def authenticate(self, request: web.Request) -> str:
            return "ada"

    peer = await serve(Feed)
    assert "position" in await peer.ask("aiows.subscribe", topic="room:ada")
    assert await peer.refusal("aiows.subscribe", topic="room:bob") == "forbidden"


async def test_guards_of_the_endpoint_come_first(serve: Serve) -> None:
    """They are ordinary kinds: who may not send anything may not say hello."""

    class Guarded(Room):
        guards = (authenticated,)

    peer = await serve(Guarded)
    assert await peer.refusal("aiows.hello", v=1, session=SESSION) == "unauthenticated"


async def test_a_dispatcher_has_them_too(serve: Serve) -> None:
    """The function is asked with the connection."""
    kinds = KindDispatcher(
        codecs=[JSON, MSGPACK],
        may_subscribe=lambda ws, topic: ws.user_data is None and topic == "room:a",
    )

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse(codecs=kinds.codecs)
        await ws.prepare(request)
        await kinds.serve(ws)
        return ws

    peer = await serve(view)
    await peer.publish("room:a", 1)
    assert "position" in await peer.ask("aiows.subscribe", topic="room:a", last=1)
    assert peer.heard == [{"kind": "said", "n": 1, "@": ["room:a", 1]}]
    assert await peer.refusal("aiows.subscribe", topic="room:b") == "forbidden"


def test_their_names_are_reserved() -> None:
    """No handler, prefix or declaration can take them; an application's own router neither."""
    kinds = KindDispatcher()
    with pytest.raises(RegistrationError, match="is reserved"):
        kinds.on("aiows.hello")(lambda: None)
    with pytest.raises(RegistrationError, match="is reserved"):
        kinds.sends("aiows.news")
    with pytest.raises(RegistrationError, match="is reserved"):
        kinds.asks("aiows.news")
    with pytest.raises(RegistrationError, match="is reserved"):
        kinds.sends(type("News", (Payload,), {}, kind="aiows.news"))
    inner = KindDispatcher()
    inner.on("ws.x")(lambda: None)
    with pytest.raises(RegistrationError, match="is reserved"):
        KindDispatcher().include(inner, "aio")


def test_two_endpoints_may_share_a_router() -> None:
    """Each has its own of these kinds; whoever includes a dispatcher that has them says who may."""
    shared = KindDispatcher()
    shared.on("say")(lambda: None)

    class First(WebSocketView):
        routers = (shared,)

        def may_subscribe(self, topic: str) -> bool:
            return True

    class Second(First):
        pass

    assert First.kinds is not None
    assert (
        json.dumps(sorted(each.kind for each in First.kinds.contracts())).count("aiows.hello") == 1
    )


async def test_a_topic_that_was_not_declared_is_told_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Each once, and few of them: a client may think of many."""

    class Fresh(Room):
        """Nobody has asked here before."""

    peer = await serve(Fresh)
    for number in (0, 0, *range(20)):
        assert await peer.refusal("aiows.subscribe", topic=f"else{number}") == "forbidden"
    assert await peer.refusal("aiows.subscribe", topic="room:secret") == "forbidden"
    told = [each.getMessage() for each in caplog.records if "not declared" in each.getMessage()]
    assert len(told) == 8
    assert told[0] == (
        "a client cannot join the topic 'else0', which is not declared: "
        "setup(app, topics=[Topic('else0')])"
    )
