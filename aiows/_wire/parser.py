"""Cuts bytes, in portions of any size, into frames or pieces of frames (RFC 6455, section 5.2)."""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from . import refusals
from .frames import FIN, MASKED, MAX_CONTROL_SIZE, RSV1
from .masking import apply_mask, rotate_mask
from .messages import Opcode

__all__ = ("Frame", "FrameParser")

_CONTINUATION: Final = int(Opcode.CONTINUATION)
_FIRST_CONTROL: Final = int(Opcode.CLOSE)

_MASK_SIZE: Final = 4

# RFC 6455, section 5.2: a 7-bit length of 126 or 127 means that the length follows in 16 or 64 bits. It
# must be too large for the shorter form, and the highest of the 64 bits must be 0.
_LONG_LENGTHS: Final = {126: Struct("!H"), 127: Struct("!Q")}
_ALLOWED_LENGTHS: Final = {126: range(126, 2**16), 127: range(2**16, 2**63)}


def _header_size(second: int) -> int:
    form = _LONG_LENGTHS.get(second & ~MASKED)
    return 2 + (form.size if form else 0) + (_MASK_SIZE if second & MASKED else 0)


_HEADER_SIZES: Final = tuple(map(_header_size, range(256)))  # by the second byte of a frame

# A frame of which this many bytes have arrived and this many are missing is read into memory of its own: that
# takes fewer system calls than the loop's shared buffer, which has this size.
_LARGE: Final = 64 * 1024
# The memory is at most this, and never more than has arrived: a declared length alone allocates nothing.
_MAX_CHUNK: Final = 256 * 1024


class Frame(NamedTuple):
    """A frame, or a piece of one that is still arriving.

    A piece looks like a fragment of the peer's (RFC 6455, section 5.4, lets anybody split a frame): all but
    the first are continuations, and only the last can have ``fin``. ``rest``: how many bytes of the same
    frame are still to come. Control frames are always whole.
    """

    opcode: int
    fin: bool
    rsv1: bool
    payload: bytes
    rest: int


class _Start(NamedTuple):
    """The meaning of the first byte of a frame."""

    opcode: int
    fin: bool
    rsv1: bool
    max_short_length: int


def _starts(*, allow_rsv1: bool) -> dict[int, _Start]:
    """Return every first byte that a frame may have (RFC 6455, sections 5.2 and 5.5)."""
    starts: dict[int, _Start] = {}
    for opcode in (Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY):
        for fin in (False, True):
            starts[opcode | FIN * fin] = _Start(int(opcode), fin, False, 127)
    for opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
        starts[opcode | FIN] = _Start(int(opcode), True, False, MAX_CONTROL_SIZE)
    # RFC 7692, section 6.1: RSV1 is on the first frame of a compressed message and nowhere else.
    for opcode in (Opcode.TEXT, Opcode.BINARY) if allow_rsv1 else ():
        for fin in (False, True):
            starts[opcode | FIN * fin | RSV1] = _Start(int(opcode), fin, True, 127)
    return starts


_STARTS: Final = _starts(allow_rsv1=False)
_STARTS_WITH_DEFLATE: Final = _starts(allow_rsv1=True)


