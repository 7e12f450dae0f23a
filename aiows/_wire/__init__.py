"""The wire protocol: bytes to frames to messages and back (RFC 6455, RFC 7692), without any I/O.

::

    bytes -> FrameParser -> Frame -> MessageAssembler -> Message       (MessageReader is both)
    message -> Deflater -> build_frame -> bytes

Other packages use only what is listed here. `MessageReader` and `build_frame` exist twice: pure in this
package, native in ``aiows._native``. The pure ones are the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._native import core, wire_build
from .compression import Compression
from .deflate import (
    CarefulInflater,
    Deflater,
    Inflater,
    make_deflater,
    make_inflater,
    share_backend,
    shared_deflater,
)
from .frames import build_close, build_frame, parse_close
from .messages import CloseCode, Message, Opcode, is_close_code, new_tuple
from .negotiation import DeflateParams, negotiate_deflate
from .reader import MessageReader

if not TYPE_CHECKING and core is not None:
    MessageReader, build_frame = core.MessageReader, core.build_frame

__all__ = (
    "CarefulInflater",
    "CloseCode",
    "Compression",
    "DeflateParams",
    "Deflater",
    "Inflater",
    "Message",
    "MessageReader",
    "Opcode",
    "build_close",
    "build_frame",
    "is_close_code",
    "make_deflater",
    "make_inflater",
    "negotiate_deflate",
    "new_tuple",
    "parse_close",
    "share_backend",
    "shared_deflater",
    "wire_build",
)
