"""`KindDispatcher`: a message reaches the handler of its kind, and the result is its answer."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import pytest
from aiohttp import WSMessage, WSMsgType, web

from aiows import (
    ConnectionClosed,
    KindDispatcher,
    KindError,
    Payload,
    PreparedMessage,
    RegistrationError,
)
from talk import Talk, refusal_of, say


class ChatSend(Payload, kind="chat.send"):
    room: str
    text: str = ""


class ChatSaid(Payload, kind="chat.said", frozen=True):
    text: str


class Spot(Payload):
    x: int


@dataclass
class Box:
    content: int


def returning(value: Any) -> KindDispatcher:
    """A dispatcher whose one handler, of the kind some, returns ``value``."""
    kinds = KindDispatcher()
    kinds.on("some")(lambda: value)
    return kinds


def raising(error: BaseException) -> KindDispatcher:
    """A dispatcher whose one handler, of the kind some, raises ``error``."""
    kinds = KindDispatcher()

    @kinds.on("some")
    async def some() -> None:
        raise error

    return kinds


# fields


async def test_the_parameters_of_a_handler_are_fields_of_the_message() -> None:
    """Converted to what they are annotated with."""
    kinds = KindDispatcher()
    got: list[Any] = []

    @kinds.on("UPLOAD_PROGRESS")
    async def progress(ws: Any, value: float, box: Box, anything) -> None:  # type: ignore[no-untyped-def]
        got.extend((value, box, anything))

    message = {"kind": "UPLOAD_PROGRESS", "value": 40, "box": {"content": 1}, "anything": [None]}
    assert await say(kinds, message) == []
    assert got == [40.0, Box(1), [None]]
    assert type(got[0]) is float


async def test_a_handler_gets_the_connection_that_was_dispatched_on() -> None:
    """The very object, whichever face it is."""
    kinds = KindDispatcher()
    got: list[Any] = []

    @kinds.on("some")
    def some(ws: Any) -> None:
        got.append(ws)

    talk = Talk(kinds)
    await talk.say({"kind": "some"})
    assert got == [talk.connection]


async def test_a_missing_field_takes_the_default_of_its_parameter() -> None:
    """The same object as in a plain call, never a shared copy."""
    shared = [1]
    kinds = KindDispatcher()
    got: list[Any] = []

    @kinds.on("some")
    def some(*, name: str | None = None, count: int = 3, many: list[int] = shared) -> None:
        got.extend((name, count, many))

    await say(kinds, {"kind": "some", "count": 4})
    assert got == [None, 4, [1]]
    assert got[2] is shared


async def test_a_required_field_may_follow_one_with_a_default() -> None:
    """As keyword-only parameters may."""
    kinds = KindDispatcher()

    @kinds.on("some")
    def some(*, first: int = 1, second: int) -> list[int]:
        return [first, second]

    assert (await say(kinds, {"kind": "some", "second": 2, "ref": 1}))[0]["result"] == [1, 2]


async def test_a_parameter_with_a_payload_type_gets_the_whole_message() -> None:
    """Equal to one that was made by hand: the ref has been taken off."""
    kinds = KindDispatcher()
    got: list[Any] = []

    @kinds.on(ChatSend)
    async def send(ws: Any, message: ChatSend, text: str) -> None:
        got.extend((message, text))

    await say(kinds, {"kind": "chat.send", "room": "a", "text": "hi", "ref": 7})
    assert got == [ChatSend("a", "hi"), "hi"]
    assert msgspec.json.encode(got[0]) == b'{"kind":"chat.send","room":"a","text":"hi"}'


async def test_a_payload_type_is_checked_although_no_parameter_asks_for_it() -> None:
    """Registering for a type means that messages are of that type."""
    kinds = KindDispatcher()
    kinds.on(ChatSend)(lambda: None)
    assert (await refusal_of(kinds, {"kind": "chat.send"}))["details"]["field"] == "room"
    assert await say(kinds, {"kind": "chat.send", "room": "a"}) == []


async def test_a_payload_type_in_a_parameter_is_enough() -> None:
    """The name of the kind and the type in the signature agree."""
    kinds = KindDispatcher()

    @kinds.on("chat.send")
    def send(message: ChatSend) -> str:
        return message.room

    answers = await say(kinds, {"kind": "chat.send", "room": "a", "ref": 1})
    assert answers == [{"kind": "reply", "ref": 1, "result": "a"}]


async def test_a_frozen_payload_can_have_a_ref() -> None:
    """It is taken off frozen payloads too."""
    kinds = KindDispatcher()
    kinds.on(ChatSaid)(lambda text: text)
    assert (await say(kinds, {"kind": "chat.said", "text": "a", "ref": 1}))[0]["result"] == "a"


async def test_fields_that_nobody_asks_for_are_let_be() -> None:
    """A newer client may send more than an older server knows."""
    assert await say(returning(None), {"kind": "some", "more": {"deep": [1]}, "ref": 1}) == [
        {"kind": "reply", "ref": 1}
    ]


async def test_a_message_may_be_bytes() -> None:
    """As it is on connections that do not decode their text."""
    assert await say(returning(1), b'{"kind":"some","ref":1}') == [
        {"kind": "reply", "ref": 1, "result": 1}
    ]


async def test_the_application_of_the_connection_is_provided() -> None:
    """As for everything in inject's table."""
    kinds = KindDispatcher()
    kinds.on("some")(_name_of)
    talk = Talk(kinds)
    talk.connection._protocol.app = web.Application()
    talk.connection._protocol.app[NAME] = "shop"
    assert (await talk.say({"kind": "some", "ref": 1}))[0]["result"] == "shop"


