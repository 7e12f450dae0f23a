"""Bytes to frames to messages and back, RFC 6455 and RFC 7692: no I/O, no asyncio, no aiohttp.

::

    bytes -> FrameParser -> Frame -> MessageAssembler -> Message       (MessageReader is both)
    message -> Deflater -> build_frame -> bytes

This is all that upper layers may use of it; `wire_build` says which build of it runs.
"""

from __future__ import annotations

from typing import Final

from .compression import Compression
from .deflate import Deflater, Inflater, make_deflater, shared_deflater
from .frames import build_close, build_frame, parse_close
from .messages import CloseCode, Message, Opcode, is_close_code
from .negotiation import DeflateParams, negotiate_deflate
from .reader import MessageReader

__all__ = (
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
    "negotiate_deflate",
    "parse_close",
    "shared_deflater",
    "wire_build",
)

wire_build: Final = "pure"
"""Which build runs: "pure" or "native"."""
