"""JSON Schemas of types, in draft 07, and the components that they share."""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass

import pytest
from msgspec import Struct, defstruct
from pydantic import BaseModel

from aiows import KindDispatcher, Payload
from aiows.schema.json_schema import COMPONENTS, describe_types, only_used


class Cat(Struct, tag="cat"): ...


class Dog(Struct, tag="dog"): ...


@dataclass
class Inner:
    number: int


@dataclass
class Outer:
    inner: Inner


class Model(BaseModel):
    inner: Inner


class Tree(BaseModel):
    branches: list[Tree] = []


class Unknown: ...


def test_a_tuple_has_a_schema_for_each_item() -> None:
    """Draft 07 has them under items, where draft 2020-12 has prefixItems."""
    ((schema,), _) = describe_types([tuple[int, str]])
    assert schema["items"] == [{"type": "integer"}, {"type": "string"}]
    assert schema["additionalItems"] is False
    assert "prefixItems" not in schema


def test_a_tagged_union_names_the_property_that_tells() -> None:
    """AsyncAPI wants the name alone."""
    ((schema,), _) = describe_types([Cat | Dog])
    assert schema["discriminator"] == "type"


def test_fields_named_like_keywords_are_fields() -> None:
    """Whatever the words mean in a schema."""
    names = ["$ref", "$defs", "prefixItems", "items", "discriminator", "enum"]
    fields = {f"field_{number}": name for number, name in enumerate(names)}
    made = defstruct("Odd", [(each, int) for each in fields], rename=fields)
    (_, components) = describe_types([made])
    assert components["Odd"]["properties"] == {name: {"type": "integer"} for name in names}
    assert only_used(components, [{"$ref": f"{COMPONENTS}Odd"}]) == components


def test_what_shares_a_name_has_its_module_in_front() -> None:
    """And each is referred to by its own name."""
    one = defstruct("Place", [("row", int)], module="one")
    two = defstruct("Place", [("seat", int)], module="two")
    (schemas, components) = describe_types([one, two])
    names = [schema["$ref"].removeprefix(COMPONENTS) for schema in schemas]
    assert names == ["one.Place", "two.Place"]
    assert [*components[names[1]]["properties"]] == ["seat"]


def test_fields_of_handlers_are_shown_with_their_defaults() -> None:
    """Also where two handlers are of one kind; what could change has none."""
    kinds = [KindDispatcher(), KindDispatcher()]
    kinds[0].on("a")(lambda first=1: None)
    kinds[1].on("a")(lambda second=None, third=[]: None)
    payloads = [contract.payload for each in kinds for contract in each.contracts()]
    (schemas, components) = describe_types([*payloads])
    one, two = (components[each["$ref"].removeprefix(COMPONENTS)] for each in schemas)
    assert one["properties"]["first"] == {"default": 1}
    assert two["properties"]["second"] == {"default": None}
    assert two["properties"]["third"] == {}


def test_a_prefixed_payload_is_described_as_itself() -> None:
    """A router's payload and what its prefix made of it have one name, and the same fields."""

    class Send(Payload, kind="send"):
        text: str

    router, kinds = KindDispatcher(), KindDispatcher()

    @router.on(Send)
    def send(msg: Send) -> Send:
        return msg

    kinds.include(router, "chat.")
    ((prefixed,), (plain,)) = kinds.contracts(), router.contracts()
    assert prefixed.payload is not plain.payload
    ((one, two), components) = describe_types([prefixed.payload, plain.payload])
    assert one == two
    assert components["Send"]["properties"]["kind"] == {"enum": ["send"]}


def test_what_a_hook_brings_along_are_components() -> None:
    """Shared where it is the same, under another name where somebody else has it."""
    other = make_dataclass("Inner", [("seat", int)])
    (schemas, components) = describe_types([other, Model, dict[str, Tree], Tree])
    assert schemas[1]["properties"] == {"inner": {"$ref": f"{COMPONENTS}Inner.2"}}
    assert schemas[2]["additionalProperties"] == schemas[3] == {"$ref": f"{COMPONENTS}Tree"}
    assert [*components["Inner"]["properties"]] == ["seat"]
    assert [*components["Inner.2"]["properties"]] == ["number"]
    branches = components["Tree"]["properties"]["branches"]
    assert branches["items"] == {"$ref": f"{COMPONENTS}Tree"}
    assert "$defs" not in str(schemas) + str(components)


def test_only_what_is_needed_is_kept() -> None:
    """Directly, and through another."""
    (schemas, components) = describe_types([Outer, Cat])
    assert [*only_used(components, schemas[:1])] == ["Inner", "Outer"]


def test_an_object_is_anything() -> None:
    """So it is written where Any would switch a type checker off."""
    ((schema,), _) = describe_types([dict[str, object]])
    assert schema == {"type": "object", "additionalProperties": {"$comment": "anything"}}


def test_what_nobody_knows_is_refused() -> None:
    """By what the hook raises."""
    with pytest.raises(TypeError, match="Unknown"):
        describe_types([Unknown])
