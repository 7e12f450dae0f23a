"""Compresses and inflates messages with zlib (RFC 7692, section 7.2)."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..errors import ProtocolError
from .compression import MAX_WINDOW_BITS, Compression
from .messages import CloseCode
from .negotiation import DeflateParams

if TYPE_CHECKING:
    # typeshed has no public names for them
    from zlib import _Compress, _Decompress  # pyright: ignore[reportPrivateUsage]

    from .frames import BytesLike

__all__ = (
    "CarefulInflater",
    "Deflater",
    "Inflater",
    "make_deflater",
    "make_inflater",
    "share_backend",
    "shared_deflater",
)

# Section 7.2.1: every flush ends with an empty stored block. These bytes of it are not sent.
_FLUSH_MARK: Final = b"\x00\x00\xff\xff"
# Section 7.2.3.6: the payload of an empty message.
_NOTHING: Final = b"\x00"

# Inflated data is counted in pieces of this size. Stops a deflate bomb (a thousand times its size) from being
# in memory before it is counted.
_OUTPUT_PIECE: Final = 64 * 1024
# Where a stream ends, zlib copies the input that follows. Stops a message of many streams of two bytes each
# from copying all the rest each time.
_INPUT_PIECE: Final = 4 * 1024


class DeflateBackend(Protocol):
    """A module like `zlib`, such as zlib_ng or isal_zlib, or an object that uses one of them.

    ``name`` says which one it uses now.
    """

    @property
    def name(self) -> str: ...

    def compressobj(self, *, wbits: int, memLevel: int) -> Any: ...  # noqa: N803 - zlib's name


class _Zlib:
    """The standard library's zlib."""

    name = "zlib"

    def compressobj(self, *, wbits: int, memLevel: int) -> Any:  # noqa: N803
        return zlib.compressobj(wbits=wbits, memLevel=memLevel)


_ZLIB: Final = _Zlib()


class Deflater:
    """Compresses messages with a window of 2 ** ``window_bits`` bytes (9 to 15).

    ``has_takeover``: messages refer to earlier ones, so all of them must go to the same connection. Without
    it each message stands alone, and one deflater serves all connections. ``backend``: zlib; the module
    behind it may change between two messages.
    """

    __slots__ = ("_backend", "_made_by", "_memory_level", "_stream", "has_takeover", "window_bits")

    def __init__(
        self,
        *,
        window_bits: int = MAX_WINDOW_BITS,
        memory_level: int = zlib.DEF_MEM_LEVEL,
        has_takeover: bool = False,
        backend: DeflateBackend = _ZLIB,
    ) -> None:
        self._backend = backend
        self._made_by = ""
        self.window_bits = window_bits
        self.has_takeover = has_takeover
        self._memory_level = memory_level
        self._stream: _Compress | None = None

    def compress(self, data: BytesLike) -> bytes:
        """Return the payload of a compressed message (RFC 7692, section 7.2.1)."""
        if not data:
            return _NOTHING
        stream = self._stream
        if stream is None or self._made_by != self._backend.name:
            stream = self._new_stream()
        # Set again only after success: after an exception the stream may hold a message that the peer never
        # got, or one for another peer.
        self._stream = None
        compressed = stream.compress(data) + stream.flush(self._flush_mode)
        self._stream = stream
        return compressed[: -len(_FLUSH_MARK)]

    def reset(self) -> None:
        """Forget the window: the next message refers to no earlier one.

        Needed after the connection was sent a compressed message that another deflater has made.
        """
        self._stream = None

    def anew(self) -> Deflater:
        """Return a deflater like this one that has compressed nothing: for who cannot have this one back."""
        return Deflater(
            window_bits=self.window_bits,
            memory_level=self._memory_level,
            has_takeover=self.has_takeover,
            backend=self._backend,
        )

    @property
    def _flush_mode(self) -> int:
        # A full flush forgets the window, at half the cost of a new compressor.
        return zlib.Z_SYNC_FLUSH if self.has_takeover else zlib.Z_FULL_FLUSH

    def _new_stream(self) -> _Compress:
        self._made_by = self._backend.name
        # Negative: raw, without zlib's header and checksum.
        stream: _Compress = self._backend.compressobj(
            wbits=-self.window_bits, memLevel=self._memory_level
        )
        return stream


class _PerThread(threading.local):
    """The deflaters of one thread: one deflater in two event loops would mix their messages."""

    backend: DeflateBackend = _ZLIB

    def __init__(self) -> None:
        self.deflaters: dict[int, Deflater] = {}


