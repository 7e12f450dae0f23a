"""The data form between nodes: messages come back as they were, hostile bytes end in one error."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiows._wire import Opcode
from aiows.backplane import decode, encode
from aiows.codecs import JSON, MSGPACK
from aiows.connection import PreparedMessage


@given(st.text() | st.binary() | st.dictionaries(st.text(), st.text()))
def test_a_message_comes_back_as_it_was(message: Any) -> None:
    """TEXT, BINARY and JSON objects keep opcode and payload."""
    before = PreparedMessage(message)
    after = decode(encode(before))
    assert (after.opcode, after.payload) == (before.opcode, before.payload)


def test_the_form_is_two_bytes_and_the_payload() -> None:
    """Written down, so that other languages and later versions can read it."""
    assert encode(PreparedMessage("hi")) == b"\x01\x01hi"
    assert encode(PreparedMessage(b"\x00")) == b"\x01\x02\x00"
    assert encode(PreparedMessage({"a": 1})) == b"\x01\x10\x81\xa1a\x01"


def test_an_object_is_the_same_from_every_node() -> None:
    """In each codec: what is bytes in MessagePack here is so there."""
    before = PreparedMessage({"data": b"\xff", "at": datetime(2026, 11, 21, tzinfo=UTC), "no": nan})
    after = decode(encode(before))
    for codec in (JSON, MSGPACK):
        there, here = after.spoken_in(codec), before.spoken_in(codec)
        assert there is not None
        assert here is not None
        assert there.opcode == here.opcode
        assert there.payload.replace(b"Z", b"+00:00") == here.payload


def test_what_only_json_can_say_travels_as_text(caplog: pytest.LogCaptureFixture) -> None:
    """Better so than not at all; the log has it."""
    before = PreparedMessage({2**70: 1})
    assert encode(before) == b"\x01\x01" + before.payload
    assert "MessagePack cannot encode this" in caplog.text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x02\x01hi",
        b"\x01\x08\x03\xe8",
        b"\x01\x01\xff",
        b"\x80\x04\x95.",
        b"\x01\x10\xc1",
        b"\x01\x10" + b"\x91" * 100_000,
        b"\x01\x10\x81\x91\x01\x02",
        b"\x01\x10\xa1a",
    ],
    ids=[
        "empty",
        "cut",
        "other form",
        "opcode of a close",
        "no UTF-8",
        "a pickle",
        "no MessagePack",
        "a depth bomb",
        "what JSON cannot say",
        "a text as an object",
    ],
)
def test_what_no_node_has_written_is_refused(data: bytes) -> None:
    """Each kind of wrong bytes is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011
        decode(data)


@given(st.sampled_from([b"", b"\x01\x01", b"\x01\x10"]), st.binary(max_size=20))
def test_any_bytes_end_in_a_message_or_a_value_error(start: bytes, data: bytes) -> None:
    """Nothing that arrives can raise anything else, and what passes can be sent to a peer."""
    with suppress(ValueError):
        message = decode(start + data)
        assert message.opcode in (Opcode.TEXT, Opcode.BINARY)
        if message.opcode == Opcode.TEXT:
            message.payload.decode()
