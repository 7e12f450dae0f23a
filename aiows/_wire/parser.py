"""In go bytes in chunks of any size, out come frames, or pieces of one that is still arriving."""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from ..errors import ProtocolError
from .frames import FIN, MASKED, MAX_CONTROL_SIZE, RSV1
from .masking import apply_mask, rotate_mask
from .messages import CloseCode, Opcode

__all__ = ("Frame", "FrameParser")

_CONTINUATION: Final = int(Opcode.CONTINUATION)
_FIRST_CONTROL: Final = int(Opcode.CLOSE)
_OPCODES: Final = frozenset(map(int, Opcode))
_DATA_OPCODES: Final = (Opcode.CONTINUATION, Opcode.TEXT, Opcode.BINARY)

_RSV2_AND_RSV3: Final = 0x30
# RFC 6455, section 5.2: what the 7-bit length says when the length itself follows.
_LONGER_LENGTHS: Final = {126: Struct("!H"), 127: Struct("!Q")}
_LEAST_LENGTHS: Final = {126: 126, 127: 65536}
_MAX_LENGTH: Final = 2**63 - 1
_MASK_SIZE: Final = 4

# A frame of which this many bytes have come and this many are missing is read into memory of its
# own: fewer system calls than through the loop's shared buffer, which is of this size.
_LARGE: Final = 64 * 1024
# Never more than has arrived, so that a declared length alone allocates nothing, and at most this.
_MAX_CHUNK: Final = 256 * 1024


class Frame(NamedTuple):
    """A frame, or a piece of one that is still arriving.

    Pieces look as if the peer had fragmented there, which RFC 6455, section 5.4, leaves to anybody:
    all but the first are continuations, and only the last can have ``fin``. ``rest`` is how many
    bytes of the same frame are still to come. Control frames are always whole.
    """

    opcode: int
    fin: bool
    rsv1: bool
    payload: bytes
    rest: int


def _accepted_first_bytes(*, rsv1: bool) -> frozenset[int]:
    data = {opcode | fin for opcode in _DATA_OPCODES for fin in (0, FIN)}
    control = {opcode | FIN for opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG)}
    # RFC 7692, section 6.1: RSV1 stands on the first frame of a message and nowhere else.
    compressed = {first | RSV1 for first in data if first & ~FIN != _CONTINUATION}
    return frozenset(data | control | (compressed if rsv1 else set()))


_FIRST_BYTES: Final = _accepted_first_bytes(rsv1=False)
_FIRST_BYTES_WITH_DEFLATE: Final = _accepted_first_bytes(rsv1=True)


def _refusal(first: int) -> ProtocolError:
    """Why ``first`` is no accepted first byte."""
    opcode = first & 0x0F
    if opcode not in _OPCODES:
        text = f"Unexpected opcode={opcode}"
    elif first & (RSV1 | _RSV2_AND_RSV3):
        text = "Received frame with non-zero reserved bits"
    else:
        text = "Received fragmented control frame"
    return _protocol_error(text)


def _protocol_error(text: str) -> ProtocolError:
    return ProtocolError(CloseCode.PROTOCOL_ERROR, text)


class FrameParser:
    """Cuts a stream of bytes into frames (RFC 6455, section 5.2).

    ``allow_rsv1``: permessage-deflate was negotiated. ``require_mask``: frames without a mask are
    refused, as a server must (section 5.1). After an error it is not to be used any more.
    """

    __slots__ = (
        "_chunk",
        "_data",
        "_fin",
        "_first_bytes",
        "_is_announced",
        "_is_inside",
        "_mask",
        "_opcode",
        "_position",
        "_received",
        "_require_mask",
        "_rest",
        "_rsv1",
    )

    def __init__(self, *, allow_rsv1: bool = False, require_mask: bool = True) -> None:
        self._first_bytes = _FIRST_BYTES_WITH_DEFLATE if allow_rsv1 else _FIRST_BYTES
        self._require_mask = require_mask
        self._data = b""
        self._position = 0  # in _data, of the next byte to be parsed
        self._chunk: bytearray | None = None
        # The frame whose header was read last, and whether its payload is still to be handed out.
        self._is_inside = False
        self._opcode = _CONTINUATION
        self._fin = False
        self._rsv1 = False
        self._mask = b""
        self._rest = 0
        self._received = 0
        self._is_announced = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes over; nothing of ``data`` is referred to afterwards."""
        if self._position < len(self._data):
            self._data = self._data[self._position :] + data
        else:
            self._data = bytes(data)
        self._position = 0

    def release(self) -> None:
        """Give back the memory of what has been parsed."""
        if self._position:
            self._data = self._data[self._position :]
            self._position = 0

    def get_buffer(self) -> memoryview | None:
        """Room for what is missing of a large frame; None: `feed` what comes next."""
        if self._received < _LARGE or self._rest < _LARGE or self._position < len(self._data):
            return None
        size = min(self._rest, self._received, _MAX_CHUNK)
        # Somebody may still hold a view of the last one, so it is replaced and never resized.
        if self._chunk is None or len(self._chunk) < size:
            self._chunk = bytearray(size)
        return memoryview(self._chunk)[:size]

    def buffer_updated(self, count: int) -> None:
        """``count`` bytes were written into what `get_buffer` gave last."""
        assert self._chunk is not None
        self.feed(memoryview(self._chunk)[:count])

    def next_frame(self) -> Frame | None:
        """The next frame or piece; None: more bytes are needed. Raises ProtocolError 1002."""
        if not self._is_inside and not self._read_header():
            return None
        available = len(self._data) - self._position
        if available < self._rest:
            return self._next_piece(available)
        self._is_inside = False
        self._chunk = None
        return Frame(self._opcode, self._fin, self._rsv1, self._take(self._rest), 0)

    def _next_piece(self, available: int) -> Frame | None:
        """What is here of a frame; first of all its header, so that it can be refused on that."""
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
        """Read the next header; False: it is not here completely (RFC 6455, section 5.2)."""
        data, start = self._data, self._position
        if len(data) - start < 2:
            return False
        first, second = data[start], data[start + 1]
        self._check_start(first, second)
        length = second & ~MASKED
        struct = _LONGER_LENGTHS.get(length)
        mask_start = start + 2 + (struct.size if struct else 0)
        end = mask_start + (_MASK_SIZE if second & MASKED else 0)
        if end > len(data):
            return False
        if struct is not None:
            length = _longer_length(length, struct.unpack_from(data, start + 2)[0])
        self._rest = length
        self._mask = data[mask_start:end]
        self._opcode = first & 0x0F
        self._fin = first >= FIN
        self._rsv1 = bool(first & RSV1)
        self._position = end
        self._received = 0
        self._is_announced = False
        self._is_inside = True
        return True

    def _check_start(self, first: int, second: int) -> None:
        if first not in self._first_bytes:
            raise _refusal(first)
        if second < MASKED and self._require_mask:
            raise _protocol_error("Received frame without a mask")
        if first & _FIRST_CONTROL and second & ~MASKED > MAX_CONTROL_SIZE:
            raise _protocol_error("Control frame payload cannot be larger than 125 bytes")


def _longer_length(form: int, length: int) -> int:
    # RFC 6455, section 5.2: the shortest form must be used, and the highest bit of 64 must be 0.
    if length < _LEAST_LENGTHS[form] or length > _MAX_LENGTH:
        raise _protocol_error(f"Invalid payload length {length} in form {form}")
    return length
