"""The data form between nodes: messages come back as they were, hostile bytes end in one error."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from math import inf, nan
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiows import Payload
from aiows._wire import Opcode
from aiows.backplane import decode, encode
from aiows.codecs import JSON, MSGPACK
from aiows.connection import PreparedMessage

NODE = b"12345678"


@given(st.text() | st.binary() | st.dictionaries(st.text(), st.text()))
def test_a_message_comes_back_as_it_was(message: Any) -> None:
    """TEXT, BINARY and JSON objects keep opcode and payload."""
    before = PreparedMessage(message)
    node, sequence, after = decode(encode(before, NODE, 7))
    assert (node, sequence) == (NODE, 7)
    assert (after.opcode, after.payload) == (before.opcode, before.payload)
    assert after.is_object is before.is_object


def test_the_form_is_a_header_and_the_payload() -> None:
    """Written down, so that other languages and later versions can read it."""
    name = NODE + bytes(7) + b"\x07"
    assert encode(PreparedMessage("hi"), NODE, 7) == b"\x02\x01" + name + b"hi"
    assert encode(PreparedMessage(b"\x00"), NODE, 7) == b"\x02\x02" + name + b"\x00"
    assert encode(PreparedMessage({"a": 1}), NODE, 7) == b"\x02\x10" + name + b'{"a":1}'
    assert encode(PreparedMessage({"a": b""}), NODE, 7) == b"\x02\x11" + name + b"\x81\xa1a\xc4\x00"


class Form(Payload, kind="form"):
    count: int
    share: float | None = None


class Photo(Payload, kind="photo"):
    data: bytes = b""


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ({"a": [1, "x", None, True, 0.5, {"b": ()}]}, 16),
        ([], 16),
        ({"a": UUID(int=1), "b": Decimal("1.5"), "c": date(2026, 11, 21)}, 17),
        ({"a": nan}, 17),
        ({"a": None, "b": [inf]}, 17),
        ({"a": b""}, 17),
        ({"a": datetime(2026, 11, 21, tzinfo=UTC)}, 17),
        ({"a": 2**64}, 17),
        ({1: 1}, 17),
        (Photo(), 17),
    ],
)
def test_an_object_travels_as_the_json_that_is_sent_if_that_says_all(
    value: Any, type_: int
) -> None:
    """What JSON cannot tell from text or null travels as MessagePack, so that no connection gets less."""
    assert encode(PreparedMessage(value))[1] == type_


def test_an_object_from_outside_needs_no_header() -> None:
    """A program that can write to the backplane writes JSON."""
    node, sequence, message = decode(b'{"kind": "news", "text": "hi"}')
    assert (node, sequence) == (bytes(8), 0)
    assert message.payload == b'{"kind":"news","text":"hi"}'
    assert message.kind == "news"


@pytest.mark.parametrize(
    "value",
    [
        {"data": b"\xff", "at": datetime(2026, 11, 21, tzinfo=UTC), "no": nan},
        {"kind": "news", "text": "💬", "tags": [1, 2.5, None]},
        Form(count=1),
    ],
)
def test_an_object_is_the_same_from_every_node(value: Any) -> None:
    """In each codec: what is bytes in MessagePack here is so there."""
    before = PreparedMessage(value)
    after = decode(encode(before)).message
    for codec in (JSON, MSGPACK):
        there, here = after.spoken_in(codec), before.spoken_in(codec)
        assert there is not None
        assert here is not None
        assert there.opcode == here.opcode
        assert there.payload == here.payload


def test_what_only_json_can_say_travels_as_that(caplog: pytest.LogCaptureFixture) -> None:
    """Better so than not at all; the log has it."""
    before = PreparedMessage({2**70: 1})
    after = decode(encode(before)).message
    assert after.payload == before.payload
    assert after.is_object
    assert "MessagePack cannot encode this" in caplog.text


HEADER = bytes(16)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02\x01",
        b"\x01\x01" + HEADER + b"hi",
        b"\x02\x08" + HEADER + b"\x03\xe8",
        b"\x02\x01" + HEADER + b"\xff",
        b"\x80\x04\x95.",
        b"\x02\x10" + HEADER + b'{"a":"\xff"}',
        b"\x02\x10" + HEADER + b"null",
        b"\x02\x11" + HEADER + b"\xc1",
        b"\x02\x11" + HEADER + b"\x91" * 100_000,
        b"\x02\x11" + HEADER + b"\x81\x91\x01\x02",
        b"\x02\x11" + HEADER + b"\xa1a",
        b'{"a":1',
        b'{"a":' + b"[" * 100_000,
    ],
    ids=[
        "empty",
        "cut",
        "other form",
        "opcode of a close",
        "no UTF-8",
        "a pickle",
        "an object that is no UTF-8",
        "null as an object",
        "no MessagePack",
        "a depth bomb",
        "what JSON cannot say",
        "a text as an object",
        "half an object from outside",
        "a depth bomb from outside",
    ],
)
def test_what_no_node_has_written_is_refused(data: bytes) -> None:
    """Each kind of wrong bytes is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011
        decode(data)


@given(
    st.sampled_from([b"", b"{", *(bytes((2, type_)) + HEADER for type_ in (1, 2, 16, 17))]),
    st.binary(max_size=20),
)
def test_any_bytes_end_in_a_message_or_a_value_error(start: bytes, data: bytes) -> None:
    """Nothing that arrives can raise anything else, and what passes can be sent to a peer."""
    with suppress(ValueError):
        message = decode(start + data).message
        assert message.opcode in (Opcode.TEXT, Opcode.BINARY)
        if message.opcode == Opcode.TEXT:
            message.payload.decode()
        assert message.kind is None or isinstance(message.kind, str)
