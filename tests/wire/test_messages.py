"""Messages and numbers: values, and the close codes that may be on the wire."""

from __future__ import annotations

import pytest
from websockets.frames import EXTERNAL_CLOSE_CODES

from aiows._wire import Message, Opcode, is_close_code

VALID = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}


def test_close_codes_that_may_be_sent_are_those_of_the_rfc_and_of_iana() -> None:
    """RFC 6455, section 7.4; 1004, 1005, 1006 and 1015 are not among them."""
    assert {code for code in range(-1, 70000) if is_close_code(code)} == VALID


def test_websockets_agrees_about_registered_close_codes() -> None:
    """A third party's list is the same up to 2999."""
    assert {code for code in VALID if code < 3000} == {int(code) for code in EXTERNAL_CLOSE_CODES}


def test_a_message_is_a_frozen_value() -> None:
    """Two of the same content are equal, and none can be changed."""
    message = Message(Opcode.TEXT, "hi", "", 2)
    assert message == Message(1, "hi", "", 2)
    with pytest.raises(AttributeError):
        message.data = "ho"  # type: ignore[misc]
