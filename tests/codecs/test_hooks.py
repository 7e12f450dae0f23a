"""Classes that msgspec does not know: pydantic's models, and those of an application's own hook."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

import aiows
from aiows import KindDispatcher, RegistrationError
from aiows.codecs import JSON, MSGPACK, Codec, Misfit, add_type_hook, hook_for
from aiows.codecs import base as codecs_base
from protobuf_codec import PROTOBUF
from talk import Talk, refusal_of, say

each_codec = pytest.mark.parametrize(
    "codec", [JSON, MSGPACK, PROTOBUF], ids=lambda codec: codec.name
)


class Line(BaseModel):
    product: str
    count: int = Field(gt=0)


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    at: datetime
    day: date
    total: Decimal
    lines: list[Line]
    place: AnyUrl = AnyUrl("https://example.com/")
    by: str = Field("nobody", alias="orderedBy")


class Blob(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    data: bytes


ORDER = Order(
    id=UUID(int=7),
    at=datetime(2026, 11, 21, 5, tzinfo=UTC),
    day=date(2026, 11, 21),
    total=Decimal("1.10"),
    lines=[Line(product="tea", count=2)],
    orderedBy="alice",
)
FIELDS = json.loads(ORDER.model_dump_json(by_alias=True))


@each_codec
@pytest.mark.parametrize("model", [ORDER, Blob(data=b"\xff\x00")])
def test_a_model_comes_back_as_it_was(codec: Codec, model: BaseModel) -> None:
    """Alone, and within other types."""
    kind = type(model)
    assert codec.reader(kind)(codec.encode(model)) == model
    within: Any = dict[str, list[kind]]  # type: ignore[valid-type]
    assert codec.reader(within)(codec.encode({"a": [model]})) == {"a": [model]}


def test_json_of_a_model_is_what_pydantic_makes_it() -> None:
    """By the model's own configuration, with its aliases."""
    assert json.loads(JSON.encode(ORDER)) == FIELDS
    assert JSON.encode(Blob(data=b"\xff\x00")) == b'{"data":"_wA="}'


def test_what_pydantic_hides_stays_hidden() -> None:
    """A secret is not told to the peer, in no format."""

    class Account(BaseModel):
        password: SecretStr

    for codec in (JSON, MSGPACK, PROTOBUF):
        said = codec.reader(dict[str, str])(codec.encode(Account(password=SecretStr("secret"))))
        assert said == {"password": "**********"}


@pytest.mark.parametrize("payload_key", [None, "payload"])
async def test_a_model_is_the_payload_of_a_kind(payload_key: str | None) -> None:
    """It never sees kind and ref, which a strict one would forbid."""
    kinds = KindDispatcher(payload_key=payload_key)
    got: list[Any] = []

    @kinds.on("order", payload=Order)
    async def order(order: Order) -> Order:
        got.append(order)
        return order

    fields = {payload_key: FIELDS} if payload_key else FIELDS
    answers = await say(kinds, {"kind": "order", "ref": 7, **fields})
    assert got == [ORDER]
    assert answers == [{"kind": "reply", "ref": 7, **fields}]


async def test_a_model_is_a_field_of_a_kind() -> None:
    """A parameter's annotation is enough."""
    kinds = KindDispatcher()

    @kinds.on("order")
    async def order(order: Order, urgent: bool = False) -> list[Any]:
        return [order.total, urgent]

    answers = await say(kinds, {"kind": "order", "ref": 7, "order": FIELDS})
    assert answers == [{"kind": "reply", "ref": 7, "result": ["1.10", False]}]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"lines": [{"product": "tea", "count": 0}]}, "lines[0].count", "greater than 0"),
        ({"lines": [{"product": "tea"}]}, "lines[0].count", "Field required"),
        ({"id": "no"}, "id", "valid UUID"),
        ({"more": 1}, "more", "Extra inputs"),
    ],
)
async def test_pydantics_errors_say_what_and_where(
    change: dict[str, Any], field: str, message: str
) -> None:
    """As a payload, and as a field in another place."""
    kinds = KindDispatcher()
    kinds.on("whole", payload=Order)(lambda: None)

    @kinds.on("part")
    def part(orders: list[Order]) -> None: ...

    fields = {**FIELDS, **change}
    error = await refusal_of(kinds, {"kind": "whole", "ref": 7, **fields})
    assert (error["code"], error["details"]["field"]) == ("invalid", field)
    assert message in error["message"]
    error = await refusal_of(kinds, {"kind": "part", "ref": 7, "orders": [FIELDS, fields]})
    assert (error["code"], error["details"]["field"]) == ("invalid", f"orders[1].{field}")