NAME = web.AppKey("name", str)


def _name_of(application: web.Application) -> str:
    return application[NAME]


# replies


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (None, {"kind": "reply"}),
        ({"ok": True}, {"kind": "reply", "ok": True}),
        ({}, {"kind": "reply"}),
        ({1: {"a": Box(1)}}, {"kind": "reply", "1": {"a": {"content": 1}}}),
        (Box(3), {"kind": "reply", "content": 3}),
        (ChatSaid("hi"), {"kind": "chat.said", "text": "hi"}),
        (Spot(3), {"kind": "reply", "x": 3}),
        (5, {"kind": "reply", "result": 5}),
        (False, {"kind": "reply", "result": False}),
        ("text", {"kind": "reply", "result": "text"}),
        ([ChatSaid("a")], {"kind": "reply", "result": [{"kind": "chat.said", "text": "a"}]}),
        (10**30, {"kind": "reply", "result": 10**30}),
    ],
    ids=repr,
)
async def test_what_a_handler_returns_is_the_reply(value: Any, fields: dict[str, Any]) -> None:
    """An object's fields are the message's, a payload keeps its kind, all else is the result."""
    assert await say(returning(value), {"kind": "some", "ref": 7}) == [{"ref": 7, **fields}]


async def test_an_async_handler_is_awaited() -> None:
    """Whether it is one can be seen from what it returns."""
    kinds = KindDispatcher()

    @kinds.on("some")
    async def some() -> int:
        await asyncio.sleep(0)
        return 5

    @kinds.on("other")
    def other() -> Awaitable[int]:
        return some()

    for kind in ("some", "other"):
        assert (await say(kinds, {"kind": kind, "ref": 1}))[0]["result"] == 5


@pytest.mark.parametrize("message", [{"kind": "some"}, {"kind": "some", "ref": None}])
async def test_without_a_ref_there_is_no_reply(message: Any) -> None:
    """Nobody waits for it."""
    assert await say(returning({"ok": True}), message) == []


@pytest.mark.parametrize("ref", [0, 7, -1, "", "a\nb", "\U0001f600", 2**64, -(10**40), "x" * 128])
async def test_a_ref_comes_back_as_it_came(ref: Any) -> None:
    """Also where it is falsy, or larger than a machine word."""
    assert await say(returning(None), {"kind": "some", "ref": ref}) == [
        {"kind": "reply", "ref": ref}
    ]


@pytest.mark.parametrize("ref", [0, ""])
async def test_a_ref_comes_back_with_an_error_too(ref: Any) -> None:
    """Also where it is falsy."""
    answers = await say(raising(KindError("no", "not now")), {"kind": "some", "ref": ref})
    assert answers[0]["ref"] == ref


async def test_a_payload_that_is_passed_on_loses_nothing() -> None:
    """The handler's own object is not changed by being a reply."""
    said = ChatSaid("hi")
    await say(returning(said), {"kind": "some", "ref": 7})
    assert said == ChatSaid("hi")