class FrameParser:
    """Cuts a stream of bytes into frames (RFC 6455, section 5.2).

    ``allow_rsv1``: permessage-deflate was negotiated. ``require_mask``: refuse frames without a mask, as a
    server must (section 5.1). It cannot be used after an error.
    """

    __slots__ = (
        "_chunk",
        "_data",
        "_fin",
        "_is_announced",
        "_is_inside",
        "_mask",
        "_opcode",
        "_position",
        "_received",
        "_require_mask",
        "_rest",
        "_room",
        "_rsv1",
        "_starts",
    )

    def __init__(self, *, allow_rsv1: bool = False, require_mask: bool = True) -> None:
        self._starts = _STARTS_WITH_DEFLATE if allow_rsv1 else _STARTS
        self._require_mask = require_mask
        self._data = b""
        self._position = 0  # in _data, of the next byte to be parsed
        self._chunk: bytearray | None = None
        self._room: memoryview | None = None  # the last result of get_buffer, until it was used
        # The frame whose header was read last; _is_inside: its payload has not been returned completely.
        self._is_inside = False
        self._opcode = _CONTINUATION
        self._fin = False
        self._rsv1 = False
        self._mask = b""
        self._rest = 0
        self._received = 0
        self._is_announced = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes; ``data`` is copied."""
        self._room = None
        if self._position < len(self._data):
            self._data = self._data[self._position :] + data
        else:
            self._data = bytes(data)
        self._position = 0

    def release(self) -> None:
        """Free the memory of bytes that have been parsed."""
        if self._position:
            self._data = self._data[self._position :]
            self._position = 0

    def get_buffer(self) -> memoryview | None:
        """Return memory for the missing bytes of a large frame; None: `feed` what arrives next."""
        self._room = None
        if self._received < _LARGE or self._rest < _LARGE or self._position < len(self._data):
            return None
        size = min(self._rest, self._received, _MAX_CHUNK)
        # The transport may still hold a view of the last one, so it is replaced and never resized.
        if self._chunk is None or len(self._chunk) < size:
            self._chunk = bytearray(size)
        self._room = memoryview(self._chunk)[:size]
        return self._room

    def buffer_updated(self, count: int) -> None:
        """Add ``count`` bytes that were written to the last `get_buffer`. Raises ValueError for too many."""
        if self._room is None or not 0 <= count <= len(self._room):
            raise ValueError(f"{count} bytes cannot be in the memory of get_buffer")
        self.feed(self._room[:count])

    def next_frame(self) -> Frame | None:
        """Return the next frame or piece; None: more bytes are needed. Raises ProtocolError 1002."""
        if not self._is_inside and not self._read_header():
            return None
        available = len(self._data) - self._position
        if available < self._rest:
            return self._next_piece(available)
        self._is_inside = False
        self._chunk = None
        return Frame(self._opcode, self._fin, self._rsv1, self._take(self._rest), 0)

    def _next_piece(self, available: int) -> Frame | None:
        """Return what has arrived of a frame; its header alone at first, so that it can be refused early."""
        if self._opcode >= _FIRST_CONTROL or (self._is_announced and not available):
            return None
        payload = self._take(available)
        piece = Frame(self._opcode, False, self._rsv1, payload, self._rest)
        self._mask = rotate_mask(self._mask, available)
        self._received += available
        self._is_announced = True
        self._opcode = _CONTINUATION
        self._rsv1 = False
        return piece

    def _take(self, size: int) -> bytes:
        start = self._position
        self._position = end = start + size
        self._rest -= size
        payload = self._data[start:end]
        return apply_mask(payload, self._mask) if self._mask else payload

    def _read_header(self) -> bool:
        """Read the next header; False: it has not arrived completely (RFC 6455, section 5.2)."""
        data, position = self._data, self._position
        if len(data) - position < 2:
            return False
        start = self._check_start(data[position], data[position + 1])
        second = data[position + 1]
        end = position + _HEADER_SIZES[second]
        if len(data) < end:
            return False
        length = second & ~MASKED
        self._rest = length if length < 126 else _long_length(length, data, position + 2)
        self._mask = data[end - _MASK_SIZE : end] if second & MASKED else b""
        self._opcode, self._fin, self._rsv1, _ = start
        self._position = end
        self._received = 0
        self._is_inside = True
        self._is_announced = False
        return True

    def _check_start(self, first: int, second: int) -> _Start:
        start = self._starts.get(first)
        if start is None:
            raise refusals.bad_start(first)
        if second < MASKED and self._require_mask:
            raise refusals.no_mask()
        if second & ~MASKED > start.max_short_length:
            raise refusals.long_control()
        return start


def _long_length(form: int, data: bytes, position: int) -> int:
    length: int
    (length,) = _LONG_LENGTHS[form].unpack_from(data, position)
    if length not in _ALLOWED_LENGTHS[form]:
        raise refusals.bad_length(length, form)
    return length
