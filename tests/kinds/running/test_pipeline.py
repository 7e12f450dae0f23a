"""The pipeline, in both builds: from the data of a message to the answer of its handler."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import UserDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypedDict

import msgspec
import pytest
from aiohttp import WSMessage, WSMsgType
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Struct

from aiows.codecs import JSON, MSGPACK, Codec, JsonCodec
from aiows.connection import PreparedMessage
from aiows.errors import KindError
from aiows.kinds import KindDispatcher, Parallel, Payload
from builds import Build
from fake_connection import FakeConnection, RecordingOutbox

Make: TypeAlias = Callable[[], Any]

# On a busy machine one example may take long: what counts is what comes out.
patient = settings(deadline=None, max_examples=100)

FAILED = {"kind": "error", "error": {"code": "internal", "message": "the handler failed"}}
REFUSED = {"kind": "error", "error": {"code": "no", "message": "Not now.", "details": [1]}}

REFS: list[Any] = ["a", "", 'ö"\\\n\0€😀', 0, -1, 2**53, -(2**63), 2**64 - 1]
BIG = 10**40
HUGE_REFS = [2**64, -(2**64), 10**400]


class Typed(Payload, kind="typed"):
    value: Any = None
    items: list[int] = []  # noqa: RUF012 (msgspec copies it)


class Frozen(Payload, kind="frozen", frozen=True, rename="camel", omit_defaults=True):
    some_value: int = 0


class Bare(Payload):
    value: Any = None


class Empty(Payload):
    pass


class Plain(Struct):
    value: int


class Told(TypedDict):
    value: int


@dataclass
class Dated:
    value: int


class Word(str):
    __slots__ = ()


class Unsayable:
    """What no codec says."""


def refuse() -> None:
    raise KindError("no", "Not now.", details=[1])


def refuse_unsayably() -> None:
    raise KindError("no", "Not now.", details=Unsayable())


def fail() -> None:
    raise LookupError("not for the peer")


def be_cancelled() -> None:
    raise asyncio.CancelledError


def identity(value: Any) -> Any:
    return value


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


# What a handler returns or raises, and the answer, but for its ref.
RESULTS: dict[str, tuple[Make, dict[str, Any]]] = {
    "none": (lambda: None, {"kind": "reply"}),
    "no fields": (dict, {"kind": "reply"}),
    "fields": (lambda: {"a": 1, "ö": [None, {"ref": 1}]}, {"kind": "reply", "a": 1, "ö": [None, {"ref": 1}]}),
    "a list": (lambda: [1, "a"], {"kind": "reply", "result": [1, "a"]}),
    "a text": (lambda: "ö", {"kind": "reply", "result": "ö"}),
    "a number": (lambda: 0, {"kind": "reply", "result": 0}),
    "a bool": (lambda: False, {"kind": "reply", "result": False}),
    "large integers": (lambda: {"a": 2**64, "b": [-BIG]}, {"kind": "reply", "a": 2**64, "b": [-BIG]}),
    "a key that is derived": (lambda: {Word("a"): Word("b")}, {"kind": "reply", "a": "b"}),
    "a payload": (lambda: Typed(value={"ref": 1}), {"kind": "typed", "value": {"ref": 1}, "items": []}),
    "a frozen payload": (lambda: Frozen(some_value=1), {"kind": "frozen", "someValue": 1}),
    "a payload of defaults": (Frozen, {"kind": "frozen"}),
    "a payload without a kind": (lambda: Bare(value='{"kind":'), {"kind": "reply", "value": '{"kind":'}),
    "an empty payload": (Empty, {"kind": "reply"}),
    "a payload with a ref": (lambda: Bare(value=1, ref="its own"), {"kind": "reply", "value": 1}),
    "a struct": (lambda: Plain(1), {"kind": "reply", "value": 1}),
    "a dataclass": (lambda: Dated(1), {"kind": "reply", "value": 1}),
    "a payload with large integers": (lambda: Bare(value=BIG), {"kind": "reply", "value": BIG}),
    "a reserved kind": (lambda: {"kind": "a"}, FAILED),
    "a reserved ref": (lambda: {"ref": 1, "a": 1}, FAILED),
    "a reserved error": (lambda: {"error": None}, FAILED),
    "a reserved key that is derived": (lambda: {Word("kind"): 1}, FAILED),
    "what nobody says": (lambda: {"a": Unsayable()}, FAILED),
    "a payload that nobody says": (lambda: Typed(value=Unsayable()), FAILED),
    "an object that nobody says": (Unsayable, FAILED),
    "half a surrogate pair": (lambda: {"a": "\ud800"}, FAILED),
    "half a surrogate pair as a key": (lambda: {"\ud800": 1}, FAILED),
    "what has no end": (lambda: {"a": endless()}, FAILED),
    "a refusal": (refuse, REFUSED),
    "a refusal that nobody says": (refuse_unsayably, FAILED),
    "a failure": (fail, FAILED),
    "a cancellation of something else": (be_cancelled, FAILED),
}  # fmt: skip

# With the JSON codec alone: MessagePack has them as they are.
JSON_RESULTS: dict[str, tuple[Make, dict[str, Any]]] = {
    "keys that are numbers": (lambda: {1: {2: "a"}}, {"kind": "reply", "1": {"2": "a"}}),
    "no numbers": (lambda: {"a": [float("nan"), float("inf")]}, {"kind": "reply", "a": [None, None]}),
    "a payload with no number": (lambda: Bare(value=float("nan")), {"kind": "reply", "value": None}),
}  # fmt: skip

# For the flat form alone: elsewhere they are no clash.
RESERVED = {name for name in RESULTS if name.startswith("a reserved")}

WAYS = ["plain", "async", "late"]


def kinds_of(make: Make, called: list[str] | None = None, **options: Any) -> KindDispatcher:
    """Handlers that return what ``make`` does: in each of the ways, and in all that are no plain call."""
    kinds = KindDispatcher(**options)
    calls = [] if called is None else called

    @kinds.on("plain")
    def plain() -> Any:
        calls.append("plain")
        return make()

    @kinds.on("async")
    async def at_once() -> Any:
        calls.append("async")
        return make()

    @kinds.on("late")
    async def late() -> Any:
        calls.append("late")
        await asyncio.sleep(0)
        return make()

    add_others(kinds, make)
    return kinds


def add_others(kinds: KindDispatcher, make: Make) -> None:
    @kinds.on("limited", timeout=60)
    async def limited() -> Any:
        return make()

    @kinds.on("beside", concurrency=Parallel(2))
    def beside() -> Any:
        return make()

    @kinds.on("told", payload=Told)
    def told(payload: Told) -> Any:
        return payload

    @kinds.on(Typed)
    async def typed(message: Typed) -> Typed:
        assert message.ref is UNSET
        return message

    @kinds.on(Frozen)
    def frozen(message: Frozen) -> Frozen:
        assert message.ref is UNSET
        return message

    @kinds.on("stream")
    async def stream(count: int = 2) -> AsyncIterator[Any]:
        for _ in range(count):
            yield make()


class RememberingOutbox(RecordingOutbox):
    """Remembers what was sent, too."""

    async def send(self, message: PreparedMessage) -> None:
        await super().send(message)
        self.pushed.append(message)


class Remembering(FakeConnection):
    """Remembers what was pushed and sent."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._outbox = self._protocol.outbox = RememberingOutbox(self)