@pytest.mark.parametrize("key", ["kind", "ref", "error"])
async def test_a_reply_with_a_reserved_key_is_the_handlers_failure(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be overwritten in silence, or taken for something else."""
    (answer,) = await say(returning({key: 1}), {"kind": "some", "ref": 7})
    assert answer["error"]["code"] == "internal"
    assert f"a handler's reply has the reserved key {key!r}" in caplog.text


@pytest.mark.parametrize("value", [object(), {"a": object()}, "\ud800", {"a": {(1, 2): 3}}])
async def test_a_reply_that_json_cannot_say_is_the_handlers_failure(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The peer is told that it failed, the log how."""
    (answer,) = await say(returning(value), {"kind": "some", "ref": 7})
    assert (answer["ref"], answer["error"]["code"]) == (7, "internal")
    assert "the handler of kind 'some' failed" in caplog.text


# handlers that refuse or fail


@pytest.mark.parametrize("ref", [{}, {"ref": 7}])
async def test_a_kind_error_is_the_answer(ref: dict[str, int]) -> None:
    """With its code, its message and its details, whether there was a ref or not."""
    kinds = raising(KindError("full", "the room is full", {"seats": 3}))
    error = {"code": "full", "message": "the room is full", "details": {"seats": 3}}
    assert await say(kinds, {"kind": "some", **ref}) == [{"kind": "error", **ref, "error": error}]


async def test_a_kind_error_without_details_has_none() -> None:
    """The key is left out."""
    assert await refusal_of(raising(KindError("no", "not now")), {"kind": "some"}) == {
        "code": "no",
        "message": "not now",
    }


async def test_a_kind_error_whose_details_json_cannot_say_is_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The peer still gets an answer."""
    refused = await refusal_of(raising(KindError("no", "not now", object())), {"kind": "some"})
    assert refused["code"] == "internal"
    assert "the handler of kind 'some' failed" in caplog.text


@pytest.mark.parametrize("ref", [{}, {"ref": 7}])
async def test_any_other_exception_is_logged_and_kept_from_the_peer(
    ref: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the connection, the user, the kind and the traceback."""
    talk = Talk(raising(LookupError("the password is 1234")))
    talk.connection.user_id = "alice"
    error = {"code": "internal", "message": "the handler failed"}
    assert await talk.say({"kind": "some", **ref}) == [{"kind": "error", **ref, "error": error}]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("aiows.kinds", logging.ERROR)
    assert "kind 'some'" in record.getMessage()
    assert repr(talk.connection) in record.getMessage()
    assert "user 'alice'" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
    assert not talk.connection.closed


async def test_a_payload_that_fails_while_it_is_made_is_a_failed_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its ValueError is the peer's fault, anything else is ours."""

    class Picky(Payload, kind="picky"):
        value: int

        def __post_init__(self) -> None:
            if self.value == 1:
                raise ValueError("one is too few")
            raise LookupError("a bug")

    kinds = KindDispatcher()
    kinds.on(Picky)(lambda: None)
    assert await refusal_of(kinds, {"kind": "picky", "value": 1}) == {
        "code": "invalid",
        "message": "one is too few",
    }
    assert (await refusal_of(kinds, {"kind": "picky", "value": 2}))["code"] == "internal"
    assert "LookupError: a bug" in caplog.text


async def test_what_is_meant_for_the_process_passes() -> None:
    """No handler swallows a Ctrl-C."""
    talk = Talk(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        await talk.say({"kind": "some", "ref": 1})
    assert talk.connection.payloads == []


async def test_a_cancellation_passes() -> None:
    """Whoever cancelled the dispatch is to see that it ended."""
    kinds = KindDispatcher()

    @kinds.on("some")
    async def some() -> None:
        await asyncio.Future()

    talk = Talk(kinds)
    dispatching = asyncio.ensure_future(talk.say({"kind": "some", "ref": 1}))
    await asyncio.sleep(0)
    dispatching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dispatching
    assert talk.connection.payloads == []


@pytest.mark.parametrize("waits", [True, False])
async def test_what_a_handler_awaits_may_have_been_cancelled(
    waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """That is a failure like any other: it is logged with the kind, and the connection lives."""
    kinds = KindDispatcher()

    @kinds.on("some")
    async def some() -> None:
        other: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if waits:
            asyncio.get_running_loop().call_soon(other.cancel)
        else:
            other.cancel()
        await other

    assert (await refusal_of(kinds, {"kind": "some"}))["code"] == "internal"
    assert "the handler of kind 'some' failed" in caplog.text


async def test_a_peer_that_left_during_its_handler_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It happens all the time: nothing is logged, nobody is answered."""
    kinds = KindDispatcher()

    @kinds.on("some")
    async def some(ws: Any) -> None:
        ws.lost(None)
        await ws.drained()

    assert await say(kinds, {"kind": "some", "ref": 1}) == []
    assert caplog.records == []


async def test_somebody_else_who_left_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """The handler did not do what it was asked for: this peer is told."""
    kinds = raising(ConnectionClosed(1006))
    assert (await refusal_of(kinds, {"kind": "some"}))["code"] == "internal"
    assert "ConnectionClosed" in caplog.text


async def test_a_reply_to_a_peer_that_left_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """The handler has done its work; that nobody reads the answer is not its failure."""
    kinds = KindDispatcher()
    kinds.on("some")(lambda ws: ws.lost(None))
    assert await say(kinds, {"kind": "some", "ref": 1}) == []
    assert caplog.records == []


async def test_a_reply_waits_for_room_in_the_outbox() -> None:
    """A slow reader gets its answers later, and none is dropped."""
    talk = Talk(returning({"ok": True}))
    talk.connection.fill()
    saying = asyncio.ensure_future(talk.say({"kind": "some", "ref": 1}))
    await asyncio.sleep(0)
    assert not saying.done()
    written = _writes_of(talk)
    talk.connection.empty()
    await saying
    assert written() == b'{"kind":"reply","ref":1,"ok":true}'


async def test_a_peer_that_leaves_while_its_reply_waits_is_no_failure() -> None:
    """The dispatch ends with the connection."""
    talk = Talk(returning({"ok": True}))
    talk.connection.fill()
    saying = asyncio.ensure_future(talk.say({"kind": "some", "ref": 1}))
    await asyncio.sleep(0)
    talk.connection.lost(None)
    assert await saying == []


def _writes_of(talk: Talk) -> Callable[[], bytes]:
    """Return what gives the payload of the one frame that is written from now on."""
    frames: list[bytes] = []
    cast("Any", talk.connection.transport).write = frames.append
    return lambda: frames[0][2:]


# kinds that nobody handles


async def test_a_fallback_gets_the_kind_and_the_other_fields() -> None:
    """And answers as any handler does."""
    kinds = KindDispatcher()
    got: list[Any] = []

    @kinds.fallback
    async def other(ws: Any, kind: str, fields: dict[str, Any]) -> dict[str, str]:
        got.extend((kind, fields))
        return {"was": kind}

    assert await say(kinds, {"kind": "some.thing", "ref": 7, "a": [1], "error": 2}) == [
        {"kind": "reply", "ref": 7, "was": "some.thing"}
    ]
    assert got == ["some.thing", {"a": [1], "error": 2}]


async def test_a_fallback_does_not_see_what_has_a_handler() -> None:
    """Not even where that one refused the message."""
    kinds = returning(1)
    kinds.fallback(lambda: pytest.fail("called"))
    assert await say(kinds, {"kind": "some"}) == []
    kinds.on("strict")(lambda value: None)
    assert (await refusal_of(kinds, {"kind": "strict"}))["code"] == "invalid"


async def test_the_log_has_no_raw_text_of_a_peer(caplog: pytest.LogCaptureFixture) -> None:
    """A kind with line breaks cannot forge a line of the log."""
    kinds = KindDispatcher()

    @kinds.fallback
    def other() -> None:
        raise LookupError

    await say(kinds, {"kind": "a\n2026-01-01 ERROR all is lost" + "b" * 90})
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert r"'a\n2026-01-01 ERROR all is lostbbb" in record.getMessage()
    assert len(record.getMessage()) < 500


async def test_a_kind_of_any_length_is_nobodys() -> None:
    """The handler of all other kinds would write it to a log, or count it."""
    kinds, kinds_heard = KindDispatcher(), list[str]()

    @kinds.fallback
    def other(kind: str) -> None:
        kinds_heard.append(kind)

    assert await say(kinds, {"kind": "k" * 128}) == []
    refused = await refusal_of(kinds, {"kind": "k" * 129})
    assert refused["code"] == "unknown_kind"
    assert len(str(refused)) < 500
    assert kinds_heard == ["k" * 128]


def test_a_kind_that_no_message_can_have_is_refused_when_it_is_registered() -> None:
    """Its messages would all be refused."""
    with pytest.raises(RegistrationError, match="has 129 characters: 128 at most"):
        KindDispatcher().on("k" * 129)(lambda: None)


@pytest.mark.parametrize("message", ['{"kind":"error"}', {"kind": "error", "ref": 1, "error": {}}])
async def test_an_error_is_never_answered(message: Any) -> None:
    """Otherwise two peers would answer each other's errors for ever."""
    kinds = KindDispatcher(max_bad_messages=1)
    kinds.fallback(lambda: pytest.fail("called"))
    talk = Talk(kinds)
    assert await talk.say(message) == []
    assert not talk.connection.closed


# bad messages


async def test_too_many_bad_messages_in_a_row_close_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last one is answered, too."""
    talk = Talk(KindDispatcher(max_bad_messages=3))
    bad: list[Any] = ["no JSON", [], {"kind": "unknown"}]
    for message in bad:
        assert not talk.connection.closed
        assert len(await talk.say(message)) == 1
    assert (talk.connection.close_code, talk.connection.close_reason) == (
        1008,
        "too many bad messages",
    )
    assert "sent 3 bad messages in a row" in caplog.text


async def test_the_default_limit_is_twenty() -> None:
    """As documented."""
    talk = Talk(KindDispatcher())
    for _ in range(19):
        await talk.say("no JSON")
    assert not talk.connection.closed
    await talk.say("no JSON")
    assert talk.connection.closed


async def test_a_good_message_starts_the_count_again() -> None:
    """Also one that its handler refuses: it could be read."""
    kinds = raising(KindError("no", "not now"))
    kinds._bad_messages._limit = 2
    talk = Talk(kinds)
    for _ in range(3):
        await talk.say("no JSON")
        await talk.say({"kind": "some"})
    assert not talk.connection.closed


async def test_every_connection_has_a_count_of_its_own() -> None:
    """One client's mistakes do not close another."""
    kinds = KindDispatcher(max_bad_messages=2)
    first, second = Talk(kinds), Talk(kinds)
    await first.say("no JSON")
    await second.say("no JSON")
    assert not first.connection.closed
    assert not second.connection.closed


async def test_a_limit_of_zero_is_no_limit() -> None:
    """For those who count in their own way."""
    talk = Talk(KindDispatcher(max_bad_messages=0))
    for _ in range(50):
        await talk.say("no JSON")
    assert not talk.connection.closed


async def test_a_connection_that_is_gone_is_not_kept_by_its_count() -> None:
    """A dispatcher lives as long as the application, a connection does not."""
    kinds = KindDispatcher()
    await say(kinds, "no JSON")
    await asyncio.sleep(0)
    gc.collect()
    assert len(kinds._bad_messages.in_a_row) == 0


# faces and forms


@pytest.mark.parametrize(
    "kind", [WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE, WSMsgType.CLOSED]
)
async def test_what_is_no_text_is_left_to_the_caller(kind: WSMsgType) -> None:
    """dispatch says so, and does nothing."""
    talk = Talk(KindDispatcher())
    msg = WSMessage(kind, b'{"kind":"some"}', None)
    assert await talk.kinds.dispatch(talk.connection, msg) is False
    assert talk.connection.payloads == []


async def test_methods_are_called_on_the_instance_of_the_dispatch() -> None:
    """One table serves all instances of a class; plain functions may be in it, too."""

    class Counter:
        def __init__(self) -> None:
            self.total = 0

        async def add(self, ws: Any, value: int) -> int:
            self.total += value
            return self.total

        def missing(self, kind: str) -> str:
            return f"no {kind} in {self.total}"

    kinds = returning("plain")
    kinds.on("add", method=True)(Counter.add)
    kinds.fallback(Counter.missing, method=True)
    first, second = Counter(), Counter()
    await say(kinds, {"kind": "add", "value": 1}, instance=first)
    answers = [
        await say(kinds, {"kind": "add", "value": 2, "ref": 1}, instance=first),
        await say(kinds, {"kind": "add", "value": 2, "ref": 1}, instance=second),
        await say(kinds, {"kind": "sub", "ref": 1}, instance=second),
        await say(kinds, {"kind": "some", "ref": 1}, instance=second),
    ]
    assert [each["result"] for (each,) in answers] == [3, 2, "no sub in 2", "plain"]


async def test_a_method_without_an_instance_is_the_callers_mistake() -> None:
    """It is raised where dispatch was called."""
    kinds = KindDispatcher()
    kinds.on("some", method=True)(lambda self: None)
    with pytest.raises(RegistrationError, match="registered with method=True: needs instance="):
        await say(kinds, {"kind": "some"})


@pytest.fixture
def nested() -> KindDispatcher:
    kinds = KindDispatcher(payload_key="payload")

    @kinds.on("progress")
    async def progress(value: float = 0) -> dict[str, float]:
        return {"kind": value}

    @kinds.on(ChatSend)
    def send(message: ChatSend) -> ChatSend:
        assert message == ChatSend("a")  # without any ref of its own
        return message

    @kinds.fallback
    def other(kind: str, fields: dict[str, Any]) -> list[Any]:
        return [kind, fields]

    return kinds


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"kind": "progress", "payload": {"value": 4}}, {"kind": "reply", "payload": {"kind": 4}}),
        ({"kind": "progress"}, {"kind": "reply", "payload": {"kind": 0}}),
        (
            {"kind": "chat.send", "payload": {"room": "a", "ref": 8}},
            {"kind": "chat.send", "payload": {"room": "a", "text": ""}},
        ),
        (
            {"kind": "other", "payload": {"kind": 1, "ref": 2}},
            {"kind": "reply", "payload": {"result": ["other", {"kind": 1, "ref": 2}]}},
        ),
    ],
)
async def test_fields_can_be_nested_under_a_key(
    nested: KindDispatcher, message: Any, answer: Any
) -> None:
    """In messages and in replies; what is outside is the envelope's."""
    assert await say(nested, {**message, "ref": 7}) == [{"ref": 7, **answer}]


