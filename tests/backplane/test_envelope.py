"""The data form between nodes: messages come back as they were, hostile bytes end in one error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiows._wire import Opcode
from aiows.backplane import decode, encode
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
    assert encode(PreparedMessage({"a": 1})) == b'\x01\x01{"a":1}'


@pytest.mark.parametrize(
    "data",
    [b"", b"\x01", b"\x02\x01hi", b"\x01\x08\x03\xe8", b"\x01\x01\xff", b"\x80\x04\x95."],
    ids=["empty", "cut", "other form", "opcode of a close", "no UTF-8", "a pickle"],
)
def test_what_no_node_has_written_is_refused(data: bytes) -> None:
    """Each kind of wrong bytes is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011
        decode(data)


@given(st.binary(max_size=20) | st.binary(max_size=8).map(lambda data: b"\x01\x01" + data))
def test_any_bytes_end_in_a_message_or_a_value_error(data: bytes) -> None:
    """Nothing that arrives can raise anything else, and what passes can be sent to a peer."""
    with suppress(ValueError):
        message = decode(data)
        assert message.opcode in (Opcode.TEXT, Opcode.BINARY)
        if message.opcode == Opcode.TEXT:
            message.payload.decode()
