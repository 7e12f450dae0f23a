"""Random streams: portions change nothing, and any bytes end in messages or one error."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aiows._wire import DeflateParams, Inflater, Message, MessageReader, is_close_code
from builds import Build
from wire.streams import Outcome, cut, damaged_streams, every, read, valid_streams

MESSAGE_OPCODES = {1, 2, 8, 9, 10}
CODES = {1002, 1007, 1009}
LIMIT = 200_000

modestly = settings(deadline=None, max_examples=100)


def reader(build: Build, *, max_msg_size: int = LIMIT) -> MessageReader:
    """A reader that knows permessage-deflate, as most are."""
    inflater = Inflater(DeflateParams(client_no_context_takeover=True))
    return build.MessageReader(max_msg_size=max_msg_size, inflater=inflater)


def assert_well_formed(message: Message) -> None:
    assert message.opcode in MESSAGE_OPCODES
    if message.opcode == 1:
        assert isinstance(message.data, str)
        assert message.size == len(message.data.encode())
    elif message.opcode == 8:
        assert isinstance(message.data, int)
        assert message.data == 1005 or is_close_code(message.data)
    else:
        assert isinstance(message.data, bytes)
        assert message.size == len(message.data)
    assert isinstance(message.extra, str)


def assert_ends_well(outcome: Outcome) -> None:
    """Messages, and perhaps one error whose code and text fit into a Close frame."""
    for message in outcome.messages:
        assert_well_formed(message)
    if outcome.error is not None:
        assert outcome.code in CODES
        assert len(outcome.error.text.encode()) <= 123


@modestly
@given(stream=valid_streams(), places=st.lists(st.integers(0, 5000), max_size=20))
def test_valid_frames_give_the_same_messages_wherever_they_are_cut(
    build: Build, stream: tuple[bytes, list[Message]], places: list[int]
) -> None:
    """Fragments, control frames between them, text and binary."""
    data, messages = stream
    assert read(build.MessageReader(), cut(data, places)) == Outcome(messages)


@modestly
@given(stream=valid_streams(deflate=True), places=st.lists(st.integers(0, 5000), max_size=20))
def test_valid_compressed_frames_give_the_same_messages_wherever_they_are_cut(
    build: Build, stream: tuple[bytes, list[Message]], places: list[int]
) -> None:
    """Each message compressed or not."""
    data, messages = stream
    assert read(reader(build), cut(data, places)) == Outcome(messages)


@settings(deadline=None, max_examples=30)
@given(stream=valid_streams(deflate=True), size=st.integers(1, 9))
def test_valid_frames_give_the_same_messages_in_tiny_chunks(
    build: Build, stream: tuple[bytes, list[Message]], size: int
) -> None:
    """Every header is cut in every way; of a long stream the chunks are larger, or it would take minutes."""
    data, messages = stream
    size = max(size, len(data) // 10_000)
    assert read(reader(build), every(size, data)) == Outcome(messages)


@modestly
@given(st.lists(st.binary(max_size=200), max_size=10))
def test_any_bytes_end_in_messages_or_in_one_error(build: Build, chunks: list[bytes]) -> None:
    """Never in another exception."""
    for each in (build.MessageReader(), build.MessageReader(require_mask=False), reader(build)):
        assert_ends_well(read(each, chunks))


@modestly
@given(
    stream=damaged_streams(),
    places=st.lists(st.integers(0, 2000), max_size=10),
    limit=st.sampled_from([0, 10, 100, LIMIT]),
)
def test_damaged_frames_end_the_same_way_wherever_they_are_cut(
    build: Build, stream: bytes, places: list[int], limit: int
) -> None:
    """The same messages, and an error or none."""
    whole = read(reader(build, max_msg_size=limit), [stream])
    in_parts = read(reader(build, max_msg_size=limit), cut(stream, places))
    assert_ends_well(whole)
    assert_ends_well(in_parts)
    assert in_parts.messages == whole.messages
    assert (in_parts.error is None) is (whole.error is None)