def pipeline_of(build: Build, kinds: KindDispatcher, codec: Codec) -> Any:
    return build.Pipeline(kinds._make_reader(codec), kinds._runner, kinds._bad_messages, WSMessage)


class Line:
    """A connection whose messages go through one build's pipeline."""

    def __init__(self, build: Build, kinds: KindDispatcher, codec: Codec = JSON) -> None:
        self.connection = Remembering(asyncio.get_running_loop())
        self.connection.codec = self.codec = codec
        self.pipeline = pipeline_of(build, kinds, codec)

    def begin(
        self, message: Any, *, in_task: bool = True, instance: Any = None
    ) -> Awaitable[None] | None:
        """Hand it over (text and bytes as they are, else encoded); what is left has to be awaited."""
        is_data = isinstance(message, str | bytes)
        data = message if is_data else self.codec.encode(message)
        if not in_task:
            waiting: Awaitable[None] | None = self.pipeline.handle(
                self.connection, self.connection, data, instance
            )
            return waiting
        msg = WSMessage(WSMsgType(self.codec.opcode), data, None)
        outcome = self.pipeline.dispatch(self.connection, self.connection, msg, instance)
        assert outcome is not False
        return None if outcome is True else outcome

    async def say(self, message: Any, *, in_task: bool = True, instance: Any = None) -> list[Any]:
        """Return what came back for it."""
        before = len(self.connection.pushed)
        waiting = self.begin(message, in_task=in_task, instance=instance)
        if waiting is not None:
            await waiting
        return self.answers[before:]

    @property
    def answers(self) -> list[Any]:
        return [self._read(each) for each in self.connection.pushed]

    def _read(self, pushed: Any) -> Any:
        message = PreparedMessage.of(pushed)
        assert message.opcode == self.codec.opcode
        if self.codec is JSON:
            return json.loads(message.payload, object_pairs_hook=fields_once)
        return self.codec.reader(Any)(message.payload)


