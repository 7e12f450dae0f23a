"""Random messages with their bytes on the wire, and what a reader must make of them.

The frames are built by `raw_client`, which shares no code with aiows, and compressed by plain zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from aiows._wire import Message, MessageReader
from aiows.errors import ProtocolError
from raw_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, build_frame, close_payload

MASK = b"\x9a\x00\xff\x31"
FLUSH_MARK = b"\x00\x00\xff\xff"


def frame(
    opcode: int, payload: bytes | str = b"", *, fin: bool = True, rsv1: bool = False
) -> bytes:
    """A client's frame, the same each time."""
    return build_frame(opcode, payload, fin=fin, rsv1=rsv1, mask=MASK)


def fragmented(opcode: int, parts: Iterable[bytes], *, rsv1: bool = False) -> list[bytes]:
    """One message as the frames of its ``parts``."""
    payloads = list(parts)
    last = len(payloads) - 1
    return [
        frame(CONTINUATION if i else opcode, part, fin=i == last, rsv1=rsv1 and i == 0)
        for i, part in enumerate(payloads)
    ]


def deflated(data: bytes, *, window_bits: int = 15) -> bytes:
    """The payload of a message that stands by itself, by plain zlib."""
    stream = zlib.compressobj(wbits=-window_bits)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(FLUSH_MARK)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """``data`` cut at ``places``."""
    inside = sorted({place for place in places if 0 < place < len(data)})
    return [data[start:end] for start, end in pairwise([0, *inside, len(data)])]


def every(size: int, data: bytes) -> list[bytes]:
    """``data`` in chunks of ``size``."""
    return cut(data, range(size, len(data), size))


@dataclass
class Outcome:
    """The result of a reader: messages, and the error at the end if there was one."""

    messages: list[Message]
    error: ProtocolError | None = None

    @property
    def code(self) -> int | None:
        return None if self.error is None else self.error.code


def read(reader: MessageReader, chunks: Iterable[bytes]) -> Outcome:
    """Read as a connection does: one buffer for all reads, overwritten after each."""
    outcome = Outcome([])
    try:
        for chunk in chunks:
            for message in read_chunk(reader, chunk):
                outcome.messages.append(message)
    except ProtocolError as error:
        outcome.error = error
    return outcome


def read_chunk(reader: MessageReader, chunk: bytes) -> Iterable[Message]:
    while chunk:
        room = reader.get_buffer()
        if room is None:
            buffer = bytearray(chunk)
            with memoryview(buffer) as view:
                reader.feed(view)
                yield from available(reader)
                reader.release()
            buffer[:] = bytes(len(buffer))
            return
        part, chunk = chunk[: len(room)], chunk[len(room) :]
        room[: len(part)] = part
        reader.buffer_updated(len(part))
        yield from available(reader)
        reader.release()


def available(reader: MessageReader) -> Iterable[Message]:
    while (message := reader.next_message()) is not None:
        yield message


def text(data: str) -> Message:
    return Message(TEXT, data, "", len(data.encode()))


def binary(data: bytes) -> Message:
    return Message(BINARY, data, "", len(data))


# Strategies

small_payloads = st.binary(max_size=300)
# Few distinct bytes, so that deflate finds matches in its window.
payloads = st.one_of(
    small_payloads,
    st.builds(
        lambda unit, times: unit * times, st.binary(min_size=1, max_size=40), st.integers(1, 3000)
    ),
)
# At most 180,000 bytes: within the limit of the tests' readers.
texts = st.one_of(
    st.text(max_size=100), st.builds(lambda t, n: t * n, st.text(max_size=50), st.integers(0, 900))
)


@st.composite
def control_frames(draw: st.DrawFn) -> tuple[bytes, Message]:
    opcode = draw(st.sampled_from([PING, PONG]))
    payload = draw(st.binary(max_size=125))
    return frame(opcode, payload), Message(opcode, payload, "", len(payload))


@st.composite
def data_messages(draw: st.DrawFn, *, deflate: bool) -> tuple[list[bytes], Message]:
    """The frames of one data message, and the message."""
    message = draw(st.one_of(st.builds(text, texts), st.builds(binary, payloads)))
    payload = message.data.encode() if isinstance(message.data, str) else bytes(message.data)
    rsv1 = deflate and draw(st.booleans())
    on_wire = deflated(payload) if rsv1 else payload
    places = draw(st.lists(st.integers(0, len(on_wire)), max_size=4))
    parts = cut_with_empty_parts(on_wire, places)
    return fragmented(message.opcode, parts, rsv1=rsv1), message


def cut_with_empty_parts(data: bytes, places: Iterable[int]) -> list[bytes]:
    """``data`` cut at ``places``; places that are equal give empty parts."""
    return [data[start:end] for start, end in pairwise([0, *sorted(places), len(data)])]


@st.composite
def valid_streams(draw: st.DrawFn, *, deflate: bool = False) -> tuple[bytes, list[Message]]:
    """Valid bytes, with control frames anywhere between others, and their messages."""
    stream: list[bytes] = []
    messages: list[Message] = []
    for frames, message in draw(st.lists(data_messages(deflate=deflate), max_size=4)):
        for each in frames:
            for control, answer in draw(st.lists(control_frames(), max_size=1)):
                stream.append(control)
                messages.append(answer)
            stream.append(each)
        messages.append(message)
    if draw(st.booleans()):
        reason = draw(st.text(max_size=30))
        code = draw(st.sampled_from([1000, 1001, 1011, 1012, 3000, 4999]))
        stream.append(frame(CLOSE, close_payload(code, reason)))
        messages.append(Message(CLOSE, code, reason, 2 + len(reason.encode())))
    return b"".join(stream), messages


@st.composite
def damaged_streams(draw: st.DrawFn) -> bytes:
    """Almost valid streams, with errors that random bytes would hardly ever have."""
    stream = bytearray(draw(valid_streams(deflate=True))[0])
    for _ in range(draw(st.integers(1, 3))):
        if stream:
            place = draw(st.integers(0, len(stream) - 1))
            stream[place] = draw(st.integers(0, 255))
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(stream))] * 2)))
    if draw(st.booleans()):
        del stream[start : min(end, start + 20)]
    return bytes(stream)
