"""What a refusal costs: no more than it costs to take a message of that size."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta
from pydantic import BaseModel

from aiows import KindDispatcher, Payload
from aiows.codecs import JSON, MOST_VALUES, MSGPACK, Codec
from aiows.kinds.reading.reader import Reader, Unreadable
from protobuf_codec import PROTOBUF

MIB = 2**20
NAN = float("nan")
BOTH = (JSON, MSGPACK)
SIZE = 300_000  # values; more than may be untyped


class Model(BaseModel):
    items: list[int]


class Node(msgspec.Struct):
    next: Node | None = None
    small: Annotated[int, Meta(le=10)] = 1
    text: str = ""


class Form(Payload, kind="form"):
    items: list[int] = msgspec.field(default_factory=list)
    small: Annotated[int, Meta(le=10)] = 1
    ratio: float = 1.0
    price: Decimal = Decimal(1)
    rates: dict[str, float] = msgspec.field(default_factory=dict)
    node: Node | None = None


@pytest.fixture(scope="module")
def kinds() -> KindDispatcher:
    kinds = KindDispatcher(codecs=(JSON, MSGPACK, PROTOBUF))
    kinds.on(Form)(lambda: None)

    @kinds.on("untyped")
    def untyped(items, small: Annotated[int, Meta(le=10)] = 1, ratio: float = 1.0) -> None:  # type: ignore[no-untyped-def]
        ...

    @kinds.on("model", payload=Model)
    def model(model: Model) -> None: ...

    @kinds.on("other")
    def other(small: Annotated[int, Meta(le=10)] = 1, ratio: float = 1.0) -> None: ...

    @kinds.fallback
    def fallback(kind: str, fields: dict[str, Any]) -> None: ...

    return kinds


@dataclass
class Cost:
    calls: int
    memory: int  # bytes
    outcome: str


def cost_of(read: Callable[[bytes], object], data: bytes) -> Cost:
    """How many functions are called, and how much memory is taken at most, to read ``data``."""
    outcome, calls = "taken", 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        read(data)
    except Unreadable as unreadable:
        outcome = str(unreadable.error)
    finally:
        sys.setprofile(None)
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Cost(calls, memory, outcome)


def reader_of(kinds: KindDispatcher, codec: Codec) -> Reader:
    return kinds._make_reader(codec)


def message(codec: Codec, kind: str, **fields: Any) -> bytes:
    return codec.encode({"kind": kind, "ref": 1, **fields})


@pytest.mark.parametrize(
    ("codecs", "kind", "fields", "problem"),
    [
        (BOTH, "form", {"items": [1] * SIZE}, "taken"),
        (BOTH, "form", {"items": [1] * SIZE, "small": 11}, "small: expected int <= 10, got 11"),
        (BOTH, "form", {"items": [1] * SIZE, "small": "a"}, "small: expected int, got str"),
        (BOTH, "form", {"items": [*[1] * SIZE, "a"]}, "items[300000]: expected int, got str"),
        (BOTH, "form", {"items": [1] * SIZE, "price": "NaN"}, "price: expected finite number"),
        (BOTH, "other", {"items": [{}] * SIZE}, "taken"),
        (BOTH, "other", {"items": [{}] * SIZE, "small": 11}, "small: expected int <= 10, got 11"),
        (BOTH, "untyped", {"items": [{}] * SIZE}, "more than 100000 values"),
        (BOTH, "untyped", {"items": [{}] * SIZE, "small": 11}, "more than 100000 values"),
        (BOTH, "nobody", {"items": [{}] * SIZE}, "more than 100000 values"),
        (BOTH, "model", {"items": ["a"] * SIZE}, "more than 100000 values"),
        (BOTH, "model", {"items": ["a"] * 90_000}, "90000 values do not fit"),
        ((MSGPACK,), "form", {"items": [1] * SIZE, "ratio": NAN}, "ratio: expected finite number"),
        ((MSGPACK,), "form", {"items": [1] * SIZE, "small": 2**70}, "more than 100000 values"),
        ((MSGPACK,), "other", {"items": [{}] * SIZE, "ratio": NAN}, "ratio: expected finite"),
        ((MSGPACK,), "other", {"items": [{}] * SIZE, "small": 2**70}, "more than 100000 values"),
        ((MSGPACK,), "untyped", {"items": [[]] * 90_000, "ratio": NAN}, "ratio: expected finite"),
    ],
)
def test_a_refusal_costs_no_more_than_a_message_that_is_taken(
    kinds: KindDispatcher,
    codecs: tuple[Codec, ...],
    kind: str,
    fields: dict[str, Any],
    problem: str,
) -> None:
    """Nothing is called for each of its values, but up to the bound of those that are counted.

    Nor is there an object for what the type does not have.
    """
    for codec in codecs:
        read = reader_of(kinds, codec).read
        with pytest.raises(Unreadable):  # what is made once is made
            read(message(codec, "form", small=11))
        cost = cost_of(read, message(codec, kind, **fields))
        assert cost.outcome.partition(": ")[2].startswith(problem) or cost.outcome == problem
        is_counted = "more than" in cost.outcome or kind in ("untyped", "model")
        assert cost.calls < (4 * MOST_VALUES if is_counted else 5000)
        assert cost.memory < (48 if kind == "model" else 16) * MIB


@pytest.mark.parametrize(
    ("kind", "fields", "outcome"),
    [
        ("form", {"items": [1] * 20_000}, "taken"),
        (
            "form",
            {"items": [1] * 20_000, "small": 11},
            "invalid: small: expected int <= 10, got 11",
        ),
        (
            "form",
            {"items": [1] * 20_000, "ratio": NAN},
            "invalid: ratio: expected finite number, got nan",
        ),
        ("model", {"items": [1] * 20_000}, "taken"),
        ("model", {"items": ["a"] * 20_000}, "invalid: 20000 values do not fit"),
    ],
)
def test_a_format_of_ones_own_is_decoded_once(
    kinds: KindDispatcher, kind: str, fields: dict[str, Any], outcome: str
) -> None:
    """Its own code does that; what is asked of the result then is cheap."""
    data = message(PROTOBUF, kind, **fields)
    plain = PROTOBUF.loads(data)
    times = []

    def loads(data: bytes) -> Any:
        times.append(data)
        return plain

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PROTOBUF, "loads", loads)
        cost = cost_of(reader_of(kinds, PROTOBUF).read, data)
    assert cost.outcome == outcome
    assert cost.calls < 5000
    assert len(times) == 1


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.name)
def test_a_large_message_that_is_refused_is_decoded_once(codec: Codec) -> None:
    """Its kind is found first; to decode it for all kinds, and once more for its own, costs twice as much."""
    made = []

    @dataclass
    class Item:
        n: int

        def __post_init__(self) -> None:
            made.append(self)

    kinds = KindDispatcher(codecs=(codec,))

    @kinds.on("items")
    def items(items: list[Item], small: Annotated[int, Meta(le=10)]) -> None: ...

    data = message(codec, "items", items=[{"n": 1}] * 30_000, small=11)
    with pytest.raises(Unreadable, match="small: expected int <= 10, got 11"):
        reader_of(kinds, codec).read(data)
    assert len(made) == 30_000


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.name)
def test_a_deep_place_in_a_large_message_is_not_searched(
    kinds: KindDispatcher, codec: Codec
) -> None:
    """The path is told, not the value: each step to it would read all that is within."""
    node = Node(small=11, text="x" * 200_000)
    for _ in range(200):
        node = Node(node)
    read = reader_of(kinds, codec).read
    cost = cost_of(read, message(codec, "form", node=node))
    assert cost.outcome.startswith("invalid: node.next.next.next.")
    assert cost.calls < 2000
    small = cost_of(read, message(codec, "form", node=Node(Node(Node(small=11)))))
    assert small.outcome == "invalid: node.next.next.small: expected int <= 10, got 11"


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.name)
def test_a_value_that_is_quoted_is_not_copied_whole(codec: Codec) -> None:
    """Only the beginning of a text of megabytes goes into the error."""
    kinds = KindDispatcher(codecs=(codec,))

    @kinds.on("short")
    def short(text: Annotated[str, Meta(max_length=10)]) -> None: ...

    data = message(codec, "short", text="x" * 4 * MIB)
    cost = cost_of(reader_of(kinds, codec).read, data)
    assert cost.outcome.startswith('invalid: text: expected str of length <= 10, got "xxx')
    assert len(cost.outcome) < 256
    assert cost.memory < 9 * MIB


def test_a_key_of_the_peers_is_not_sent_back_whole(kinds: KindDispatcher) -> None:
    """The path to a value has the keys that lead there."""
    data = message(MSGPACK, "form", rates={"x" * MIB: NAN})
    cost = cost_of(reader_of(kinds, MSGPACK).read, data)
    assert cost.outcome.startswith("invalid: rates.xxx")
    assert len(cost.outcome) < 256


@pytest.mark.parametrize("codec", BOTH, ids=lambda codec: codec.name)
def test_the_value_that_is_wrong_is_told_without_reading_the_others(
    kinds: KindDispatcher, codec: Codec
) -> None:
    """On the way to it nothing is made of its neighbours; in a large array it is not looked for."""
    read = reader_of(kinds, codec).read
    refused = cost_of(read, message(codec, "other", items=[{}] * SIZE, small=11))
    assert refused.outcome == "invalid: small: expected int <= 10, got 11"
    assert refused.memory < MIB