def fields_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    assert len(fields) == len(pairs)
    return fields


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers fail here on purpose."""
    caplog.set_level(logging.CRITICAL, "aiows.kinds")


async def assert_answers(build: Build, make: Make, answer: dict[str, Any], refs: list[Any]) -> None:
    """Every way of a handler leads to ``answer``, in a task or outside; without a ref only to errors."""
    for codec in (JSON, MSGPACK):
        line = Line(build, kinds_of(make, codecs=[codec]), codec)
        for way in (*WAYS, "limited"):
            for in_task in (True, False):
                for ref in refs:
                    said = {"kind": way, "ref": ref}
                    assert await line.say(said, in_task=in_task) == [{**answer, "ref": ref}]


@pytest.mark.parametrize("name", RESULTS)
async def test_an_answer_is_the_same_whatever_way_it_came(build: Build, name: str) -> None:
    """From a function or a coroutine that waits or not, with any ref, in JSON and in MessagePack."""
    await assert_answers(build, *RESULTS[name], REFS)


@pytest.mark.parametrize("name", JSON_RESULTS)
async def test_what_json_has_not_is_said_as_far_as_it_can_be(build: Build, name: str) -> None:
    """Keys become text, and what is no number null."""
    make, answer = JSON_RESULTS[name]
    line = Line(build, kinds_of(make))
    for way in WAYS:
        assert await line.say({"kind": way, "ref": 1}) == [{**answer, "ref": 1}]


@pytest.mark.parametrize("name", sorted(RESULTS.keys() - RESERVED))
async def test_an_answer_is_nested_where_messages_are(build: Build, name: str) -> None:
    """Under the key of all payloads."""
    make, answer = RESULTS[name]
    line = Line(build, kinds_of(make, payload_key="payload"))
    expected = {key: value for key, value in answer.items() if key in ("kind", "error")}
    if answer["kind"] != "error":
        expected["payload"] = {key: value for key, value in answer.items() if key != "kind"}
    for way in WAYS:
        assert await line.say({"kind": way, "ref": 1}) == [{**expected, "ref": 1}]


@pytest.mark.parametrize("name", sorted(RESERVED))
async def test_nothing_is_reserved_where_answers_are_nested(build: Build, name: str) -> None:
    """The handler's fields have a place of their own."""
    make, _ = RESULTS[name]
    line = Line(build, kinds_of(make, payload_key="payload"))
    assert await line.say({"kind": "plain", "ref": 1}) == [
        {"kind": "reply", "ref": 1, "payload": make()}
    ]


@pytest.mark.parametrize("name", RESULTS)
async def test_nobody_who_did_not_ask_is_answered(build: Build, name: str) -> None:
    """But for what the handler raised."""
    make, answer = RESULTS[name]
    is_raised = name in (
        *("a refusal", "a refusal that nobody says"),
        *("a failure", "a cancellation of something else"),
    )
    for message in ({"kind": "{}"}, {"kind": "{}", "ref": None}):
        line = Line(build, kinds_of(make))
        for way in WAYS:
            for in_task in (True, False):
                said = {**message, "kind": way}
                assert await line.say(said, in_task=in_task) == [answer] * is_raised


@pytest.mark.parametrize("ref", HUGE_REFS)
async def test_a_ref_of_any_size_comes_back(build: Build, ref: int) -> None:
    """With fields, with a payload, with none and in an error."""
    for make, answer in (RESULTS[name] for name in ("none", "fields", "a payload", "a failure")):
        line = Line(build, kinds_of(make))
        for way in WAYS:
            assert await line.say({"kind": way, "ref": ref}) == [{**answer, "ref": ref}]


async def test_a_payload_that_is_passed_on_has_only_its_new_ref(build: Build) -> None:
    """What came with it was taken off, from a frozen one too; the fields stay what they were."""
    for codec in (JSON, MSGPACK):
        line = Line(build, kinds_of(dict, codecs=[codec]), codec)
        for ref in (1, "b"):
            for fields in (
                {"kind": "typed", "value": [1], "items": []},
                {"kind": "frozen", "someValue": 3},
            ):
                assert await line.say({**fields, "ref": ref}) == [{**fields, "ref": ref}]


