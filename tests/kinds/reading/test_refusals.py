"""Error replies to bad messages: where the mistake is, what was expected and what came."""

from __future__ import annotations

import datetime
import enum
import json
import sys
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, field
from msgspec.json import encode

from aiows import KindDispatcher, Payload
from talk import refusal_of, say

DEEP = sys.getrecursionlimit() * 100


class Colour(enum.Enum):
    RED = "red"


class Item(Struct):
    price: int


class Nested(Struct):
    number: float


class Form(Payload, kind="form", forbid_unknown_fields=True):
    number: int
    items: list[Item] = field(default_factory=list)
    prices: dict[str, int] = field(default_factory=dict)
    heights: dict[str, Annotated[int, Meta(ge=0)]] = field(default_factory=dict)
    nested: Nested | None = None
    by_number: dict[int, int] = field(default_factory=dict)
    positive: Annotated[int, Meta(ge=0)] = 0
    short: Annotated[str, Meta(max_length=2)] = ""
    pair: tuple[int, int] = (0, 0)
    colour: Colour = Colour.RED
    letter: Literal["a", "b"] = "a"
    when: datetime.datetime | None = None
    data: bytes = b""
    sender: str = field(default="", name="from")


@pytest.fixture
def kinds() -> KindDispatcher:
    kinds = KindDispatcher()
    kinds.on(Form)(lambda: None)

    @kinds.on("progress")
    def progress(value: float, many: list[int], colour: Colour, anything) -> None:  # type: ignore[no-untyped-def]
        ...

    @kinds.on("any")
    def anything(value: Any = None) -> int:
        return 1

    return kinds


