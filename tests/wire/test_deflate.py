"""Deflating and inflating, held against plain zlib: every window, with and without takeover."""

from __future__ import annotations

import random
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows._wire import (
    CarefulInflater,
    Compression,
    DeflateParams,
    Deflater,
    Inflater,
    make_deflater,
    make_inflater,
    share_backend,
    shared_deflater,
)
from aiows.errors import ProtocolError
from wire.streams import FLUSH_MARK, cut_with_empty_parts, deflated, payloads

WINDOWS = list(range(9, 16))
DEDICATED = [mode for mode in Compression if mode.is_dedicated]
# For each window data that repeats itself at a distance which it still holds and the next smaller
# one does not: a window other than the agreed one is found out.
FAR = b"".join(random.Random(bits).randbytes(3 << bits - 2) * 2 for bits in WINDOWS)


class ZlibPeer:
    """The other side by plain zlib: one stream, or a new one for each message."""

    def __init__(self, *, window_bits: int = 15, has_takeover: bool = True) -> None:
        self._window_bits = window_bits
        self._has_takeover = has_takeover
        self._start()

    def _start(self) -> None:
        self._inflating = zlib.decompressobj(wbits=-self._window_bits)
        self._deflating = zlib.compressobj(wbits=-self._window_bits)

    def inflate(self, payload: bytes) -> bytes:
        if not self._has_takeover:
            self._start()
        return self._inflating.decompress(payload + FLUSH_MARK)

    def deflate(self, data: bytes) -> bytes:
        if not self._has_takeover:
            self._start()
        payload = self._deflating.compress(data) + self._deflating.flush(zlib.Z_SYNC_FLUSH)
        return payload.removesuffix(FLUSH_MARK)


def inflate(inflater: Inflater, *parts: bytes) -> bytes:
    """A message of ``parts``, whole."""
    last = len(parts) - 1
    return b"".join(
        piece for i, part in enumerate(parts) for piece in inflater.inflate(part, final=i == last)
    )


def small_messages() -> Iterator[bytes]:
    yield from (b'{"kind": "chat.said", "n": %d}' % n for n in range(20))


# Deflating


@pytest.mark.parametrize("window_bits", WINDOWS)
@pytest.mark.parametrize("server_no_context_takeover", [False, True])
@settings(deadline=None, max_examples=15)
@given(messages=st.lists(payloads, max_size=5))
def test_zlib_inflates_what_was_deflated(
    window_bits: int, server_no_context_takeover: bool, messages: list[bytes]
) -> None:
    """In a window of just the agreed size, and with a new stream each time where that was agreed."""
    params = DeflateParams(
        server_max_window_bits=window_bits, server_no_context_takeover=server_no_context_takeover
    )
    deflater = make_deflater(params, Compression.DEDICATED_256KB)
    peer = ZlibPeer(window_bits=window_bits, has_takeover=not server_no_context_takeover)
    for message in [*messages, FAR, b"", FAR]:
        assert peer.inflate(deflater.compress(message)) == message


@pytest.mark.parametrize("mode", DEDICATED)
def test_a_dedicated_mode_deflates_with_its_own_window(mode: Compression) -> None:
    """What its name promises to keep in memory is what the peer needs, too."""
    params = DeflateParams(server_max_window_bits=mode.window_bits)
    peer = ZlibPeer(window_bits=mode.window_bits)
    deflater = make_deflater(params, mode)
    assert (deflater.has_takeover, deflater.window_bits) == (True, mode.window_bits)
    for message in (FAR, *small_messages(), FAR):
        assert peer.inflate(deflater.compress(message)) == message


def test_the_example_of_the_rfc() -> None:
    """RFC 7692, section 7.2.3.2: "Hello" twice, with the window taken over and without."""
    with_takeover = make_deflater(DeflateParams(), Compression.DEDICATED_256KB)
    assert [with_takeover.compress(b"Hello").hex() for _ in range(2)] == [
        "f248cdc9c90700",
        "f200110000",
    ]
    without = shared_deflater()
    assert [without.compress(b"Hello").hex() for _ in range(2)] == ["f248cdc9c90700"] * 2


def test_a_window_makes_similar_messages_shorter() -> None:
    """That is what its memory is spent on."""
    dedicated = make_deflater(DeflateParams(), Compression.DEDICATED_4KB)
    alone = shared_deflater()
    sizes = [(len(dedicated.compress(m)), len(alone.compress(m))) for m in small_messages()]
    assert all(with_window < without / 2 for with_window, without in sizes[1:])