async def test_one_payload_answers_to_many(build: Build) -> None:
    """It is never changed: another thread may be sending it."""
    for shared in (Typed(value=1), Frozen(some_value=1), Bare(value=1)):
        line = Line(build, kinds_of(partial(identity, shared)))
        for ref in REFS:
            (answer,) = await line.say({"kind": "plain", "ref": ref})
            assert answer["ref"] == ref
            assert shared.ref is UNSET


async def test_a_handlers_fields_are_never_changed(build: Build) -> None:
    """They may be a table that all handlers have."""
    shared = {"a": 1}
    line = Line(build, kinds_of(lambda: shared))
    for way in WAYS:
        await line.say({"kind": way, "ref": 1})
    assert shared == {"a": 1}


async def test_what_needs_no_waiting_is_answered_in_the_call(build: Build) -> None:
    """In a task the first step of a coroutine, too; outside of one none of it is made."""
    called: list[str] = []
    line = Line(build, kinds_of(dict, called))
    assert line.begin({"kind": "plain", "ref": 1}, in_task=False) is None
    assert line.begin({"kind": "plain", "ref": 2}) is None
    assert line.begin({"kind": "async", "ref": 3}) is None
    assert [each["ref"] for each in line.answers] == [1, 2, 3]
    waiting = [line.begin({"kind": "async", "ref": 4}, in_task=False)]
    assert called == ["plain", "plain", "async"]
    waiting.append(line.begin({"kind": "late", "ref": 5}, in_task=False))
    assert called == ["plain", "plain", "async"]
    waiting.append(line.begin({"kind": "late", "ref": 6}))
    assert called == ["plain", "plain", "async", "late"]
    assert len(line.answers) == 3
    for each in waiting:
        assert each is not None
        await each
    assert [each["ref"] for each in line.answers] == [1, 2, 3, 4, 5, 6]


async def test_what_comes_while_a_handler_waits_is_counted(build: Build) -> None:
    """Only so many wait at once: the next one is not called before there is room."""
    called: list[str] = []
    kinds = kinds_of(dict, called, in_flight=1)
    gate = asyncio.get_running_loop().create_future()

    @kinds.on("gate")
    async def wait() -> Any:
        called.append("gate")
        return await gate

    line = Line(build, kinds)
    first = line.begin({"kind": "gate", "ref": 1})
    assert first is not None
    began = asyncio.ensure_future(first)
    await asyncio.sleep(0)
    second = line.begin({"kind": "plain", "ref": 2})
    assert second is not None
    assert called == ["gate"]
    gate.set_result({"a": 1})
    await began
    await second
    assert called == ["gate", "plain"]
    assert line.answers == [
        {"kind": "reply", "ref": 1, "a": 1},
        {"kind": "reply", "ref": 2},
    ]
    assert line.begin({"kind": "plain", "ref": 3}) is None


async def test_an_answer_without_room_is_sent_when_there_is_some(build: Build) -> None:
    """Whoever awaits it waits so long."""
    for name in ("none", "fields", "a payload", "a payload without a kind", "a list"):
        make, answer = RESULTS[name]
        line = Line(build, kinds_of(make))
        line.connection.fill()
        waiting = line.begin({"kind": "plain", "ref": 1})
        assert waiting is not None
        assert line.answers == []
        sending = asyncio.ensure_future(waiting)
        line.connection.empty()
        await sending
        assert line.answers == [{**answer, "ref": 1}]


async def test_a_stream_is_answered_item_by_item(build: Build) -> None:
    """And with its end; whoever has no ref is told so."""
    for codec in (JSON, MSGPACK):
        line = Line(build, kinds_of(lambda: {"a": 1}, codecs=[codec]), codec)
        for in_task in (True, False):
            item = {"kind": "item", "ref": "s", "a": 1}
            end = {"kind": "end", "ref": "s"}
            said = {"kind": "stream", "ref": "s"}
            assert await line.say(said, in_task=in_task) == [item, item, end]
            (refusal,) = await line.say({"kind": "stream"}, in_task=in_task)
            assert refusal["kind"] == "error"
            assert "ref" not in refusal


