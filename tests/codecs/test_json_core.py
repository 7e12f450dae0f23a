"""The half of the JSON codec that encodes, in both builds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import Struct

from builds import Build


@dataclass
class Person:
    name: str
    _secret: int = 1


class Point(Struct):
    x: int


class Word(str):
    __slots__ = ()


def in_other_words(value: Any) -> Any:
    if isinstance(value, Word):
        return str.__str__(value)
    raise TypeError(f"no word for {type(value).__name__}")


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ({"a": [1, None, 2.5, "ö"]}, '{"a":[1,null,2.5,"ö"]}'),
        ([{}, []], "[{},[]]"),
        ({"a": 2**64, "b": [-(2**70)]}, '{"a":18446744073709551616,"b":[-1180591620717411303424]}'),
        ({1: {2: "a"}}, '{"1":{"2":"a"}}'),
        ({Word("a"): Word("b")}, '{"a":"b"}'),
        ({"a": Person("b")}, '{"a":{"name":"b","_secret":1}}'),
        (Person("b"), '{"name":"b","_secret":1}'),
        (Point(1), '{"x":1}'),
        ([Point(1)], '[{"x":1}]'),
        ("ö", '"ö"'),
        (float("nan"), "null"),
        ({"a": float("inf")}, '{"a":null}'),
    ],
)
def test_a_value_becomes_json(build: Build, value: Any, json: str) -> None:
    """By whichever of the two writers, it is the same."""
    assert build.JsonCore(in_other_words).encode(value) == json.encode()


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {"a": object()},
        "\ud800",
        {"a": "\ud800"},
        {"\ud800": 1},
        endless(),
        {(1,): object()},
    ],
    ids=repr,
)
def test_what_json_cannot_say_is_a_type_error(build: Build, value: Any) -> None:
    """And no other error, whichever writer has found it."""
    with pytest.raises(TypeError):
        build.JsonCore(in_other_words).encode(value)


def test_what_the_hook_raises_is_told(build: Build) -> None:
    """The error of an application's own class says what is wrong with it."""
    with pytest.raises(TypeError, match="no word for object"):
        build.JsonCore(in_other_words).encode({"a": object()})
