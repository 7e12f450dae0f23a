"""What each codec does with values that formats treat differently, and what it refuses."""

from __future__ import annotations

import json
import math
import tracemalloc
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows.codecs import JSON, MSGPACK, Codec, JsonCodec, MsgpackCodec, ObjectCodec
from protobuf_codec import PROTOBUF

ALL = [JSON, MSGPACK, PROTOBUF]
each_codec = pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.name)
msgspecs = pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)


@dataclass
class Person:
    _secret: int
    name: str = "a"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "not what it is"


class Number(int): ...


def said_by(codec: Codec, value: Any) -> Any:
    """What a peer of no types reads."""
    return codec.reader(Any)(codec.encode(value))


# what is said


@each_codec
def test_integers_of_any_size_are_whole(codec: Codec) -> None:
    """Up to what an integer of 64 bits can be, and beyond."""
    numbers = [2**53 + 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**400]
    assert said_by(codec, numbers) == numbers


def test_a_large_integer_in_messagepack_is_extension_0_with_its_digits() -> None:
    """As the documentation of JavaScript's library does it."""
    extension = msgspec.msgpack.decode(MSGPACK.encode(2**64))
    assert (extension.code, extension.data) == (0, msgspec.msgpack.encode(str(2**64)))


def test_a_large_integer_is_no_key_in_messagepack() -> None:
    """Said at once; in JSON all keys are text."""
    with pytest.raises(TypeError, match="MessagePack cannot encode this"):
        MSGPACK.encode({2**64: 1})
    assert JSON.encode({2**64: 1}) == b'{"18446744073709551616":1}'


def test_bytes_are_bytes_where_the_format_has_them() -> None:
    """Base64 in JSON."""
    assert [said_by(codec, b"\xff") for codec in ALL] == ["/w==", b"\xff", b"\xff"]


def test_an_instant_is_the_formats_own() -> None:
    """A timestamp in MessagePack, text in the others."""
    instant = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
    said = [said_by(codec, instant) for codec in ALL]
    assert said == ["2026-11-21T05:00:00Z", instant, "2026-11-21T05:00:00Z"]


@each_codec
def test_what_is_derived_from_a_plain_type_is_said_as_that_type(codec: Codec) -> None:
    """By its value, not by what it calls itself."""
    assert said_by(codec, {"text": Text("hi"), "number": Number(7)}) == {"text": "hi", "number": 7}


@each_codec
def test_fields_of_a_dataclass_are_all_said(codec: Codec) -> None:
    """Also those whose names begin with an underscore, which orjson leaves out."""
    for said in (said_by(codec, Person(1)), said_by(codec, [Person(1)])[0]):
        assert said == {"_secret": 1, "name": "a"}


def test_keys_of_json_are_text() -> None:
    """Numbers as their digits."""
    assert JSON.encode({1: "a", Decimal("1.5"): 2}) == b'{"1":"a","1.5":2}'


@each_codec
@pytest.mark.parametrize(
    "value",
    [object(), {"a": [object()]}, "\ud800", {"\udfff": 1}],
    ids=["object", "within", "surrogate", "surrogate as key"],
)
def test_what_cannot_be_said_is_a_type_error(codec: Codec, value: Any) -> None:
    """Nothing leaves that the other end could not read."""
    with pytest.raises(TypeError):
        codec.encode(value)


@each_codec
def test_what_contains_itself_is_a_type_error(codec: Codec) -> None:
    """Not a crash, and not for ever."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError):
        codec.encode(endless)


@each_codec
@settings(deadline=None, max_examples=30)
@given(
    field=st.sampled_from(["kind", "ref"]),
    tag=st.text("ab"),
    count=st.sampled_from([0, 1, 14, 15, 16, 17, 70_000]),
)
def test_a_tag_and_an_object_become_one_object(
    codec: Codec, field: str, tag: str, count: int
) -> None:
    """However many fields the object has."""
    if codec is PROTOBUF:
        count %= 100  # it is slow
    fields = {f"field{number}": number for number in range(count)}
    message = codec.encode_tagged(field, tag, fields)
    assert codec.reader(dict[str, Any])(message) == {field: tag, **fields}


# what is read


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "wrap", [lambda n: n, lambda n: [[n]], lambda n: {"a": n}, lambda n: {n: 1}]
)
@pytest.mark.parametrize("type_", [Any, float | dict[str, float] | list[Any], list[list[float]]])
def test_messagepack_has_no_nan(number: float, wrap: Any, type_: Any) -> None:
    """As JSON has none: it would pass every check that asks whether a number is too large."""
    for data in (
        msgspec.msgpack.encode(wrap(number)),
        b"\xca\x7f\xc0\x00\x00",
        b"\xca\xff\x80\x00\x00",
    ):
        with pytest.raises(msgspec.ValidationError):
            MSGPACK.reader(type_)(data)


@given(st.binary() | st.text() | st.floats(allow_nan=False, allow_infinity=False))
def test_what_looks_like_a_special_value_is_read_as_it_is(value: Any) -> None:
    """Bytes within text and data are no headers."""
    for said in (value, [value, b"\xcb\x7f\xf8", "\xca\x7f\xff", b"\xd4\x00a"]):
        assert MSGPACK.reader(Any)(MSGPACK.encode(said)) == said


@pytest.mark.parametrize(
    "data",
    [
        b"\xc7\x05\x00\xa4nope",
        b"\xd4\x00\xff",
        b"\xc8\x12\x00\x00" + msgspec.msgpack.encode("1" * (0x1200 - 3)),
        b"\xd4\x00",
    ],
    ids=["no digits", "no text", "more digits than Python reads", "cut"],
)
def test_a_broken_integer_is_broken_messagepack(data: bytes) -> None:
    """Which stops what would take a quadratic time to read."""
    with pytest.raises(msgspec.DecodeError):
        MSGPACK.reader(Any)(data)


def test_other_extensions_are_left_to_who_knows_them() -> None:
    """A number of the application's own, also beside what is looked into."""
    large = msgspec.msgpack.Ext(0, msgspec.msgpack.encode("7"))
    other = msgspec.msgpack.Ext(5, b"a")
    number, read = MSGPACK.reader(list[Any])(MSGPACK.encode([large, other]))
    assert (number, read.code, read.data) == (7, 5, b"a")