async def test_a_key_of_the_peers_is_cut_where_it_is_named() -> None:
    """The place of the mistake is in the text and in the details: a key of megabytes would be in both."""

    class Counts(BaseModel):
        by_name: dict[str, int]

    kinds = KindDispatcher()
    kinds.on("count", payload=Counts)(lambda: None)
    error = await refusal_of(kinds, {"kind": "count", "by_name": {"k" * 10**6: "none"}})
    assert error["details"]["field"].startswith("by_name.kkk")
    assert len(str(error)) < 1000


@each_codec
async def test_a_ref_is_as_long_in_every_codec(codec: Codec) -> None:
    """What is longer is refused, and the next message is handled."""
    kinds = KindDispatcher(codecs=[codec])
    kinds.on("ping")(lambda: None)
    talk = Talk(kinds, codec)
    (refused,) = await talk.say({"kind": "ping", "ref": "r" * 129})
    assert (refused["kind"], refused["error"]["code"]) == ("error", "invalid")
    assert "ref" not in refused
    assert await talk.say({"kind": "ping", "ref": "r" * 128}) == [
        {"kind": "reply", "ref": "r" * 128}
    ]


async def test_an_error_of_a_validator_is_told_in_few_words() -> None:
    """The peer's text comes back at most once, and short."""

    class Named(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def check(cls, name: str, info: ValidationInfo) -> str:
            raise ValueError(f"{name} is no name")

    kinds = KindDispatcher()
    kinds.on("named", payload=Named)(lambda: None)
    error = await refusal_of(kinds, {"kind": "named", "name": "a" * 1000})
    assert error["details"]["field"] == "name"
    assert len(error["message"]) < 300


# a hook of one's own


class Colour:
    def __init__(self, red: int, green: int, blue: int) -> None:
        self.parts = (red, green, blue)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Colour) and other.parts == self.parts

    __hash__ = None  # type: ignore[assignment]


class Bright(Colour):
    """A colour, too."""


class Colours:
    """Says colours as ``#rrggbb``."""

    def knows(self, type_: type, /) -> bool:
        return issubclass(type_, Colour)

    def encode(self, value: Colour, codec: Codec, /) -> str:
        return "#" + bytes(value.parts).hex()

    def decode(self, type_: type[Colour], plain: Any, codec: Codec, /) -> Colour:
        if not isinstance(plain, str) or not plain.startswith("#"):
            raise Misfit("a colour is #rrggbb")
        return type_(*bytes.fromhex(plain[1:]))

    def schema(self, type_: type, /) -> dict[str, Any]:
        return {"type": "string"}


@pytest.fixture
def _colours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(codecs_base, "_hooks", [*codecs_base._hooks])
    add_type_hook(Colours())
    return iter(())


@pytest.mark.usefixtures("_colours")
async def test_a_hook_makes_a_class_known_to_every_codec_and_handler() -> None:
    """Read and said, by one object."""
    kinds = KindDispatcher(codecs=(JSON, MSGPACK, PROTOBUF))

    @kinds.on("paint")
    def paint(colour: Bright) -> list[Colour]:
        return [colour, Colour(0, 0, 0)]

    for codec in kinds.codecs:
        talk = Talk(kinds, codec)
        answers = await talk.say({"kind": "paint", "colour": "#ff0080", "ref": 1})
        assert answers == [{"kind": "reply", "ref": 1, "result": ["#ff0080", "#000000"]}]
        (answer,) = await talk.say({"kind": "paint", "colour": "red"})
        assert answer["error"]["message"] == "colour: a colour is #rrggbb"
        assert answer["error"]["details"] == {"field": "colour", "got": '"red"'}
        (answer,) = await talk.say({"kind": "paint", "colour": "#nohex"})
        assert answer["error"]["details"]["field"] == "colour"


async def test_a_class_that_no_hook_knows_is_refused_at_registration() -> None:
    """Where it stands is said."""

    def paint(colour: Colour) -> None: ...

    with pytest.raises(RegistrationError, match="'colour': Colour is not provided"):
        KindDispatcher().on("paint")(paint)
    assert hook_for(Colour) is None


def test_aiows_itself_does_not_import_pydantic() -> None:
    """Whoever has no models needs none of it."""
    for path in Path(aiows.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not any(each.name.startswith("pydantic") for each in node.names)
            if isinstance(node, ast.ImportFrom) and not node.level:
                assert not str(node.module).startswith("pydantic")
