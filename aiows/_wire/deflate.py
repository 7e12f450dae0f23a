"""In go messages, out come smaller ones, and back: RFC 7692, section 7.2, with zlib."""

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

__all__ = ("Deflater", "Inflater", "make_deflater", "share_backend", "shared_deflater")

# Section 7.2.1: every flush ends with an empty stored block; these bytes of it are not sent.
_FLUSH_MARK: Final = b"\x00\x00\xff\xff"
# Section 7.2.3.6: what is left of a flush that had nothing to compress.
_NOTHING: Final = b"\x00"

# Stops a deflate bomb (a thousandfold) from being in memory before it has been counted.
_OUTPUT_PIECE: Final = 64 * 1024
# Where a stream ends, zlib copies the input that follows. Stops a flood of streams of two bytes
# from copying all the rest each time.
_INPUT_PIECE: Final = 4 * 1024


class DeflateBackend(Protocol):
    """A module like `zlib`: zlib_ng, isal_zlib, or what stands for one of them at the time.

    ``name`` tells them apart.
    """

    @property
    def name(self) -> str: ...

    def compressobj(self, *, wbits: int, memLevel: int) -> Any: ...  # noqa: N803 - zlib's name


class _Zlib:
    """The standard library's."""

    name = "zlib"

    def compressobj(self, *, wbits: int, memLevel: int) -> Any:  # noqa: N803
        return zlib.compressobj(wbits=wbits, memLevel=memLevel)


_ZLIB: Final = _Zlib()


class Deflater:
    """Compresses messages with a window of 2 ** ``window_bits`` bytes (9 to 15).

    ``has_takeover``: a message refers to those before it, so it goes to one connection, the one
    that got them. Without it no message depends on another, and one deflater serves all. ``backend``:
    zlib; it may change its mind between two messages.
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
        """The payload of a compressed message (RFC 7692, section 7.2.1)."""
        if not data:
            return _NOTHING
        stream = self._stream
        if stream is None or self._made_by != self._backend.name:
            stream = self._new_stream()
        # It comes back when all went well. After an interruption it would hold a message that the
        # peer never got, or one that is another peer's.
        self._stream = None
        compressed = stream.compress(data) + stream.flush(self._flush_mode)
        self._stream = stream
        return compressed[: -len(_FLUSH_MARK)]

    def reset(self) -> None:
        """Forget the window: the next message depends on none.

        For when a connection got a compressed message that did not come from its own deflater.
        """
        self._stream = None

    @property
    def _flush_mode(self) -> int:
        # A full flush forgets the window; it costs half of what a new compressor would.
        return zlib.Z_SYNC_FLUSH if self.has_takeover else zlib.Z_FULL_FLUSH

    def _new_stream(self) -> _Compress:
        self._made_by = self._backend.name
        # Negative: raw, without zlib's header and checksum.
        stream: _Compress = self._backend.compressobj(
            wbits=-self.window_bits, memLevel=self._memory_level
        )
        return stream


class _PerThread(threading.local):
    """Each thread has its own: one deflater in two event loops would mix their messages."""

    backend: DeflateBackend = _ZLIB

    def __init__(self) -> None:
        self.deflaters: dict[int, Deflater] = {}


_per_thread: Final = _PerThread()


def share_backend(backend: DeflateBackend) -> DeflateBackend:
    """Let what is compressed for all be compressed by ``backend``; return the one before.

    It holds for this thread, and for others from their first message on.
    """
    before = _PerThread.backend
    _PerThread.backend = backend
    _per_thread.deflaters.clear()
    return before


def shared_deflater(window_bits: int = MAX_WINDOW_BITS) -> Deflater:
    """The deflater of all connections of the running thread that have no takeover."""
    deflater = _per_thread.deflaters.get(window_bits)
    if deflater is None:
        deflater = _per_thread.deflaters[window_bits] = Deflater(
            window_bits=window_bits, backend=_per_thread.backend
        )
    return deflater


def make_deflater(params: DeflateParams, compression: Compression) -> Deflater:
    """The deflater for a connection that has negotiated ``params``; it may be shared."""
    window_bits = params.server_max_window_bits or MAX_WINDOW_BITS
    if params.server_no_context_takeover:
        return shared_deflater(window_bits)
    return Deflater(
        window_bits=window_bits, memory_level=compression.memory_level, has_takeover=True
    )


class Inflater:
    """Inflates the messages of one connection, as it was negotiated."""

    __slots__ = ("_has_takeover", "_is_at_start", "_stream", "_window_bits")

    def __init__(self, params: DeflateParams) -> None:
        self._has_takeover = not params.client_no_context_takeover
        self._window_bits = params.client_max_window_bits or MAX_WINDOW_BITS
        self._stream: _Decompress | None = None
        self._is_at_start = True  # of a message, or of what follows a final block

    def inflate(self, data: bytes, *, final: bool) -> Iterator[bytes]:
        """The next part of a message in pieces of at most 64 KiB (RFC 7692, section 7.2.2).

        Nothing is inflated before it is asked for; who stops asking cannot use the inflater again.
        ``final``: the message ends here. Raises ProtocolError 1007 for what is not deflate.
        """
        try:
            for start in range(0, len(data), _INPUT_PIECE):
                yield from self._inflate(data[start : start + _INPUT_PIECE])
            if final and not self._is_at_start:
                yield from self._inflate(_FLUSH_MARK)
        except zlib.error as error:
            raise ProtocolError(CloseCode.INVALID_DATA, "Invalid compressed data") from error
        if final:
            self._end_message()

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while data:
            stream = self._stream = self._stream or zlib.decompressobj(wbits=-self._window_bits)
            piece = stream.decompress(data, _OUTPUT_PIECE)
            data = stream.unconsumed_tail
            self._is_at_start = stream.eof
            if stream.eof:
                # Section 7.2.3.4: a block with BFINAL ends a stream but not the message.
                data = stream.unused_data
                self._stream = None
            if piece:
                yield piece

    def _end_message(self) -> None:
        self._is_at_start = True
        if not self._has_takeover:
            self._stream = None