@pytest.mark.parametrize(
    ("fields", "where", "expected", "got"),
    [
        ({"number": "1"}, "number", "int", "str"),
        ({"number": None}, "number", "int", "null"),
        ({"number": True}, "number", "int", "bool"),
        ({"number": [1]}, "number", "int", "array"),
        ({}, "number", "int", "nothing"),
        ({"number": 1, "more": 2}, "more", "nothing", "a value"),
        ({"number": 1, "from": 2}, "from", "str", "int"),
        ({"number": 1, "items": {}}, "items", "array", "object"),
        ({"number": 1, "items": [{"price": 1}, {"price": 1.5}]}, "items[1].price", "int", "float"),
        ({"number": 1, "items": [{}]}, "items[0].price", "a value", "nothing"),
        ({"number": 1, "nested": {}}, "nested.number", "a value", "nothing"),
        ({"number": 1, "heights": {"a": -1}}, "heights[...]", "int >= 0", None),
        ({"number": 1, "prices": {"a": "b"}}, "prices[...]", "int", "str"),
        ({"number": 1, "by_number": {"a": 1}}, "by_number", "int", "str"),
        ({"number": 1, "positive": -3}, "positive", "int >= 0", "-3"),
        ({"number": 1, "short": "abc"}, "short", "str of length <= 2", '"abc"'),
        ({"number": 1, "pair": [1, 2, 3]}, "pair", "array of length 2", "array"),
        ({"number": 1, "colour": "blue"}, "colour", "enum value", '"blue"'),
        ({"number": 1, "letter": "it's - at `$.number`"}, "letter", "enum value", ...),
        ({"number": 1, "when": "now"}, "when", "RFC3339 encoded datetime", '"now"'),
        ({"number": 1, "data": "%"}, "data", "base64 encoded string", '"%"'),
        ({"number": 1, "short": "a" * 9999}, "short", ..., '"' + "a" * 124 + "..."),
        ({"number": 1, "x" * 9999: 1}, "x" * 125 + "...", "nothing", "a value"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_wrong_field_is_told_with_what_was_expected_and_what_came(
    kinds: KindDispatcher, fields: dict[str, Any], where: str, expected: Any, got: Any
) -> None:
    """The same in the details, for programs, and in the message, for people."""
    refused = await refusal_of(kinds, {"kind": "form", **fields})
    details = refused["details"]
    assert refused["code"] == "invalid"
    assert details["field"] == where
    assert expected in (details["expected"], ...)
    assert got in (details.get("got"), ...)
    came = f", got {details['got']}" if "got" in details else ""
    assert refused["message"] == f"{where}: expected {details['expected']}{came}"


@pytest.mark.parametrize(
    ("field", "expected"),
    [("value", "float"), ("many", "array"), ("colour", "str"), ("anything", "a value")],
)
async def test_a_missing_parameter_is_told_with_its_type(
    kinds: KindDispatcher, field: str, expected: str
) -> None:
    """In JSON's words."""
    message = {"kind": "progress", "value": 1, "many": [], "colour": "red", "anything": 0}
    del message[field]
    details = {"field": field, "expected": expected, "got": "nothing"}
    assert (await refusal_of(kinds, message))["details"] == details


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000])
async def test_a_number_beyond_all_bounds_is_refused(kinds: KindDispatcher, number: str) -> None:
    """Python would take seconds to read millions of digits."""
    refused = await refusal_of(kinds, f'{{"kind":"form","number":{number}}}')
    assert refused == {
        "code": "invalid",
        "message": "number: Integer value out of range",
        "details": {"field": "number"},
    }


@pytest.mark.parametrize(
    ("text", "code", "details"),
    [
        ("[]", "not_object", {"expected": "object", "got": "array"}),
        ('"kind"', "not_object", {"expected": "object", "got": "str"}),
        ("7", "not_object", {"expected": "object", "got": "int"}),
        ("null", "not_object", {"expected": "object", "got": "null"}),
        ("{}", "missing_kind", {"field": "kind", "expected": "str", "got": "nothing"}),
        ('{"ref":7}', "missing_kind", {"field": "kind", "expected": "str", "got": "nothing"}),
        ('{"kind":7}', "bad_kind", {"field": "kind", "expected": "str", "got": "int"}),
        ('{"kind":null}', "bad_kind", {"field": "kind", "expected": "str", "got": "null"}),
        ('{"kind":{}}', "bad_kind", {"field": "kind", "expected": "str", "got": "object"}),
        ('{"kind":["any"]}', "bad_kind", {"field": "kind", "expected": "str", "got": "array"}),
        ('{"kind":""}', "unknown_kind", {"field": "kind", "expected": ..., "got": ""}),
        ('{"kind":"reply"}', "unknown_kind", {"field": "kind", "expected": ..., "got": "reply"}),
        (
            '{"kind":"%s"}' % ("x" * 9999),
            "unknown_kind",
            {"field": "kind", "expected": ..., "got": "x" * 125 + "..."},
        ),
        ('{"kind":"any","ref":[]}', "invalid", {"field": "ref", "expected": ..., "got": "array"}),
        ('{"kind":"any","ref":1.0}', "invalid", {"field": "ref", "expected": ..., "got": "float"}),
        ('{"kind":"any","ref":true}', "invalid", {"field": "ref", "expected": ..., "got": "bool"}),
        ('{"kind":"any","ref":"%s"}' % ("r" * 129), "invalid", {"field": "ref", "expected": ...}),
        ('{"kind":"x","ref":"%s"}' % ("r" * 10**6), "invalid", {"field": "ref", "expected": ...}),
        ('{"kind":"any","ref":%s}' % ("9" * 4301), "invalid", {"field": "ref"}),
        ('{"kind":"x","ref":{}}', "invalid", {"field": "ref", "expected": ..., "got": "object"}),
    ],
)
async def test_an_envelope_that_is_wrong_is_told_so(
    kinds: KindDispatcher, text: str, code: str, details: dict[str, Any]
) -> None:
    """With the field that is to blame."""
    refused = await refusal_of(kinds, text)
    assert refused["code"] == code
    assert refused["details"].keys() == details.keys()
    assert all(details[key] in (value, ...) for key, value in refused["details"].items())


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        "{",
        '{"kind":"any"',
        '{"kind":"any"}{}',
        "{'kind':'any'}",
        '{"kind":"any",}',
        '{"kind":"any","value":NaN}',
        '{"kind":"any","value":Infinity}',
        '{"kind":"any","value":-Infinity}',
        '{"kind":"any","value":01}',
        '{"kind":"any","value":"\\ud800"}',
        '{"kind":"any","value":"\\udc00"}',
        '{"kind":"any","value":"\\ud800 and more"}',
        '{"kind":"\\ud800 and more"}',
        '{"kind":"any","ref":"\\ud800 and more"}',
        '{"kind":"any","value":"\ud800"}',
        '{"kind":"any","value":"\x00"}',
        b'{"kind":"any","value":"\xff"}',
        b'{"kind":"\xff"}',
        b'{"kind":"any","ref":"\xff"}',
        b"\xff",
        "\ufeff{}",
    ],
    ids=ascii,
)
async def test_what_is_no_json_is_told_so(kinds: KindDispatcher, text: str | bytes) -> None:
    """By the letter of RFC 8259: no NaN, no lone surrogates, no trailing text."""
    refused = await refusal_of(kinds, text)
    assert refused["code"] == "bad_json"
    assert refused["message"].startswith("the message is not JSON: ")
    assert "details" not in refused


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEEP,
        "[" * DEEP + "]" * DEEP,
        '{"a":' * DEEP,
        '{"kind":"any","value":' + "[" * DEEP + "]" * DEEP + "}",
        '{"kind":"any","more":' + '{"a":' * DEEP + "1" + "}" * DEEP + "}",
        '{"kind":' + "[" * DEEP + "]" * DEEP + "}",
        '{"kind":"any","ref":' + "[" * DEEP + "]" * DEEP + "}",
    ],
    ids=lambda text: f"{text[:30]}...",
)
async def test_a_depth_bomb_is_refused(kinds: KindDispatcher, text: str) -> None:
    """Wherever it lies; no stack overflows and no RecursionError goes further."""
    assert await refusal_of(kinds, text) in (
        {"code": "bad_json", "message": "the message is nested too deeply"},
        {
            "code": "not_object",
            "message": "a message is an object, not array",
            "details": {"expected": "object", "got": "array"},
        },
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"kind":"unknown","ref":"a"}', "unknown_kind"),
        ('{"ref":"a"}', "missing_kind"),
        ('{"ref":"a","kind":7}', "bad_kind"),
        ('{"kind":"form","number":"1","ref":"a"}', "invalid"),
        ('{"kind":"form","ref":"a","number":1e999}', "invalid"),
    ],
)
async def test_an_error_reply_carries_the_ref_if_one_was_readable(
    kinds: KindDispatcher, text: str, code: str
) -> None:
    """Whoever waits for the reply is to know that there will be none."""
    (answer,) = await say(kinds, text)
    assert (answer["ref"], answer["error"]["code"]) == ("a", code)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"kind":"any","kind":"form","ref":1}', "invalid"),
        ('{"kind":"form","kind":"any","ref":1}', "invalid"),
        ('{"value":1,"kind":"any","kind":"form","ref":1}', "invalid"),
        ('{"kind":"unknown","kind":"any","ref":1}', "invalid"),
        ('{"kind":"any","kind":"unknown","ref":1}', "unknown_kind"),
        ('{"kind":"any","\\u006bind":"form","ref":1}', "invalid"),
        ('{"kind":"any","kind":7,"ref":1}', "bad_kind"),
        ('{"kind":7,"kind":"any","ref":1}', "invalid"),
    ],
)
async def test_two_kinds_in_one_message_are_refused(
    kinds: KindDispatcher, text: str, code: str
) -> None:
    """Whoever checks one of them must not be followed by whoever acts on the other."""
    (answer,) = await say(kinds, text)
    assert answer["error"]["code"] == code


