"""`Names`: every name is given once, and the same calls give the same names."""

from __future__ import annotations

import pytest

from aiows.schema.names import Names, identifier


def test_a_name_that_is_taken_gets_a_number() -> None:
    """From 2 on; what is taken from the beginning counts, too."""
    names = Names({"end"})
    assert [names.take("chat") for _ in range(3)] == ["chat", "chat.2", "chat.3"]
    assert names.take("end") == "end.2"


def test_the_first_free_name_of_several_is_taken() -> None:
    """Only the last one ever gets a number."""
    names = Names()
    wishes = "say", "say.request"
    assert [names.take(*wishes) for _ in range(3)] == ["say", "say.request", "say.request.2"]


def test_a_number_that_is_taken_is_passed_over() -> None:
    """A kind may be called like that."""
    names = Names({"Chat", "Chat2"}, separator="")
    assert names.take("Chat") == "Chat3"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chat.send", "ChatSend"),
        ("UPLOAD_START", "UPLOADSTART"),
        ("2.rooms", "_2Rooms"),
        ("über-mut", "ÜberMut"),
        ("...", "_"),
    ],
)
def test_any_name_becomes_an_identifier(name: str, expected: str) -> None:
    """It begins with no digit, and is never empty."""
    assert identifier(name) == expected