def test_nothing_to_compress_is_one_byte() -> None:
    """RFC 7692, section 7.2.3.6; again and again, and what follows is as good."""
    for deflater in (shared_deflater(), make_deflater(DeflateParams(), Compression.DEDICATED_4KB)):
        peer = ZlibPeer()
        assert [deflater.compress(b"") for _ in range(3)] == [b"\x00"] * 3
        assert peer.inflate(b"\x00") == b""
        assert peer.inflate(deflater.compress(b"a")) == b"a"
        assert deflater.compress(b"") == b"\x00"


@pytest.mark.parametrize("compression", [Compression.SHARED, Compression.DEDICATED_256KB])
def test_connections_without_takeover_share_one_deflater(compression: Compression) -> None:
    """Nothing is kept per connection, also where the client demanded it of a dedicated mode."""
    params = DeflateParams(server_no_context_takeover=True, server_max_window_bits=11)
    deflater = make_deflater(params, compression)
    assert deflater is shared_deflater(11) is make_deflater(params, compression)
    assert (deflater.has_takeover, deflater.window_bits) == (False, 11)


def test_connections_with_takeover_share_nothing() -> None:
    """Each has a window of its own."""
    first, second = (make_deflater(DeflateParams(), Compression.DEDICATED_4KB) for _ in range(2))
    assert first is not second
    alone = first.compress(b"a" * 100)
    assert second.compress(b"a" * 100) == alone


def test_threads_share_nothing() -> None:
    """Two event loops in one process would mix their messages."""
    others: list[Deflater] = []
    thread = threading.Thread(target=lambda: others.append(shared_deflater()))
    thread.start()
    thread.join()
    assert others[0] is not shared_deflater()


def test_after_a_reset_no_message_depends_on_an_earlier_one() -> None:
    """So that a message from elsewhere may have come between."""
    deflater = make_deflater(DeflateParams(), Compression.DEDICATED_256KB)
    peer = ZlibPeer()
    assert peer.inflate(deflater.compress(b"Hello")) == b"Hello"
    assert peer.inflate(shared_deflater().compress(b"from elsewhere")) == b"from elsewhere"
    deflater.reset()
    assert peer.inflate(deflater.compress(b"Hello")) == b"Hello"
    assert peer.inflate(deflater.compress(b"Hello")) == b"Hello"


@pytest.mark.parametrize(
    "params", [DeflateParams(), DeflateParams(server_no_context_takeover=True)]
)
def test_an_interrupted_message_leaves_nothing_behind(
    params: DeflateParams,
) -> None:
    """Neither for the same peer, who never got it, nor for another."""

    class Interrupted:
        def __init__(self, stream: Any) -> None:
            self.compress = stream.compress

        def flush(self, mode: int) -> bytes:
            raise KeyboardInterrupt

    deflater = make_deflater(params, Compression.DEDICATED_256KB)
    peer = ZlibPeer(has_takeover=deflater.has_takeover)
    assert peer.inflate(deflater.compress(b"before")) == b"before"
    deflater._stream = cast(Any, Interrupted(deflater._stream))
    with pytest.raises(KeyboardInterrupt):
        deflater.compress(b"secret")
    assert peer.inflate(deflater.compress(b"after")) == b"after"


# Inflating


@pytest.mark.parametrize("window_bits", WINDOWS)
@pytest.mark.parametrize("client_no_context_takeover", [False, True])
@settings(deadline=None, max_examples=15)
@given(
    messages=st.lists(st.tuples(payloads, st.lists(st.integers(0, 300), max_size=3)), max_size=5)
)
def test_what_zlib_deflated_is_inflated(
    window_bits: int,
    client_no_context_takeover: bool,
    messages: list[tuple[bytes, list[int]]],
) -> None:
    """However the message is cut, with a window of just the agreed size."""
    params = DeflateParams(
        client_max_window_bits=window_bits, client_no_context_takeover=client_no_context_takeover
    )
    inflater = Inflater(params)
    peer = ZlibPeer(window_bits=window_bits, has_takeover=not client_no_context_takeover)
    for message, places in [*messages, (FAR, [1, 100, 9000]), (b"", [0]), (FAR, [])]:
        payload = peer.deflate(message)
        inside = [place for place in places if place <= len(payload)]
        assert inflate(inflater, *cut_with_empty_parts(payload, inside)) == message