@pytest.mark.parametrize(
    ("message", "code", "details"),
    [
        (
            {"kind": "progress", "payload": {"value": "4"}},
            "invalid",
            {"field": "payload.value", "expected": "float", "got": "str"},
        ),
        (
            {"kind": "progress", "payload": [4]},
            "invalid",
            {"field": "payload", "expected": "object", "got": "array"},
        ),
        (
            {"kind": "other", "payload": 4},
            "invalid",
            {"field": "payload", "expected": "object", "got": "int"},
        ),
        (
            {"kind": "chat.send", "payload": {"kind": "progress", "room": "a"}},
            "invalid",
            {"field": "payload.kind", "expected": "value", "got": '"progress"'},
        ),
        ([], "not_object", {"expected": "object", "got": "array"}),
    ],
)
async def test_what_is_wrong_in_the_nested_form_is_told_with_its_place(
    nested: KindDispatcher, message: Any, code: str, details: Any
) -> None:
    """The path begins at the message."""
    refused = await refusal_of(nested, message)
    assert (refused["code"], refused["details"]) == (code, details)


class Received:
    """A face with messages to iterate over."""

    def __init__(self, talk: Talk, messages: list[tuple[WSMsgType, Any]]) -> None:
        self._talk = talk
        self._messages = [WSMessage(kind, data, None) for kind, data in messages]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._talk.connection, name)

    async def __aiter__(self) -> Any:
        for message in self._messages:
            yield message


