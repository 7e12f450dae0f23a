"""Whatever a peer sends in MessagePack or another format, it gets an answer or none, and stays connected."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from aiows import KindDispatcher, KindError, Payload
from aiows.codecs import JSON, MSGPACK, Codec, MsgpackCodec
from protobuf_codec import PROTOBUF
from talk import Talk

# On a busy machine one example may take long: what counts is what comes out.
patient = settings(deadline=None)
both = pytest.mark.parametrize("codec", [MSGPACK, PROTOBUF], ids=lambda codec: codec.name)
forms = pytest.mark.parametrize("payload_key", [None, "payload"])

CODES = {
    "bad_binary",
    "not_object",
    "missing_kind",
    "bad_kind",
    "unknown_kind",
    "invalid",
    "refused",
}

KINDS = ["order", "any", "refuse", "reply", "error", "cancel", "other"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary()
    | st.sampled_from(KINDS)
)
extensions = st.builds(Ext, st.integers(-128, 127), st.binary(max_size=12)) | st.integers().map(
    lambda number: Ext(0, msgspec.msgpack.encode(str(number)))
)
instants = st.datetimes(timezones=st.just(UTC))
keys = (
    st.text() | st.integers(-9, 9) | st.binary() | st.sampled_from(["kind", "ref", "value", "at"])
)
values = st.recursive(
    scalars | extensions | instants,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=10,
)
messages = (
    st.fixed_dictionaries(
        {"kind": st.sampled_from(KINDS) | values},
        optional=dict.fromkeys(("ref", "value", "at", "data", "colour", "payload", "it"), values),
    )
    | values
)


class Colour(Enum):
    RED = "red"


class Order(Payload, kind="order"):
    value: float
    at: datetime
    data: bytes = b""
    colour: Colour = Colour.RED


def dispatcher(codec: Codec, payload_key: str | None) -> KindDispatcher:
    kinds = KindDispatcher(payload_key=payload_key, max_bad_messages=0, codecs=(codec,))

    @kinds.on(Order)
    def order(order: Order) -> Order:
        return order

    @kinds.on("any")
    def anything(it: Any = None) -> Any:
        return None

    @kinds.on("refuse")
    def refuse() -> None:
        raise KindError("refused", "never", {"data": b"\xff", "large": 2**70})

    return kinds


@pytest.fixture(scope="module")
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def check(
    own_loop: asyncio.AbstractEventLoop, codec: Codec, payload_key: str | None, data: bytes
) -> None:
    """At most one answer, well-formed; what fails is never our own doing."""

    async def converse() -> list[dict[str, Any]]:
        talk = Talk(dispatcher(codec, payload_key), codec)
        answers = await talk.say(data)
        assert not talk.connection.closed
        return answers

    answers = own_loop.run_until_complete(converse())
    assert len(answers) <= 1
    for answer in answers:
        if answer["kind"] != "error":
            assert type(answer["ref"]) in (str, int)
            continue
        assert answer["error"]["code"] in CODES
        assert len(json.dumps(answer["error"], default=repr)) < 3000


@forms
@patient
@given(value=messages)
def test_any_messagepack_is_answered_or_taken(
    own_loop: asyncio.AbstractEventLoop, payload_key: str | None, value: Any
) -> None:
    """With its NaN, bytes, instants, extensions, and keys that are no text."""
    check(own_loop, MSGPACK, payload_key, msgspec.msgpack.encode(value))


@forms
@both
@patient
@given(data=st.binary())
def test_any_bytes_are_answered_or_taken(
    own_loop: asyncio.AbstractEventLoop, codec: Codec, payload_key: str | None, data: bytes
) -> None:
    """Also where they are no message at all."""
    check(own_loop, codec, payload_key, data)


@forms
@both
@patient
@given(
    kind=st.sampled_from(KINDS),
    ref=st.none() | st.integers() | st.text(),
    place=st.integers(0, 80),
    put=st.binary(max_size=3),
)
def test_a_damaged_message_is_answered_or_taken(
    own_loop: asyncio.AbstractEventLoop,
    codec: Codec,
    payload_key: str | None,
    kind: str,
    ref: Any,
    place: int,
    put: bytes,
) -> None:
    """One that was right but for a few bytes."""
    fields = {"value": 1.5, "at": "2026-11-21T05:00:00Z", "data": "YQ==", "colour": "red"}
    body = {payload_key: fields} if payload_key else fields
    data = codec.encode({"kind": kind, "ref": ref, **body})
    check(own_loop, codec, payload_key, data[:place] + put + data[place + len(put) :])


@pytest.mark.parametrize("payload_key", [None, "payload"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x91" * 1_000_000, "bad_binary"),
        (b"\x82\xa4kind\xa3any\xa2it" + b"\x91" * 1_000_000, "bad_binary"),
        (b"\xdd\xff\xff\xff\xff", "bad_binary"),
        (b"\x83\xa4kind\xa3any\xa4kind\xa5order\xa3ref\x01", "invalid"),
    ],
    ids=["depth", "depth below a key", "size", "two kinds"],
)
def test_a_bomb_is_an_error_reply(
    own_loop: asyncio.AbstractEventLoop, data: bytes, code: str, payload_key: str | None
) -> None:
    """As in JSON."""

    async def converse() -> None:
        talk = Talk(dispatcher(MSGPACK, payload_key), MSGPACK)
        (answer,) = await talk.say(data)
        assert answer["error"]["code"] in {code, "not_object"}
        assert not talk.connection.closed

    own_loop.run_until_complete(converse())


async def test_nan_is_an_error_reply_that_says_where() -> None:
    """It does not reach a handler."""
    talk = Talk(dispatcher(MSGPACK, None), MSGPACK)
    message = {"kind": "any", "it": [{"a": float("nan")}], "ref": 7}
    (answer,) = await talk.say(msgspec.msgpack.encode(message))
    assert answer["ref"] == 7
    assert answer["error"] == {
        "code": "invalid",
        "message": "it[0].a: expected finite number, got nan",
        "details": {"field": "it[0].a", "expected": "finite number", "got": "nan"},
    }


class Price(Payload, kind="price"):
    amounts: list[Decimal]


@pytest.mark.parametrize("codec", [JSON, MSGPACK, PROTOBUF], ids=lambda codec: codec.name)
@pytest.mark.parametrize("payload_key", [None, "payload"])
@pytest.mark.parametrize("text", ["NaN", "-Infinity", "sNaN"])
async def test_a_decimal_is_a_number_too(codec: Codec, payload_key: str | None, text: str) -> None:
    """Comparing one that is none would raise what no handler expects."""
    kinds = KindDispatcher(codecs=(codec,), payload_key=payload_key)
    kinds.on(Price)(lambda amounts: str(amounts[0]))
    kinds.on("one")(one)
    talk = Talk(kinds, codec)

    async def answer_to(kind: str, **fields: Any) -> dict[str, Any]:
        body = {payload_key: fields} if payload_key else fields
        (answer,) = await talk.say({"kind": kind, "ref": 7, **body})
        return answer

    prefix = f"{payload_key}." if payload_key else ""
    for kind, fields, field in (
        ("price", {"amounts": ["1", text]}, "amounts[1]"),
        ("one", {"amount": text}, "amount"),
    ):
        error = (await answer_to(kind, **fields))["error"]
        assert error["code"] == "invalid"
        assert error["details"] == {
            "field": prefix + field,
            "expected": "finite number",
            "got": text,
        }
    answer = await answer_to("price", amounts=["1.10"])
    assert (answer[payload_key] if payload_key else answer)["result"] == "1.10"


def one(amount: Decimal | None) -> None: ...


@pytest.mark.parametrize("codecs", [(), (MSGPACK, MsgpackCodec()), ("aiows.json",)])
def test_codecs_that_cannot_be_chosen_from_are_refused(codecs: Any) -> None:
    """When the dispatcher is made: none, two of one subprotocol, and what is no codec."""
    with pytest.raises(ValueError, match="codecs="):
        KindDispatcher(codecs=codecs)
