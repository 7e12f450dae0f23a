"""Both builds side by side: for any input, in any portions, they return the same at every step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aiows
from aiows._wire import DeflateParams, Inflater, Message, MessageReader, Opcode
from aiows.errors import ProtocolError
from builds import Build
from raw_client import BINARY, TEXT
from wire.streams import cut, damaged_streams, deflated, fragmented, valid_streams

KIB = 1024
PURE = Build()

thoroughly = settings(deadline=None, max_examples=200)

# What a reader is told, but for the inflater, of which each has its own.
options = st.fixed_dictionaries(
    {},
    optional={
        "max_msg_size": st.sampled_from([0, 1, 10, 125, 126, 1000, 70_000, 300_000]),
        "decode_text": st.booleans(),
        "require_mask": st.booleans(),
        "takes_limit": st.booleans(),
    },
)
takeovers = st.sampled_from([None, True, False])
places = st.lists(st.integers(0, 3000), max_size=12)
# How many messages are taken after each portion, in turn; a connection that pauses takes none.
appetites = st.lists(st.integers(0, 3), min_size=1, max_size=3) | st.just([1_000_000])

many_texts = st.builds(lambda unit, size: unit * (size // len(unit.encode())),
    st.sampled_from(["a", "é", "a€", "𝄞", "a" * 100 + "é"]), st.integers(0, 300 * KIB))  # fmt: skip
many_bytes = st.builds(
    lambda unit, size: unit * (size // len(unit)),
    st.binary(min_size=1, max_size=9),
    st.integers(0, 300 * KIB),
)


@st.composite
def large_streams(draw: st.DrawFn) -> bytes:
    """A few messages for which a reader gives room of its own, valid or with one byte changed."""
    stream = bytearray()
    for _ in range(draw(st.integers(1, 2))):
        opcode, payload = draw(
            st.one_of(
                many_texts.map(lambda data: (TEXT, data.encode())),
                many_bytes.map(lambda data: (BINARY, data)),
            )
        )
        rsv1 = draw(st.booleans())
        size = draw(st.sampled_from([1_000_000, 150 * KIB, 5000]))
        on_wire = deflated(payload) if rsv1 else payload
        parts = [on_wire[at : at + size] for at in range(0, len(on_wire), size)] or [b""]
        stream += b"".join(fragmented(opcode, parts, rsv1=rsv1))
    if draw(st.booleans()):
        stream[draw(st.integers(0, len(stream) - 1))] ^= draw(st.integers(1, 255))
    return bytes(stream)


def reader_of(build: Build, told: dict[str, Any], takeover: bool | None) -> MessageReader:
    if takeover is None:
        return build.MessageReader(**told)
    params = DeflateParams(client_no_context_takeover=not takeover)
    return build.MessageReader(inflater=Inflater(params), **told)


def log_of(reader: MessageReader, chunks: list[bytes], hunger: list[int]) -> list[Any]:
    """Everything that can be seen of ``reader``, step by step."""
    log: list[Any] = []
    for i, chunk in enumerate(chunks):
        appetite = hunger[i % len(hunger)]
        for _ in offered(reader, chunk, log):
            log += taken(reader, appetite)
            reader.release()
    return log + taken(reader, 1_000_000)


def offered(reader: MessageReader, chunk: bytes, log: list[Any]) -> Iterator[None]:
    """Offer ``chunk`` as a transport does, with a pause for each read; overwrite what was fed."""
    while chunk:
        room = reader.get_buffer()
        log.append(None if room is None else len(room))
        if room is None:
            buffer, chunk = bytearray(chunk), b""
            reader.feed(buffer)
            yield
            buffer[:] = bytes(len(buffer))
            return
        part, chunk = chunk[: len(room)], chunk[len(room) :]
        room[: len(part)] = part
        reader.buffer_updated(len(part))
        yield


def taken(reader: MessageReader, appetite: int) -> list[tuple[Any, ...]]:
    seen: list[tuple[Any, ...]] = []
    try:
        while len(seen) < appetite and (message := reader.next_message()) is not None:
            seen.append((type(message), type(message.data), *message))
    except ProtocolError as error:
        seen.append((type(error), error.code, error.text))
    return seen


def assert_same(
    build: Build,
    told: dict[str, Any],
    takeover: bool | None,
    chunks: list[bytes],
    hunger: list[int],
) -> None:
    """``wire`` says what the pure build says."""
    logs = [log_of(reader_of(build, told, takeover), chunks, hunger) for build in (PURE, build)]
    assert logs[0] == logs[1]


@thoroughly
@given(
    told=options,
    takeover=takeovers,
    chunks=st.lists(st.binary(max_size=200), max_size=10),
    hunger=appetites,
)
def test_random_bytes_come_to_the_same_end(
    build: Build,
    told: dict[str, Any],
    takeover: bool | None,
    chunks: list[bytes],
    hunger: list[int],
) -> None:
    """Messages, errors with code and text, and where each is seen."""
    assert_same(build, told, takeover, chunks, hunger)


@thoroughly
@given(
    told=options,
    takeover=takeovers,
    stream=valid_streams(deflate=True).map(lambda drawn: drawn[0]) | damaged_streams(),
    cuts=places,
    hunger=appetites,
)
def test_valid_and_damaged_streams_come_to_the_same_end(
    build: Build,
    told: dict[str, Any],
    takeover: bool | None,
    stream: bytes,
    cuts: list[int],
    hunger: list[int],
) -> None:
    """With every option, compressed or not, also where the options refuse it."""
    assert_same(build, told, takeover, cut(stream, cuts), hunger)


@settings(deadline=None, max_examples=50)
@given(
    told=options,
    takeover=takeovers,
    stream=large_streams(),
    size=st.sampled_from([5000, 64 * KIB, 100_000, 1_000_000]),
    hunger=appetites,
)
def test_large_messages_are_given_the_same_room(
    build: Build,
    told: dict[str, Any],
    takeover: bool | None,
    stream: bytes,
    size: int,
    hunger: list[int],
) -> None:
    """In the same reads, to the same messages."""
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert_same(build, told, takeover, chunks, hunger)


def said(build: Callable[..., bytes], *args: Any, **told: Any) -> bytes | str:
    try:
        return build(*args, **told)
    except ValueError as error:
        return str(error)


@thoroughly
@given(
    opcode=st.sampled_from(Opcode),
    payload=st.binary(max_size=200) | st.integers(0, 70_000).map(bytes),
    told=st.fixed_dictionaries(
        {},
        optional={
            "fin": st.booleans(),
            "rsv1": st.booleans(),
            "mask": st.binary(min_size=4, max_size=4),
        },
    ),
)
def test_the_same_frames_are_built(
    build: Build, opcode: Opcode, payload: bytes, told: dict[str, Any]
) -> None:
    """Or refused in the same words."""
    assert said(build.build_frame, opcode, payload, **told) == said(
        PURE.build_frame, opcode, payload, **told
    )


def test_a_message_is_the_same_as_one_made_in_python(build: Build) -> None:
    """Also to a dict, and when it is unpacked, copied or shown."""
    reader = build.MessageReader()
    reader.feed(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
    message = reader.next_message()
    made = Message(1, "Hello", "", 5)
    assert message is not None
    assert {message: 1}[made] == 1
    assert (hash(message), repr(message), tuple(message)) == (hash(made), repr(made), tuple(made))
    assert message._replace(size=6) == Message(1, "Hello", "", 6)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("MessageReader", lambda reader: reader.feed(b"")),
        ("MessageReader", lambda reader: reader.next_message()),
        ("MessageReader", lambda reader: reader.get_buffer()),
        ("MessageReader", lambda reader: reader.release()),
        ("ProtocolCore", lambda intake: intake.get_buffer(-1)),
        ("ProtocolCore", lambda intake: intake.buffer_updated(1)),
        ("ProtocolCore", lambda intake: intake.read_messages()),
        ("OutboxCore", lambda outbox: outbox._send(b"a")),
        ("OutboxCore", lambda outbox: outbox.amount),
    ],
)
def test_what_was_never_initialised_is_an_error(
    build: Build, name: str, call: Callable[[Any], object]
) -> None:
    """And no crash: a subclass may forget it."""
    kind = getattr(build, name)
    with pytest.raises((AttributeError, TypeError)):
        call(kind.__new__(kind))


def test_it_runs_on_the_build_that_was_asked_for(build: Build) -> None:
    """A checkout may hide what was installed: AIOWS_NO_EXTENSIONS and AIOWS_REQUIRE_EXTENSIONS are kept."""
    if os.environ.get("AIOWS_NO_EXTENSIONS"):
        assert aiows.wire_build == "pure"
    elif os.environ.get("AIOWS_REQUIRE_EXTENSIONS"):
        assert aiows.wire_build == "native"
    in_use = aiows.wire_build == build.name
    assert (aiows._wire.MessageReader is build.MessageReader) is in_use