async def test_the_last_of_several_equal_keys_counts(kinds: KindDispatcher) -> None:
    """For fields and for the ref, as in most readers of JSON."""
    text = '{"kind":"any","ref":1,"value":1,"kind":"any","ref":2}'
    assert await say(kinds, text) == [{"kind": "reply", "ref": 2, "result": 1}]
    (answer,) = await say(kinds, '{"kind":"form","number":1,"ref":1,"ref":2,"number":"1"}')
    assert (answer["ref"], answer["error"]["details"]["got"]) == (2, "str")


async def test_a_fallback_reads_two_kinds_as_it_reads_the_fields() -> None:
    """The kind that it is given is the one that a dict of the message would have."""
    kinds = KindDispatcher()
    kinds.fallback(lambda kind, fields: [kind, fields])
    (answer,) = await say(kinds, '{"kind":"a","kind":"b","x":1,"x":2,"ref":1}')
    assert answer["result"] == ["b", {"x": 2}]


@pytest.mark.parametrize("text", ["{}", '{"ref":1}', '{"value":1,"ref":1}'])
@pytest.mark.parametrize("count", [0, 1, 2])
async def test_a_message_without_a_kind_is_never_taken_for_one(text: str, count: int) -> None:
    """Not even where there is but one that it could be."""
    kinds = KindDispatcher()
    for name in ["one", "two"][:count]:
        kinds.on(name)(lambda value=None: pytest.fail("called"))
    assert (await refusal_of(kinds, text))["code"] == "missing_kind"


async def test_every_error_reply_is_small(kinds: KindDispatcher) -> None:
    """A large message does not come back."""
    for large in ({"kind": "x" * 99999}, {"kind": "form", "number": "x" * 99999}, ["x" * 99999]):
        (answer,) = await say(kinds, json.dumps(large))
        assert len(encode(answer)) < 600