async def test_serve_is_the_loop_and_refuses_binary_messages() -> None:
    """Nobody else would tell the peer; control messages pass."""
    talk = Talk(returning(1))
    ws: Any = Received(
        talk,
        [
            (WSMsgType.TEXT, '{"kind":"some","ref":1}'),
            (WSMsgType.PING, b""),
            (WSMsgType.BINARY, b"\0"),
            (WSMsgType.TEXT, '{"kind":"some","ref":2}'),
        ],
    )
    await talk.kinds.serve(ws)
    first, refused, last = map(json.loads, talk.connection.payloads)
    assert (first["ref"], last["ref"]) == (1, 2)
    assert refused["error"] == {
        "code": "not_text",
        "message": "a message with a kind is TEXT, not BINARY",
        "details": {"expected": "TEXT", "got": "BINARY"},
    }


async def test_serve_passes_the_instance_on() -> None:
    """As dispatch does."""
    kinds = KindDispatcher()
    kinds.on("some", method=True)(lambda self: self)
    talk = Talk(kinds)
    ws: Any = Received(talk, [(WSMsgType.TEXT, '{"kind":"some","ref":1}')])
    await kinds.serve(ws, instance="me")
    assert json.loads(talk.connection.payloads[0])["result"] == "me"


async def test_replies_are_text() -> None:
    """JSON is no binary data to a browser."""
    talk = Talk(returning(1))
    await talk.say({"kind": "some", "ref": 1})
    (pushed,) = talk.connection.pushed
    assert isinstance(pushed, PreparedMessage)
    assert pushed.opcode == WSMsgType.TEXT