_per_thread: Final = _PerThread()


def share_backend(backend: DeflateBackend) -> DeflateBackend:
    """Set the backend of shared deflaters; return the previous one.

    It takes effect at once in this thread, and in threads that have not compressed anything yet.
    """
    before = _PerThread.backend
    _PerThread.backend = backend
    _per_thread.deflaters.clear()
    return before


def shared_deflater(window_bits: int = MAX_WINDOW_BITS) -> Deflater:
    """Return the deflater that all connections without takeover in this thread share."""
    deflater = _per_thread.deflaters.get(window_bits)
    if deflater is None:
        deflater = _per_thread.deflaters[window_bits] = Deflater(
            window_bits=window_bits, backend=_per_thread.backend
        )
    return deflater


def make_deflater(params: DeflateParams, compression: Compression) -> Deflater:
    """Return the deflater for a connection that has negotiated ``params``; it may be shared."""
    window_bits = params.server_max_window_bits or MAX_WINDOW_BITS
    if params.server_no_context_takeover:
        return shared_deflater(window_bits)
    return Deflater(
        window_bits=window_bits, memory_level=compression.memory_level, has_takeover=True
    )


class Inflater:
    """Inflates the messages of one connection, with the parameters that were negotiated."""

    __slots__ = ("_has_takeover", "_kept", "_stream", "_window_bits")

    def __init__(self, params: DeflateParams) -> None:
        self._has_takeover = not params.client_no_context_takeover
        self._window_bits = params.client_max_window_bits or MAX_WINDOW_BITS
        # Of the message that has begun; None at its start, and right after a final block.
        self._stream: _Decompress | None = None
        # What the next message may refer to: with takeover the stream of those before.
        self._kept: Any = None

    def inflate(self, data: bytes, *, final: bool) -> Iterator[bytes]:
        """Yield the next part of a message in pieces of at most 64 KiB (RFC 7692, section 7.2.2).

        Each piece is inflated only when it is asked for. An inflater whose pieces were not all taken cannot
        be used again. ``final``: the message ends here. Raises ProtocolError 1007 for data that is not
        deflate.
        """
        try:
            for start in range(0, len(data), _INPUT_PIECE):
                yield from self._inflate(data[start : start + _INPUT_PIECE])
            if final and self._stream is not None:
                yield from self._inflate(_FLUSH_MARK)
        except zlib.error as error:
            raise ProtocolError(CloseCode.INVALID_DATA, "Invalid compressed data") from error
        if final:
            self._end_message()

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while data:
            stream = self._stream = self._stream or self._next_stream()
            piece = stream.decompress(data, _OUTPUT_PIECE)
            data = stream.unconsumed_tail
            if stream.eof:
                # Section 7.2.3.4: a block with BFINAL ends a stream, but not the message.
                data = stream.unused_data
                self._stream = None
            if piece:
                self._inflated(piece)
                yield piece

    def _next_stream(self) -> _Decompress:
        kept: _Decompress | None
        kept, self._kept = self._kept, None
        return kept or zlib.decompressobj(wbits=-self._window_bits)

    def _inflated(self, piece: bytes) -> None:
        """A piece of a message was inflated."""

    def _end_message(self) -> None:
        if self._stream is not None:
            self._kept = self._stream if self._has_takeover else None
            self._stream = None


class CarefulInflater(Inflater):
    """For a peer whose messages may refer to earlier ones although it was told that they must not.

    RFC 7692, section 7.1.1.2: a client has to obey ``client_no_context_takeover`` also where it has not
    offered it. Tornado and Mojolicious do not. What the last compressed messages said is kept, and given to
    the next stream as its dictionary: 32 KiB at most. A peer that has said little costs little, and one that
    has sent nothing compressed costs nothing.
    """

    __slots__ = ()

    @property
    def window(self) -> bytes:
        """What the next message may refer to."""
        return self._kept or b""

    def _next_stream(self) -> _Decompress:
        return zlib.decompressobj(wbits=-self._window_bits, zdict=self.window)

    def _inflated(self, piece: bytes) -> None:
        size = 1 << self._window_bits
        self._kept = (self.window + piece if len(piece) < size else piece)[-size:]

    def _end_message(self) -> None:
        self._stream = None


def make_inflater(params: DeflateParams) -> Inflater:
    """Return the inflater for a connection that has negotiated ``params``."""
    return CarefulInflater(params) if params.client_may_disobey else Inflater(params)