async def test_what_is_no_plain_call_is_answered_all_the_same(build: Build) -> None:
    """A type that is read on its own, and a kind whose handlers may overlap."""
    line = Line(build, kinds_of(lambda: {"a": 1}))
    assert await line.say({"kind": "told", "ref": 1, "value": 2}) == [
        {"kind": "reply", "ref": 1, "value": 2}
    ]
    (refusal,) = await line.say({"kind": "told", "ref": 1, "value": "a"})
    assert (refusal["error"]["code"], refusal["ref"]) == ("invalid", 1)
    assert await line.say({"kind": "beside", "ref": 1}) == [{"kind": "reply", "ref": 1, "a": 1}]


async def test_what_has_no_handler_is_for_the_fallback(build: Build) -> None:
    """With its kind and its fields."""
    kinds = kinds_of(dict)

    @kinds.fallback
    def fallback(kind: str, fields: dict[str, Any]) -> Any:
        return {"was": kind, **fields}

    line = Line(build, kinds)
    assert await line.say({"kind": "other", "ref": 1, "a": 2}) == [
        {"kind": "reply", "ref": 1, "was": "other", "a": 2}
    ]


@pytest.mark.parametrize("in_task", [True, False])
async def test_a_method_needs_its_instance(build: Build, in_task: bool) -> None:
    """Without one it is the server that is wrong, and not the peer."""
    kinds = KindDispatcher()

    class View:
        name = "mine"

        def handle(self) -> Any:
            return {"name": self.name}

    kinds.on("any", method=True)(View.handle)
    line = Line(build, kinds)
    message = {"kind": "any", "ref": 1}
    with pytest.raises(TypeError, match="needs instance="):
        line.begin(message, in_task=in_task)
    assert line.answers == []
    assert await line.say(message, in_task=in_task, instance=View()) == [
        {"kind": "reply", "ref": 1, "name": "mine"}
    ]


class Stop(BaseException):
    """What is no business of the kinds."""


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_no_exception_passes(build: Build, way: str) -> None:
    """The very same object, and nothing is answered."""
    error = Stop()

    def stop() -> None:
        raise error

    line = Line(build, kinds_of(stop))
    for in_task in (True, False):
        with pytest.raises(Stop) as raised:
            await line.say({"kind": way, "ref": 1}, in_task=in_task)
        assert raised.value is error
    assert line.answers == []


