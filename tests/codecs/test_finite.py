"""`check_finite`: NaN and the infinities are found wherever they are in a value, and named by their path."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiows.codecs import check_finite


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("-Inf")])
def test_a_number_that_is_not_finite_is_refused(number: Any) -> None:
    """As a float and as a Decimal, with what it is."""
    with pytest.raises(msgspec.ValidationError, match=f"got `{number}` - at `\\$`"):
        check_finite(number)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, {"b": math.nan}]}, r"\$\.a\[1\]\.b"),
        ((1, 2, math.inf), r"\$\[2\]"),
        ({math.nan: 1}, r"\$"),
    ],
)
def test_the_error_has_the_path_to_the_number(value: Any, path: str) -> None:
    """A key has the path of its dict."""
    with pytest.raises(msgspec.ValidationError, match=f"at `{path}`"):
        check_finite(value)


@pytest.mark.parametrize("value", [None, True, 10**400, 1.5, Decimal("1e400"), "nan", b"", [], {}])
def test_everything_else_passes(value: Any) -> None:
    """Also integers that no float can hold, and text that only looks like it."""
    check_finite([value, {"a": value}])


class Point(msgspec.Struct):
    x: float = 0.0
    tags: list[int] = msgspec.field(default_factory=list)
    next: Point | None = None


@dataclass
class Price:
    value: Decimal
    names: list[str] = field(default_factory=list)


@attrs.define
class Weight:
    value: float


class Renamed(msgspec.Struct, rename="camel"):
    unit_price: float


class Row(msgspec.Struct, array_like=True):
    name: str
    size: float


class Pair(NamedTuple):
    first: float
    second: Any


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Point(math.nan), r"\$\.x"),
        ([Point(), Point(next=Point(math.inf))], r"\$\[1\]\.next\.x"),
        ({"a": Price(Decimal("NaN"))}, r"\$\.a\.value"),
        ((Weight(1.0), Weight(math.nan)), r"\$\[1\]\.value"),
        (Pair(1.0, {"a": -math.inf}), r"\$\[1\]\.a"),
        (Renamed(math.nan), r"\$\.unitPrice"),
        (Row("a", math.nan), r"\$\[1\]"),
        ([{}, {"a": 1}, {"b": [1.0], "c": (2, [], [Point(math.nan)])}], r"\$\[2\]\.c\[2\]\[0\]\.x"),
        ([1, "a", 1.0, Decimal(1), math.nan, 2.0], r"\$\[4\]"),
    ],
    ids=[
        "struct",
        "structs",
        "dataclass",
        "attrs",
        "named tuple",
        "renamed",
        "row",
        "deep",
        "mixed",
    ],
)
def test_objects_of_declared_types_are_looked_into(value: Any, path: str) -> None:
    """So a message is decoded once, and what was made of it is checked."""
    with pytest.raises(msgspec.ValidationError, match=f"at `{path}`"):
        check_finite(value)


def calls_of(value: Any) -> int:
    """How many functions are called while it is checked."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        check_finite(value)
    except msgspec.ValidationError:
        pass
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "many",
    [
        lambda size: [1] * size,
        lambda size: [1.5] * size + [math.nan],
        lambda size: [[]] * size + [[math.nan]],
        lambda size: [{"a": 1.5}] * size + [{"a": math.nan}],
        lambda size: [Decimal(1)] * size + [Decimal("NaN")],
        lambda size: [Point()] * size + [Point(math.nan)],
        lambda size: Point(math.nan, tags=[1] * size),
        lambda size: dict.fromkeys(range(size), 1.5) | {"a": math.nan},
    ],
    ids=["ints", "floats", "lists", "dicts", "decimals", "structs", "other fields", "keys"],
)
def test_nothing_is_called_for_each_value(many: Any) -> None:
    """A check in Python of each of a million values took a hundred times as long as to decode them."""
    assert calls_of(many(100_000)) < 3 * calls_of(many(1_000))


@given(
    st.recursive(
        st.floats() | st.integers() | st.decimals() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    )
)
def test_every_tree_is_refused_exactly_if_there_is_such_a_number_and_says_where(value: Any) -> None:
    """Held against the plain way to look for one."""
    errors = {
        f"Expected `finite number`, got `{each}` - at `{path}`" for path, each in bad_numbers(value)
    }
    if not errors:
        check_finite(value)
        return
    with pytest.raises(msgspec.ValidationError) as caught:
        check_finite(value)
    assert str(caught.value) in errors


def bad_numbers(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    if isinstance(value, float | Decimal):
        if not (math.isfinite(value) if isinstance(value, float) else value.is_finite()):
            yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from bad_numbers(each, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from bad_numbers(each, f"{path}[{index}]")


@pytest.mark.parametrize("depth", [10, 300])
def test_nothing_is_looked_at_again_for_the_path(depth: int) -> None:
    """A hundred levels above many values would make that a hundred times as much."""
    many: Any = Counted([1.5] * 1000 + [math.nan])
    value: Any = many
    for _ in range(depth):
        value = [value, 1.0]
    with pytest.raises(msgspec.ValidationError, match=r"at `\$(\[0\])*\[1000\]`"):
        check_finite(value)
    assert many.times <= 2


class Counted(list[Any]):
    """Counts how often all its items are read."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        self.times += 1
        return super().__iter__()
