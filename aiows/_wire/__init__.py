"""Bytes to frames to messages and back, RFC 6455 and RFC 7692: no asyncio, no aiohttp.

::

    bytes -> FrameParser -> Frame -> MessageAssembler -> Message       (MessageReader is both)
    message -> Deflater -> build_frame -> bytes

It does no I/O, but for an outlet that was given the descriptor of its transport's socket.

This is all that upper layers may use of it. `MessageReader`, `Turn`, `Intake`, `Handling`,
`Receiving`, `Outlet`, `Pipeline`, `build_frame` and `first_step` exist twice, pure in the modules here
and native in ``_native``, with one interface; the pure ones are the reference.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from .compression import Compression
from .deflate import Deflater, Inflater, make_deflater, share_backend, shared_deflater
from .frames import build_close, build_frame, parse_close
from .handling import Handling
from .intake import Intake
from .messages import CloseCode, Message, Opcode, is_close_code, new_tuple
from .negotiation import DeflateParams, negotiate_deflate
from .outlet import Outlet, SendStatus
from .pipeline import Pipeline
from .reader import MessageReader
from .receiving import Receiving
from .steps import first_step
from .turn import Turn

wire_build: Literal["native", "pure"] = "pure"
"""Which build of the wire runs: "native", or "pure" where it was not compiled or is not wanted.

``AIOWS_NO_EXTENSIONS`` in the environment, when aiows is imported, asks for "pure".
"""

if not TYPE_CHECKING and not os.environ.get("AIOWS_NO_EXTENSIONS"):
    try:
        from ._native import core
    except ImportError:
        pass  # there was no compiler
    else:
        MessageReader, build_frame = core.MessageReader, core.build_frame
        Turn, Intake, Outlet = core.Turn, core.Intake, core.Outlet
        Handling, Receiving, Pipeline = core.Handling, core.Receiving, core.Pipeline
        first_step = core.first_step
        wire_build = "native"

__all__ = (
    "CloseCode",
    "Compression",
    "DeflateParams",
    "Deflater",
    "Handling",
    "Inflater",
    "Intake",
    "Message",
    "MessageReader",
    "Opcode",
    "Outlet",
    "Pipeline",
    "Receiving",
    "SendStatus",
    "Turn",
    "build_close",
    "build_frame",
    "first_step",
    "is_close_code",
    "make_deflater",
    "negotiate_deflate",
    "new_tuple",
    "parse_close",
    "share_backend",
    "shared_deflater",
    "wire_build",
)