def test_a_window_that_was_not_agreed_on_is_15_bits() -> None:
    """RFC 7692, section 7.1.2.2."""
    assert inflate(Inflater(DeflateParams()), deflated(FAR)) == FAR


def test_a_larger_window_than_agreed_is_1007() -> None:
    """The peer refers to what nobody keeps any more."""
    inflater = Inflater(DeflateParams(client_max_window_bits=9))
    with pytest.raises(ProtocolError) as raised:
        inflate(inflater, deflated(FAR))
    assert raised.value.code == 1007


def test_a_window_that_was_not_to_be_taken_over_is_1007() -> None:
    """The peer refers to a message before, of which nothing is kept (RFC 7692, section 7.1.1.2)."""
    inflater = Inflater(DeflateParams(client_no_context_takeover=True))
    peer = ZlibPeer()
    assert inflate(inflater, peer.deflate(FAR)) == FAR
    with pytest.raises(ProtocolError) as raised:
        inflate(inflater, peer.deflate(FAR[-300:]))
    assert raised.value.code == 1007


def test_without_takeover_nothing_is_kept_between_messages() -> None:
    """An idle connection pays for no window; with takeover it does."""

    def kept_by(params: DeflateParams) -> int:
        tracemalloc.start()
        try:
            inflater = Inflater(params)
            inflate(inflater, payload)
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    payload = deflated(FAR)
    assert kept_by(DeflateParams(client_no_context_takeover=True)) < 1024
    assert kept_by(DeflateParams()) > 32 * 1024


MAY_DISOBEY: Final = DeflateParams(client_no_context_takeover=True, client_may_disobey=True)


@settings(deadline=None, max_examples=50)
@given(st.booleans(), st.lists(st.tuples(payloads, st.lists(st.integers(0, 5000), max_size=5))))
def test_a_peer_is_understood_whether_or_not_it_obeys(
    has_takeover: bool, messages: list[tuple[bytes, list[int]]]
) -> None:
    """It was told not to refer to earlier messages; nobody knows whether it does."""
    inflater = make_inflater(MAY_DISOBEY)
    peer = ZlibPeer(has_takeover=has_takeover)
    for message, places in [*messages, (FAR, [1, 100, 9000]), (b"", [0]), (FAR, []), (FAR, [2])]:
        payload = peer.deflate(message)
        inside = [place for place in places if place <= len(payload)]
        assert inflate(inflater, *cut_with_empty_parts(payload, inside)) == message


def test_what_a_peer_may_refer_to_costs_as_much_as_it_has_said() -> None:
    """Nothing before its first compressed message, and 32 KiB at most."""
    inflater = make_inflater(MAY_DISOBEY)
    assert isinstance(inflater, CarefulInflater)
    peer = ZlibPeer()
    said = b""
    assert inflater.window == said
    for message in (b"Hello", b"", b"all", FAR, b"of you", bytes(100_000), b"x" * 2**15, b"y"):
        assert inflate(inflater, peer.deflate(message)) == message
        said = (said + message)[-(2**15) :]
        assert inflater.window == said


def test_a_final_block_leaves_the_window_as_it_is() -> None:
    """RFC 7692, section 7.2.3.4: it ends a stream, and the peer begins the next one with what was said."""
    inflater = make_inflater(MAY_DISOBEY)
    assert inflate(inflater, bytes.fromhex("f348cdc9c9070000")) == b"Hello"
    stream = zlib.compressobj(wbits=-15, zdict=b"Hello")
    payload = stream.compress(b"Hello") + stream.flush(zlib.Z_SYNC_FLUSH)
    assert inflate(inflater, payload.removesuffix(FLUSH_MARK)) == b"Hello"


@pytest.mark.parametrize("size", [65535, 65536, 65537, 131072, 131073, 400_000])
@pytest.mark.parametrize("data", [bytes(400_000), FAR * 7])
def test_output_comes_in_small_pieces(size: int, data: bytes) -> None:
    """Stops a bomb before it is in memory; what is held back at a border is not lost."""
    message = data[:size]
    pieces = list(Inflater(DeflateParams()).inflate(deflated(message), final=True))
    assert b"".join(pieces) == message
    assert max(map(len, pieces)) <= 64 * 1024