@msgspecs
@pytest.mark.parametrize("type_", [Any, dict[str, Any], list[Any], list[list[int]]])
def test_a_depth_bomb_is_an_error(codec: Codec, type_: Any) -> None:
    """However it is read, and where it is only passed over, too."""
    array, key = (b"[", b'{"a":') if codec is JSON else (b"\x91", b"\x81\xa1a")
    for bomb in (array * 1_000_000, key * 1_000_000):
        with pytest.raises((RecursionError, msgspec.DecodeError)):
            codec.reader(type_)(bomb)
        with pytest.raises((RecursionError, msgspec.DecodeError)):
            codec.splitter("kind")(bomb)


@pytest.mark.parametrize("header", [b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9"])
@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\x00\xff\xff\xff"])
def test_a_declared_size_alone_allocates_nothing(header: bytes, size: bytes) -> None:
    """Four bytes may claim four billion items."""
    bomb = (header + size) * 100
    tracemalloc.start()
    try:
        for type_ in (Any, list[int], dict[str, Any]):
            with pytest.raises(msgspec.DecodeError):
                MSGPACK.reader(type_)(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@msgspecs
def test_of_equal_keys_the_last_one_counts(codec: Codec) -> None:
    """In the whole as in the parts."""
    twice = b'{"a":1,"a":2}' if codec is JSON else b"\x82\xa1a\x01\xa1a\x02"
    (part,) = codec.splitter("a")(twice)
    assert codec.reader(dict[str, int])(twice) == {"a": 2}
    assert codec.decoder(int)(part) == 2


@each_codec
def test_a_part_that_is_not_there_is_none(codec: Codec) -> None:
    """And one that is there can be read as what it is."""
    document = codec.open(codec.encode({"a": {"b": 2**70}}))
    part, missing = codec.splitter("a", "other")(document)
    assert missing is None
    assert codec.decoder(dict[str, int])(part) == {"b": 2**70}
    assert codec.decoder(dict[str, int])(codec.empty) == {}


@each_codec
def test_only_an_object_has_parts(codec: Codec) -> None:
    """Anything else does not fit."""
    values: list[Any] = [[], 1, "kind", None]
    for value in values:
        with pytest.raises(msgspec.ValidationError):
            codec.splitter("kind")(codec.open(codec.encode(value)))


def test_a_text_may_come_as_a_str_or_as_bytes() -> None:
    """As the connection gives it out."""
    read = JSON.reader(dict[str, int])
    assert read('{"a":1}') == read(b'{"a":1}') == {"a": 1}


# other formats


class Broken(ObjectCodec):
    name = "broken"

    def loads(self, data: bytes, /) -> Any:
        return json.loads(data)

    def dumps(self, plain: Any, /) -> bytes:
        raise LookupError("never")


def test_what_a_format_of_ones_own_raises_is_a_type_error() -> None:
    """Whoever sends knows what to catch."""
    with pytest.raises(TypeError, match="broken cannot encode this: never"):
        Broken("broken").encode({})


def test_a_format_of_ones_own_has_no_nan_either() -> None:
    """Where it is, is said."""
    with pytest.raises(msgspec.ValidationError, match=r"finite number.*\$\.a\[1\]"):
        Broken("broken").open('{"a": [1, NaN]}')


@pytest.mark.parametrize("name", ["", "a b", "a,b", "ü", "a\r\nb"])
def test_a_subprotocol_is_a_token(name: str) -> None:
    """Or a header would say something else."""
    for make in (JsonCodec, MsgpackCodec, Broken):
        with pytest.raises(ValueError, match="not a valid name for a subprotocol"):
            make(name)


@pytest.mark.parametrize("codec", [JSON, MSGPACK])
async def test_a_coroutine_is_to_be_awaited(codec: Codec) -> None:
    """It is what an ``async def`` returns that was only called."""

    async def find() -> int:
        return 1

    forgotten = find()
    with pytest.raises(TypeError, match="objects of type coroutine: await it"):
        codec.encode({"found": forgotten})
    assert await forgotten == 1