# What is no message of a kind, and the code of its refusal; and whether its ref can be read.
BAD: dict[str, tuple[str | bytes, str, Any]] = {
    "nothing": ("", "bad_json", None),
    "half an object": ('{"kind":"plain"', "bad_json", None),
    "no UTF-8": (b'{"kind":"typed","value":"\xff","ref":1}', "bad_json", 1),
    "a bomb": ('{"kind":"typed","ref":1,"value":' + "[" * 100_000, "bad_json", None),
    "a list": ("[]", "not_object", None),
    "null": ("null", "not_object", None),
    "no kind": ('{"ref":1}', "missing_kind", 1),
    "a kind that is none": ('{"kind":1,"ref":"a"}', "bad_kind", "a"),
    "a kind without a handler": ('{"kind":"other","ref":-1}', "unknown_kind", -1),
    "an empty kind": ('{"kind":"","ref":-1}', "unknown_kind", -1),
    "a ref that is none": ('{"kind":"plain","ref":[]}', "invalid", None),
    "a ref that is a bool": ('{"kind":"plain","ref":true}', "invalid", None),
    "a ref that is too long": ('{"kind":"plain","ref":"%s"}' % ("r" * 129), "invalid", None),
    "the same of a type": ('{"kind":"typed","ref":"%s"}' % ("r" * 129), "invalid", None),
    "a bad field": ('{"kind":"typed","ref":1,"items":["a"]}', "invalid", 1),
    "no number": ('{"kind":"typed","ref":1,"items":[NaN]}', "bad_json", None),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_read_is_refused(build: Build, name: str) -> None:
    """With its ref, where that can be; text and bytes alike, in a task or outside."""
    data, code, ref = BAD[name]
    called: list[str] = []
    kinds = kinds_of(dict, called, max_bad_messages=0)
    line = Line(build, kinds)
    for each in (data, data.encode() if isinstance(data, str) else data):
        for in_task in (True, False):
            (answer,) = await line.say(each, in_task=in_task)
            assert (answer["kind"], answer["error"]["code"]) == ("error", code)
            assert answer.get("ref") == ref
    assert called == []


async def test_the_last_of_two_fields_of_one_name_counts_for_all(build: Build) -> None:
    """Or the message is refused: no kind is routed by one and checked by the other."""
    said = [
        '{"kind":"plain","ref":1,"ref":2}',
        '{"kind":"plain","kind":"typed","ref":1}',
        '{"kind":"typed","items":[1],"items":[2],"ref":1}',
        '{"kind":"other","kind":"plain","ref":1}',
    ]
    for message in said:
        outcomes = []
        for each in (build, Build()):
            line = Line(each, kinds_of(dict, max_bad_messages=0))
            outcomes.append(await line.say(message))
        assert outcomes[0] == outcomes[1]
        assert len(outcomes[0]) == 1
    line = Line(build, kinds_of(dict))
    assert await line.say(said[0]) == [{"kind": "reply", "ref": 2}]
    assert (await line.say(said[2]))[0]["items"] == [2]


async def test_too_many_bad_messages_in_a_row_are_the_end(build: Build) -> None:
    """A good one makes up for all before it: a plain call, and one that is none."""
    kinds = kinds_of(dict, max_bad_messages=2)
    line = Line(build, kinds)
    for good in ("plain", "beside", "async"):
        await line.say("bad")
        await line.say({"kind": good})
    assert line.connection.close_code is None
    for _ in range(2):
        await line.say("bad")
    assert line.connection.close_code == 1008


async def test_nobody_is_forgiven_where_nobody_was_refused(build: Build) -> None:
    """It would be one more call for each message."""
    kinds = kinds_of(dict)
    forgiven: list[Any] = []
    forgive = kinds._bad_messages.forgive

    def forgiving(connection: Any) -> None:
        forgiven.append(connection)
        forgive(connection)

    kinds._bad_messages.forgive = forgiving  # type: ignore[method-assign]
    line = Line(build, kinds)
    for way in (*WAYS, "beside"):
        await line.say({"kind": way, "ref": 1})
    assert forgiven == []
    await line.say("bad")
    await line.say({"kind": "plain"})
    assert forgiven == [line.connection]


class Sorted(JsonCodec):
    """JSON in a form of its own."""

    def encode(self, value: Any, /) -> bytes:
        return json.dumps(msgspec.to_builtins(value), sort_keys=True, indent=1).encode()


@pytest.mark.parametrize("result", [{"b": 1, "a": 2**64}, Bare(value=1)])
async def test_a_codec_that_encodes_in_its_own_way_is_asked_to(build: Build, result: Any) -> None:
    """All of a reply is in that form."""
    kinds = KindDispatcher(codecs=[Sorted()])
    kinds.on("x")(lambda: result)
    connection = FakeConnection(asyncio.get_running_loop())
    pipeline = pipeline_of(build, kinds, kinds.codecs[0])
    assert pipeline.handle(connection, connection, b'{"kind":"x","ref":1}', None) is None
    (payload,) = connection.payloads
    assert payload == json.dumps(json.loads(payload), sort_keys=True, indent=1).encode()


@pytest.mark.parametrize("in_task", [True, False])
async def test_an_await_that_was_forgotten_is_an_error(build: Build, in_task: bool) -> None:
    """A coroutine function that returns an awaitable has not answered."""
    kinds = KindDispatcher()

    @kinds.on("x")
    async def forgetful() -> Any:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(1)
        return done

    assert await Line(build, kinds).say({"kind": "x", "ref": 1}, in_task=in_task) == [
        FAILED | {"ref": 1}
    ]


class Everything(Payload, kind="everything", rename="camel"):
    """More fields than some calls have arguments."""

    first_one: str = "a"
    b: int = 2
    c: tuple[int, ...] = (3,)
    d: Any = None
    e: float = 0.5
    f: bool = True
    g: str | None = None
    h: int = 8
    i: int = 9


class Room:
    """Something that handlers are methods of."""

    def empty(self) -> dict[str, Any]:
        return {"self": type(self).__name__}

    def fields(self, ws: Any, b: int, first_one: str) -> dict[str, Any]:
        return {"self": type(self).__name__, "b": b, "first": first_one, "ws": type(ws).__name__}

    async def whole(self, message: Everything) -> dict[str, Any]:
        return {"first": message.first_one, "b": message.b}


async def in_another_order(
    ws: Any, d: Any, message: Everything, c: tuple[int, ...]
) -> dict[str, Any]:
    return {"ws": type(ws).__name__, "d": d, "b": message.b, "c": c}


# A handler, what it needs, and what it finds in {"firstOne": "x", "b": 7, "d": {"n": 1}}.
TAKEN: dict[str, tuple[Callable[..., Any], Any, dict[str, Any]]] = {
    "nothing": (lambda: {"ok": True}, None, {"ok": True}),
    "some fields": (in_another_order, None, {"ws": "Remembering", "d": {"n": 1}, "b": 7, "c": [3]}),
    "many fields": (
        lambda first_one, b, c, d, e, f, g, h, i: {"all": [first_one, b, c, d, e, f, g, h, i]},
        None,
        {"all": ["x", 7, [3], {"n": 1}, 0.5, True, None, 8, 9]},
    ),
    "one by name": (
        lambda ws, *, b: {"ws": type(ws).__name__, "b": b},
        None,
        {"ws": "Remembering", "b": 7},
    ),
    "a method's nothing": (Room.empty, Room(), {"self": "Room"}),
    "a method's fields": (
        Room.fields,
        Room(),
        {"self": "Room", "b": 7, "first": "x", "ws": "Remembering"},
    ),
    "a method's message": (Room.whole, Room(), {"first": "x", "b": 7}),
}


@pytest.mark.parametrize("name", TAKEN)
async def test_a_handler_is_called_with_what_it_asks_for(build: Build, name: str) -> None:
    """In its own order, however much it is, however it is called."""
    handler, instance, found = TAKEN[name]
    kinds = KindDispatcher()
    kinds.on(Everything, method=instance is not None)(handler)
    line = Line(build, kinds)
    message = {"kind": "everything", "firstOne": "x", "b": 7, "d": {"n": 1}, "ref": 5}
    for _ in range(2):
        assert await line.say(message, instance=instance) == [{"kind": "reply", "ref": 5, **found}]


class Rubbed(Payload, kind="rubbed"):
    """Has lost a field before anybody sees it."""

    token: str
    other: int = 1

    def __post_init__(self) -> None:
        del self.token


async def test_a_field_that_is_not_there_is_the_handlers_failure(build: Build) -> None:
    """And not the end of the process: the next message is answered."""
    kinds = KindDispatcher()
    kinds.on(Rubbed)(lambda token: {"token": token})
    kinds.on("next")(lambda: {"ok": True})
    line = Line(build, kinds)
    assert await line.say({"kind": "rubbed", "token": "t", "ref": 1}) == [FAILED | {"ref": 1}]
    assert await line.say({"kind": "next", "ref": 2}) == [{"kind": "reply", "ref": 2, "ok": True}]


class Roomy(Payload):
    room: str = ""


class Lobby(Roomy, kind="lobby"):
    """Its field has another value for whoever reads it."""

    @property  # type: ignore[misc]
    def room(self) -> str:  # type: ignore[override]
        return "lobby"


async def test_a_field_that_a_property_reads_is_read_by_that(build: Build) -> None:
    """As everywhere."""
    kinds = KindDispatcher()
    kinds.on(Lobby)(lambda room: {"room": room})
    reply = {"kind": "reply", "ref": 1, "room": "lobby"}
    assert await Line(build, kinds).say({"kind": "lobby", "room": "attic", "ref": 1}) == [reply]


async def test_arguments_outlive_their_message(build: Build) -> None:
    """What a handler has kept of a message is its own."""
    kept: list[Any] = []
    kinds = KindDispatcher()

    @kinds.on("keep")
    def keep(first: list[Any], second: str) -> None:
        kept.append((first, second))

    line = Line(build, kinds)
    for number in range(100):
        await line.say({"kind": "keep", "first": [str(number)], "second": "ö" * number})
    assert kept == [([str(number)], "ö" * number) for number in range(100)]


class Given:
    """A message that is no `WSMessage`, as another version of aiohttp may have."""

    def __init__(self, type: WSMsgType, data: Any) -> None:
        self.type = type
        self.data = data


@pytest.mark.parametrize("of", [Given, partial(WSMessage, extra=None)])
async def test_only_messages_of_the_codecs_type_are_dispatched(build: Build, of: Any) -> None:
    """Whatever class they are of."""
    line = Line(build, kinds_of(dict))
    dispatch = partial(line.pipeline.dispatch, line.connection, line.connection)
    data = b'{"kind":"plain","ref":1}'
    assert dispatch(of(type=WSMsgType.TEXT, data=data), None) is True
    assert len(line.answers) == 1
    assert dispatch(of(type=WSMsgType.BINARY, data=data), None) is False
    assert len(line.answers) == 1


async def test_it_speaks_the_codec_of_its_reader(build: Build) -> None:
    """Whoever brings messages asks it for the type that they have to be of."""
    for codec in (JSON, MSGPACK):
        pipeline: Any = Line(build, kinds_of(dict, codecs=[codec]), codec).pipeline
        assert (pipeline.codec, pipeline.opcode) == (codec, codec.opcode)


numbers = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text()
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
refs = st.integers(-(10**40), 10**40) | texts
ways = st.sampled_from(WAYS)


async def answers_of(
    build: Build, make: Make, said: list[Any], *, in_task: bool = True, **options: Any
) -> list[Any]:
    line = Line(build, kinds_of(make, max_bad_messages=0, **options))
    return [await line.say(each, in_task=in_task) for each in said]


@patient
@given(
    fields=st.dictionaries(
        texts.filter(lambda key: key not in ("kind", "ref", "error")), json_values, max_size=6
    ),
    ref=refs,
    way=ways,
    in_task=st.booleans(),
)
def test_any_fields_come_back_as_they_were_returned(
    build: Build, fields: dict[str, Any], ref: Any, way: str, in_task: bool
) -> None:
    """With the kind and the ref beside them; as a value of a payload, too."""
    said = [{"kind": way, "ref": ref}]
    answers = asyncio.run(answers_of(build, lambda: fields, said, in_task=in_task))
    assert answers == [[{"kind": "reply", "ref": ref, **fields}]]
    answers = asyncio.run(answers_of(build, lambda: Bare(value=fields), said, in_task=in_task))
    assert answers == [[{"kind": "reply", "ref": ref, "value": fields}]]


# What may be returned by mistake, too.
any_keys = texts | st.integers() | st.sampled_from(["kind", "ref", "error", "\ud800", 1.5, None])
any_values = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary(max_size=5)
    | st.decimals()
    | st.datetimes()
    | st.uuids()
    | st.sampled_from([Unsayable(), object, UserDict(), {1, 2}, (1,), Plain(1), Dated(1), Word()]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(any_keys, inner, max_size=4)
        | st.builds(Typed, value=inner)
        | st.builds(Bare, value=inner, ref=st.just(UNSET) | texts)
    ),
    max_leaves=8,
)


