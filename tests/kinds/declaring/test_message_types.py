"""``payload=``: dataclasses, TypedDicts, attrs classes and Structs as the messages of a kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pytest

from aiows import KindDispatcher, Payload, RegistrationError
from talk import refusal_of, say

T = TypeVar("T")


@dataclass
class Item:
    name: str
    price: Annotated[float, msgspec.Meta(gt=0)]


@dataclass(frozen=True)
class DataOrder:
    day: date
    items: list[Item] = field(default_factory=list)


class DictOrder(TypedDict):
    day: date
    items: NotRequired[list[Item]]


@attrs.frozen
class AttrsOrder:
    day: date
    items: list[Item] = attrs.field(factory=list, validator=attrs.validators.max_len(1))


class StructOrder(msgspec.Struct, rename="camel"):
    day: date
    items: list[Item] = []


class BaseOrder(Payload):
    day: date
    items: list[Item] = msgspec.field(default_factory=list)


@dataclass
class Page(Generic[T]):
    items: list[T]


ORDERS: list[Any] = [DataOrder, DictOrder, AttrsOrder, StructOrder]


def kinds_of(payload: Any, **options: Any) -> tuple[KindDispatcher, list[Any]]:
    """A dispatcher for orders of that type, and what its handler got."""
    kinds = KindDispatcher(**options)
    got: list[Any] = []

    def create(order: Any) -> str:
        got.append(order)
        return "created"

    create.__annotations__["order"] = payload
    kinds.on("order.create", payload=payload)(create)
    return kinds, got


MESSAGE = {"day": "2026-11-21", "items": [{"name": "tea", "price": 3}]}


@pytest.mark.parametrize("payload", ORDERS)
@pytest.mark.parametrize("payload_key", [None, "payload"])
async def test_the_whole_message_is_of_the_type(payload: Any, payload_key: str | None) -> None:
    """Exactly of it, converted and checked down to the last field; kind and ref are no part of it."""
    kinds, got = kinds_of(payload, payload_key=payload_key)
    fields = MESSAGE if payload_key is None else {payload_key: MESSAGE}
    (answer,) = await say(kinds, {"kind": "order.create", "ref": 7, **fields})
    assert (answer["ref"], got) == (7, [payload(day=date(2026, 11, 21), items=[Item("tea", 3.0)])])
    assert type(got[0]) is (dict if payload is DictOrder else payload)


@pytest.mark.parametrize("payload", ORDERS)
async def test_what_is_wrong_is_told_with_its_field(payload: Any) -> None:
    """As for any other payload, with the ref."""
    kinds, got = kinds_of(payload)
    wrong = {"kind": "order.create", "ref": 1, "day": "2026-11-21", "items": [{"name": 3}]}
    (answer,) = await say(kinds, wrong)
    assert (answer["ref"], answer["error"]["code"]) == (1, "invalid")
    assert answer["error"]["details"] == {"field": "items[0].name", "expected": "str", "got": "int"}
    refused = await refusal_of(kinds, {"kind": "order.create"})
    assert refused["details"] == {"field": "day", "expected": "date", "got": "nothing"}
    assert not got


async def test_what_a_class_checks_itself_is_an_error_of_the_message() -> None:
    """attrs' validators, and what ``__post_init__`` raises."""
    kinds, _ = kinds_of(AttrsOrder)
    many = {"day": "2026-11-21", "items": [{"name": "a", "price": 1}] * 2}
    assert (await refusal_of(kinds, {"kind": "order.create", **many}))["code"] == "invalid"


async def test_a_generic_type_is_filled_in() -> None:
    """As msgspec reads it."""
    kinds, got = kinds_of(Page[int])
    await say(kinds, {"kind": "order.create", "items": [1, 2]})
    assert got == [Page([1, 2])]
    assert (await refusal_of(kinds, {"kind": "order.create", "items": ["1"]}))["code"] == "invalid"


