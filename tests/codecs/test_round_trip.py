"""What one end encodes the other reads as the same values, whatever their types, in each codec."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias, TypedDict
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows import Payload
from aiows.codecs import JSON, MSGPACK, Codec
from protobuf_codec import PROTOBUF

each_codec = pytest.mark.parametrize(
    "codec", [JSON, MSGPACK, PROTOBUF], ids=lambda codec: codec.name
)

# On a busy machine one example may take long: what counts is what comes out.
patient = settings(deadline=None)

Case: TypeAlias = tuple[Any, st.SearchStrategy[Any]]
"""A type, and a strategy for its values."""


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


# RFC 3339 has offsets of whole minutes, and no leap of a day over the ends of the calendar.
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
aware = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=offsets | st.just(UTC))  # noqa: DTZ001
texts = st.text()
KEYS: list[Case] = [
    (int, st.integers(-(2**63), 2**64 - 1)),
    (str, texts),
    (date, st.dates()),
    (UUID, st.uuids()),
    (Colour, st.sampled_from(Colour)),
    (Size, st.sampled_from(Size)),
]
HASHABLE: list[Case] = [
    *KEYS,
    (bool, st.booleans()),
    (
        int,
        st.integers() | st.integers(-(10**40), 10**40) | st.sampled_from([2**63, 2**64, -(2**63)]),
    ),
]
SCALARS: list[Case] = [
    *HASHABLE,
    (None, st.none()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bytes, st.binary()),
    (datetime, st.datetimes() | aware),
    (time, st.times()),
    (timedelta, st.timedeltas()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (Literal["a", "b"], st.sampled_from(["a", "b"])),
]


# Parametrized at run time, which type checkers do not follow.
List: Any = list
Tuple: Any = tuple
Set: Any = set
FrozenSet: Any = frozenset
Dict: Any = dict


def list_of(case: Case) -> Case:
    return List[case[0]], st.lists(case[1], max_size=3)


def tuple_of(case: Case) -> Case:
    return Tuple[case[0], ...], st.lists(case[1], max_size=3).map(tuple)


def set_of(case: Case) -> Case:
    return Set[case[0]], st.sets(case[1], max_size=3)


def frozenset_of(case: Case) -> Case:
    return FrozenSet[case[0]], st.frozensets(case[1], max_size=3)


def dict_of(key: Case, value: Case) -> Case:
    return Dict[key[0], value[0]], st.dictionaries(key[1], value[1], max_size=3)


def optional(case: Case) -> Case:
    return case[0] | None, st.none() | case[1]


def object_of(make: Callable[[list[tuple[str, Any]]], Any], cases: list[Case]) -> Case:
    names = [f"field{index}" for index in range(len(cases))]
    made = make([(name, case[0]) for name, case in zip(names, cases, strict=True)])
    fields = {name: case[1] for name, case in zip(names, cases, strict=True)}
    return made, st.fixed_dictionaries(fields).map(lambda values: made(**values))


def payload_of(fields: list[tuple[str, Any]]) -> Any:
    make: Any = type(Payload)
    namespace = {"__annotations__": dict(fields), "__module__": __name__}
    return make("Made", (Payload,), namespace, kind="made")


def attrs_class_of(fields: list[tuple[str, Any]]) -> Any:
    return attrs.define(type("Made", (), {"__annotations__": dict(fields)}))


NamedTuple_: Any = NamedTuple
TypedDict_: Any = TypedDict
MAKERS: list[Callable[[list[tuple[str, Any]]], Any]] = [
    lambda fields: make_dataclass("Made", fields),
    lambda fields: NamedTuple_("Made", fields),
    lambda fields: TypedDict_("Made", dict(fields)),
    lambda fields: msgspec.defstruct("Made", fields),
    attrs_class_of,
    payload_of,
]


def containers(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    hashable = st.sampled_from(HASHABLE)
    return (
        inner.map(list_of)
        | inner.map(tuple_of)
        | inner.filter(lambda case: case[0] is not None).map(optional)
        | hashable.map(set_of)
        | hashable.map(frozenset_of)
        | st.builds(dict_of, st.sampled_from(KEYS), inner)
        | st.builds(object_of, st.sampled_from(MAKERS), st.lists(inner, max_size=3))
    )


cases = st.recursive(st.sampled_from(SCALARS), containers, max_leaves=5)


@each_codec
@patient
@given(data=st.data())
def test_any_payload_comes_back_as_it_was(codec: Codec, data: st.DataObject) -> None:
    """A payload type of any fields: the types are those of the fields, the values equal."""
    payload, values = data.draw(
        st.lists(cases, max_size=3).map(lambda few: object_of(payload_of, few))
    )
    value = data.draw(values)
    came = codec.reader(payload)(codec.encode(value))
    assert came == value