@patient
@given(value=any_values, ref=refs | st.none(), way=ways, key=st.none() | st.just("payload"))
def test_the_builds_answer_alike_whatever_is_returned(
    build: Build, value: Any, ref: Any, way: str, key: str | None
) -> None:
    """Also what cannot be said."""
    outcomes: list[Any] = []
    for each in (build, Build()):
        said = [{"kind": way, "ref": ref}]
        outcomes.append(asyncio.run(said_of(each, lambda: value, said, payload_key=key)))
    assert outcomes[0] == outcomes[1]


async def said_of(build: Build, make: Make, said: list[Any], **options: Any) -> list[Any]:
    """All answers with all their fields: of one name there may be several, where keys were no text."""
    line = Line(build, kinds_of(make, max_bad_messages=0, **options))
    for each in said:
        waiting = line.begin(each)
        if waiting is not None:
            await waiting
    return [json.loads(each, object_pairs_hook=sorted_by_name) for each in line.connection.payloads]


def sorted_by_name(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return sorted(pairs, key=lambda pair: (pair[0], repr(pair[1])))


kinds = st.sampled_from(["plain", "typed", "frozen", "told", "beside", "async", "late", "other"])
messages = st.fixed_dictionaries(
    {},
    optional={
        "kind": kinds | json_values,
        "ref": refs | json_values,
        "value": json_values,
        "items": st.lists(st.integers(), max_size=3) | json_values,
        "someValue": st.integers() | json_values,
        "payload": json_values,
    },
).map(json.dumps)
TOKENS = """
    { } [ ] : , - 1 01 e9 1e999 NaN true null " "" \\ \\u0000 "\\ud83d" "a" "kind": "ref": "value":
    "items": "typed" {"kind":"plain", {"kind":"typed","items": {"kind":"frozen","someValue":
"""
tokens = st.lists(st.sampled_from([*TOKENS.split(), " "]), max_size=20).map("".join)


@patient
@given(
    said=st.lists(messages | tokens | st.binary(max_size=20), max_size=5),
    in_task=st.booleans(),
    key=st.none() | st.just("payload"),
)
@example(said=['{"kind":"plain","ref":1,"kind":"typed"}', "[]"], in_task=True, key=None)
def test_the_builds_answer_alike_whatever_is_said(
    build: Build, said: list[str | bytes], in_task: bool, key: str | None
) -> None:
    """The very same answers and refusals, each after its message."""
    logs = [
        asyncio.run(answers_of(build, lambda: [1], said, in_task=in_task, payload_key=key))
        for build in (build, Build())
    ]
    assert logs[0] == logs[1]
