"""How many values a message has is counted in its bytes, before anything is made of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiows.codecs import JSON, MOST_VALUES, MSGPACK, Codec
from aiows.codecs.bounding import count_in_json, count_in_msgpack

each_codec = pytest.mark.parametrize("codec", [JSON, MSGPACK], ids=lambda codec: codec.name)

MANY = 10**9
MANY_COMMAS = 10_000

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
texts = st.text() | st.sampled_from(['"', "\\", '\\"', ",[{", "é" * 40, "x" * 300, "y" * 70_000])


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20
    )


def values_in(value: Any, *, with_keys: bool) -> int:
    """How many there are, and keys where they count."""
    if isinstance(value, dict):
        return 1 + sum(with_keys + values_in(each, with_keys=with_keys) for each in value.values())
    if isinstance(value, list):
        return 1 + sum(values_in(each, with_keys=with_keys) for each in value)
    return 1


@given(trees(scalars | texts | st.binary() | st.datetimes(timezones=st.just(None))))
def test_values_of_messagepack_are_counted_with_their_keys(value: Any) -> None:
    """Whatever they are: each begins with a byte that says how long it is."""
    data = MSGPACK.encode(value)
    assert count_in_msgpack(data, MANY) == values_in(value, with_keys=True)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 255, 256, 65_536])
@pytest.mark.parametrize("code", [-1, 0, 5])
def test_extensions_of_all_lengths_are_one_value(size: int, code: int) -> None:
    """They have a byte for their type besides."""
    data = msgspec.msgpack.encode([msgspec.msgpack.Ext(code, bytes(size)), 1])
    assert count_in_msgpack(data, MANY) == 3


@given(trees(scalars | texts))
def test_values_of_json_are_counted_without_what_is_in_strings(value: Any) -> None:
    """As their commas and brackets tell."""
    for data in (JSON.encode(value), msgspec.json.format(JSON.encode(value))):
        count = count_in_json(data, 1)
        assert min(count, 2) in (0, min(values_in(value, with_keys=False), 2))
        padded = b"[" + data + b',"' + b"," * MANY_COMMAS + b'"]'
        assert count_in_json(padded, MANY_COMMAS) == 2 + values_in(value, with_keys=False)


@pytest.mark.parametrize(
    "data",
    [b'"' + b'\\"' * 200_000, b'",' * 200_000, b'{"a":"' + b",[{" * 100_000, b"\\" * 200_000],
    ids=["escaped quotes", "quotes", "no end", "backslashes"],
)
def test_no_json_takes_long_to_be_counted(data: bytes) -> None:
    """Each byte is looked at once, also in what is no JSON: with the square of it this would not end."""
    assert count_in_json(data, 1) >= 0


def test_strings_that_follow_each_other_are_not_all_looked_at() -> None:
    """It is no JSON; what decodes it would stop at the second of them."""
    data = Counted(b'["' + b"," * 1000 + b'"' + b'""' * 100_000)
    assert count_in_json(data, 1000) == 2
    assert data.looks <= 3000


class Counted(bytes):
    """Counts how often a byte of it is asked for."""

    looks = 0

    def __getitem__(self, key: Any) -> Any:
        self.looks += 1
        return super().__getitem__(key)


@each_codec
@pytest.mark.parametrize("item", [[], {}, "a", 1, None, [[]]], ids=repr)
def test_untyped_values_are_bounded(codec: Codec, item: Any) -> None:
    """Just as many as are allowed pass; one more is an error, whatever they are."""
    decode = codec.decoder(Any)
    size = (MOST_VALUES - 1) // values_in(item, with_keys=True)
    assert len(decode(codec.encode([item] * size))) == size
    with pytest.raises(msgspec.ValidationError, match="more than 100000 values"):
        decode(codec.encode([item] * (size + 1)))


@each_codec
@pytest.mark.parametrize("type_", [list, dict[str, list[Any]], list[dict[str, Any]], object])
def test_so_are_untyped_values_within_a_type(codec: Codec, type_: Any) -> None:
    """Wherever in it they may be."""
    many: Any = [{"a": []}] * MOST_VALUES if type_ != dict[str, list[Any]] else {"a": [1] * 100_001}
    with pytest.raises(msgspec.ValidationError, match="more than 100000 values"):
        codec.decoder(type_)(codec.encode(many))


@each_codec
def test_values_of_a_type_are_bounded_by_that(codec: Codec) -> None:
    """A list of numbers may have as many as a message has room for."""
    assert len(codec.decoder(list[int])(codec.encode([1] * 300_000))) == 300_000


@each_codec
def test_text_is_one_value(codec: Codec) -> None:
    """However long it is, and whatever is in it."""
    text = '["a", {"b": 1}, ' * 100_000
    assert codec.decoder(Any)(codec.encode({"text": text})) == {"text": text}