def test_nothing_is_inflated_before_it_is_asked_for() -> None:
    """Who stops asking has stopped the work."""
    pieces = Inflater(DeflateParams()).inflate(deflated(bytes(1_000_000)), final=True)
    assert len(next(pieces)) <= 64 * 1024


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("f248cdc9c90700", b"Hello"),  # 7.2.3.1: one block
        ("000500faff48656c6c6f00", b"Hello"),  # 7.2.3.3: a block with no compression
        ("f348cdc9c9070000", b"Hello"),  # 7.2.3.4: a block with BFINAL
        ("f24805000000ffffcac9c90700", b"Hello"),  # 7.2.3.5: two blocks
        ("00", b""),  # 7.2.3.6: an empty message
    ],
)
@pytest.mark.parametrize("cut_at", [0, 1, 5])
def test_the_examples_of_the_rfc_are_inflated(payload: str, expected: bytes, cut_at: int) -> None:
    """RFC 7692, section 7.2.3; and the message after them."""
    inflater = Inflater(DeflateParams())
    data = bytes.fromhex(payload)
    for _ in range(2):
        assert inflate(inflater, data[:cut_at], data[cut_at:]) == expected
    assert inflate(inflater, deflated(b"next")) == b"next"


def test_a_final_block_without_an_empty_one_after_it_is_enough() -> None:
    """RFC 7692, section 7.2.1, asks for one more byte, which some do not send."""
    inflater = Inflater(DeflateParams())
    for _ in range(2):
        assert inflate(inflater, bytes.fromhex("f348cdc9c90700")) == b"Hello"


@pytest.mark.parametrize("parts", [[b""], [b"", b""]])
def test_no_payload_at_all_is_an_empty_message(parts: list[bytes]) -> None:
    """Not as the RFC has it, but harmless; the window stays as it was."""
    inflater = Inflater(DeflateParams())
    peer = ZlibPeer()
    assert inflate(inflater, *parts) == b""
    assert inflate(inflater, peer.deflate(b"Hello")) == b"Hello"
    assert inflate(inflater, *parts) == b""
    assert inflate(inflater, peer.deflate(b"Hello")) == b"Hello"


@pytest.mark.parametrize("payload", [b"\xff", b"\x00\x01\x02\x03\x04\x05", b"\x06" * 20])
def test_what_is_not_deflate_is_1007(payload: bytes) -> None:
    """A typed error, and zlib's own as its cause."""
    with pytest.raises(ProtocolError) as raised:
        inflate(Inflater(DeflateParams()), payload)
    assert raised.value.code == 1007
    assert isinstance(raised.value.__cause__, zlib.error)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=100), min_size=1, max_size=4))
def test_any_bytes_are_inflated_or_refused(parts: list[bytes]) -> None:
    """Never with another exception."""
    inflater = Inflater(DeflateParams())
    try:
        inflate(inflater, *parts)
    except ProtocolError as error:
        assert error.code == 1007  # noqa: PT017


@pytest.mark.parametrize("mode", [mode for mode in Compression if mode is not Compression.DISABLED])
def test_both_directions_fit_each_other(mode: Compression) -> None:
    """What one side of aiows deflates, the other inflates."""
    bits = mode.window_bits
    deflater = make_deflater(
        DeflateParams(
            server_max_window_bits=bits, server_no_context_takeover=not mode.is_dedicated
        ),
        mode,
    )
    inflater = Inflater(
        DeflateParams(client_max_window_bits=bits, client_no_context_takeover=not mode.is_dedicated)
    )
    for message in (FAR, *small_messages(), b"", FAR):
        assert inflate(inflater, deflater.compress(message)) == message


class Counting:
    """A backend that counts its compressors, under a name that may change."""

    def __init__(self) -> None:
        self.name = "counting"
        self.made = 0

    def compressobj(self, **options: Any) -> object:
        self.made += 1
        return zlib.compressobj(**options)


@pytest.fixture
def counting() -> Iterator[Counting]:
    counting = Counting()
    before = share_backend(counting)
    yield counting
    share_backend(before)


def test_what_goes_to_many_is_compressed_by_the_shared_backend(counting: Counting) -> None:
    """One compressor for all messages, a new one when the backend has become another."""
    for _ in range(3):
        stream = shared_deflater().compress(b"a" * 100) + FLUSH_MARK
        assert zlib.decompressobj(wbits=-15).decompress(stream) == b"a" * 100
    assert counting.made == 1
    counting.name = "another"
    shared_deflater().compress(b"a" * 100)
    assert counting.made == 2


def test_a_window_of_its_own_is_zlibs(counting: Counting) -> None:
    """Others have not its memory levels."""
    Deflater(has_takeover=True).compress(b"a" * 100)
    assert counting.made == 0
