"""The messages that wait for the application: their order, and their weight."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from aiows._wire import Message
from aiows.connection.inbox import HIGH_WATER, LOW_WATER, MESSAGE_OVERHEAD, Inbox
from raw_client import TEXT


def message(text: str) -> Message:
    return Message(TEXT, text, "", len(text))


def filled(*texts: str) -> Inbox:
    inbox = Inbox()
    for text in texts:
        inbox.put(message(text))
    return inbox


def taken(inbox: Inbox) -> list[object]:
    return [inbox.take().data for _ in range(len(inbox))]


def test_messages_come_out_in_the_order_in_which_they_came() -> None:
    """And one that is empty has nothing to give."""
    inbox = filled("a", "b", "c")
    assert taken(inbox) == ["a", "b", "c"]
    with pytest.raises(IndexError):
        inbox.take()


def test_a_message_without_a_payload_weighs_something() -> None:
    """Or a million of them would weigh nothing."""
    inbox = filled(*[""] * 100)
    assert inbox.size == 100 * MESSAGE_OVERHEAD


def test_it_is_full_above_one_mark_and_has_room_below_another() -> None:
    """So that reading is not paused and resumed for each message."""
    inbox = Inbox()
    seen: list[tuple[bool, bool]] = []
    for size in (HIGH_WATER + 1, HIGH_WATER, LOW_WATER + 1, LOW_WATER):
        inbox.size = size
        seen.append((inbox.is_full, inbox.has_room))
    assert seen == [(True, False), (False, False), (False, False), (False, True)]


@given(st.lists(st.text(max_size=3)), st.sets(st.text(max_size=3)))
def test_what_is_sifted_out_is_gone_and_the_rest_keeps_its_order(
    texts: list[str], wanted: set[str]
) -> None:
    """The weight, too."""
    inbox = filled(*texts)
    given_out: list[object] = []

    def take(each: Message) -> bool:
        if each.data not in wanted:
            return False
        given_out.append(each.data)
        return True

    inbox.sift(take)
    assert given_out == [text for text in texts if text in wanted]
    rest = [text for text in texts if text not in wanted]
    assert inbox.size == sum(len(text) + MESSAGE_OVERHEAD for text in rest)
    assert taken(inbox) == rest
    assert inbox.size == 0
