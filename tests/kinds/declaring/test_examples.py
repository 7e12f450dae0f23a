"""`read_examples`: examples become fields as in JSON, and one that would be refused is refused now."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from aiows import Payload
from aiows.kinds.declaring.examples import read_examples


class Note(Payload, kind="note"):
    text: str
    day: date = date(2026, 1, 2)


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (Note(text="a"), {"text": "a", "day": "2026-01-02"}),
        ({"text": "a"}, {"text": "a"}),
        ({"kind": "note", "ref": 7, "text": "a"}, {"text": "a"}),
    ],
)
def test_an_example_becomes_its_fields(example: Any, expected: dict[str, Any]) -> None:
    """Without kind and ref, which the message has anyhow."""
    assert read_examples("note", Note, [example]) == (expected,)


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        ("a", "an example is a payload or a dict of fields, not 'a'"),
        ({"text": 1}, r"the example .*'text': 1.* would be refused: Expected `str`"),
        ({}, "would be refused: Object missing required field `text`"),
    ],
)
def test_an_example_that_is_wrong_is_refused(example: Any, problem: str) -> None:
    """A document must not show what the server refuses."""
    with pytest.raises(ValueError, match=problem):
        read_examples("note", Note, [example])
