"""The half of the JSON codec that encodes, in both builds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
        ({None: 1, True: 2, 1.5: 3}, '{"null":1,"true":2,"1.5":3}'),
        ({"a": {False: 1}, "b": 2**70}, '{"a":{"false":1},"b":1180591620717411303424}'),
        ([datetime(2026, 1, 2, tzinfo=UTC)], '["2026-01-02T00:00:00Z"]'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00Z"'),
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


LARGE = 2**70

keys = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.dates()
    | st.times()
    | st.uuids()
)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.none() | st.just(UTC) | st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals()
    | st.uuids()
    | st.frozensets(st.integers(), max_size=1),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(keys, inner, max_size=1)
        | st.builds(Person, inner)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


def no_constant(name: str) -> None:
    pytest.fail(f"{name} is no JSON")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=values)
def test_a_value_is_said_alike_whatever_stands_beside_it(build: Build, value: Any) -> None:
    """A large integer beside it, or nothing around it: it is the same strict JSON."""
    core = build.JsonCore(in_other_words)
    within = json.loads(core.encode({"value": value}), parse_constant=no_constant)
    beside = json.loads(core.encode({"value": value, "large": LARGE}), parse_constant=no_constant)
    assert beside == {**within, "large": LARGE}
    assert json.loads(core.encode([value])) == [within["value"]]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [1, {"b": object()}]}, "`$.a[1].b`"),
        ([[], [object()]], "`$[1][0]`"),
        ({"id": LARGE, "a": {"b": "\ud800"}}, "`$.a.b`"),
        ({"a": {(1,): 1}}, "`$.a`"),
        ({1: object()}, "`$.1`"),
        (Person("a", object()), "`$._secret`"),  # type: ignore[arg-type]
        ({"a": (None, Point(object()))}, "`$.a[1].x`"),  # type: ignore[arg-type]
        ({"a" * 1000: object()}, f"`$.{'a' * 64}`"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_the_error_names_the_place(build: Build, value: Any, place: str) -> None:
    """Down to the part that cannot be said, as errors about messages that come in do."""
    with pytest.raises(TypeError, match="JSON cannot encode this") as caught:
        build.JsonCore(in_other_words).encode(value)
    assert str(caught.value).endswith(f" - at {place}")


def test_an_error_about_the_whole_names_no_place(build: Build) -> None:
    """There is none."""
    with pytest.raises(TypeError, match=r"no word for object$"):
        build.JsonCore(in_other_words).encode(object())


def test_what_is_nested_too_deeply_is_a_type_error(build: Build) -> None:
    """As is everything else that JSON cannot say."""
    nested: Any = 1
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(TypeError, match="it is nested too deeply"):
        build.JsonCore(in_other_words).encode({"id": LARGE, "nested": nested})