async def test_a_payload_without_a_kind_can_be_named() -> None:
    """One base for several kinds; the handler gets a subclass that knows its kind."""
    kinds = KindDispatcher()
    got: list[BaseOrder] = []

    def handle(order: BaseOrder) -> None:
        got.append(order)

    kinds.on("order.create", payload=BaseOrder)(handle)
    kinds.on("order.change", payload=BaseOrder)(handle)
    await say(kinds, {"kind": "order.create", "day": "2026-11-21", "ref": 1})
    await say(kinds, {"kind": "order.change", "day": "2026-11-21"})
    assert [each.kind for each in got] == ["order.create", "order.change"]
    assert msgspec.json.encode(got[0]) == b'{"kind":"order.create","day":"2026-11-21","items":[]}'


async def test_a_handler_can_ask_for_single_fields() -> None:
    """Beside the whole or alone; the message is checked as a whole."""
    kinds = KindDispatcher()

    @kinds.on("order.create", payload=DataOrder)
    def create(ws: Any, day: date, items) -> str:  # type: ignore[no-untyped-def]
        return f"{day} {len(items)}"

    answers = await say(kinds, {"kind": "order.create", "ref": 1, **MESSAGE})
    assert answers[0]["result"] == "2026-11-21 1"


async def test_without_payload_such_a_parameter_is_a_field() -> None:
    """As it has always been."""
    kinds = KindDispatcher()

    @kinds.on("order.create")
    def create(order: DataOrder) -> int:
        return len(order.items)

    answers = await say(kinds, {"kind": "order.create", "order": MESSAGE, "ref": 1})
    assert answers[0]["result"] == 1


async def test_a_router_can_have_them() -> None:
    """With a prefix, too."""
    router, _ = kinds_of(DataOrder)
    kinds = KindDispatcher()
    kinds.include(router, prefix="shop.")
    (answer,) = await say(kinds, {"kind": "shop.order.create", "ref": 1, **MESSAGE})
    assert answer["result"] == "created"


class Tagged(msgspec.Struct, tag="tagged"):
    value: int


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    value: int


class AsArray(msgspec.Struct, array_like=True):
    value: int


class Pair(NamedTuple):
    left: int


@dataclass
class WithRef:
    ref: int


class Renamed(msgspec.Struct, rename={"problem": "error"}):
    problem: str


class Opaque:
    pass


@dataclass
class WithOpaque:
    thing: list[Opaque]


class Named(Payload, kind="named"):
    value: int


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (Tagged, "payload=Tagged has the tag 'tagged' of its own"),
        (Strict, "payload=Strict forbids unknown fields, which kind and ref would be"),
        (AsArray, "payload=AsArray is no dataclass, TypedDict, attrs class or msgspec.Struct"),
        (Pair, "payload=Pair is no dataclass"),
        (int, "payload=int is no dataclass"),
        (dict[str, int], r"payload=dict\[str, int\] is no dataclass"),
        (Opaque, "payload=Opaque is no dataclass"),
        (Opaque(), "payload=.*Opaque object.* cannot be read from JSON"),
        (WithRef, "payload=WithRef has a field 'ref', which is reserved"),
        (Renamed, "payload=Renamed has a field 'error', which is reserved"),
        (WithOpaque, "'WithOpaque': Opaque is not provided and not readable"),
        (Named, "Named is of the kind 'named', not 'some'"),
    ],
)
def test_a_type_that_no_message_can_be_is_refused(payload: Any, problem: str) -> None:
    """At registration, with the name of the handler."""
    with pytest.raises(RegistrationError, match=f"handler .*: {problem}"):

        @KindDispatcher().on("some", payload=payload)
        def handler() -> None: ...


def test_two_types_for_one_message_are_refused() -> None:
    """The error names both."""
    with pytest.raises(RegistrationError, match="registered for Named and for DataOrder"):
        KindDispatcher().on(Named, payload=DataOrder)(lambda: None)

    def both(order: DataOrder, other: Named) -> None: ...

    problem = "several payloads: it is registered for DataOrder, 'order' is DataOrder, 'other' is"
    with pytest.raises(RegistrationError, match=problem):
        KindDispatcher().on("some", payload=DataOrder)(both)


def test_the_fields_of_a_dict_cannot_be_asked_for_one_by_one() -> None:
    """They may be missing; the whole can be asked for."""
    problem = "DictOrder has no field 'day' .it has none to ask for one by one."
    with pytest.raises(RegistrationError, match=problem):

        @KindDispatcher().on("some", payload=DictOrder)
        def handler(day: date) -> None: ...
