"""The stages of a message in the wire that runs, native or pure, each as a function to be timed."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from typing import Any

from aiows import Compression, wire_build
from aiows._wire import MessageReader, Opcode, build_frame, make_deflater, negotiate_deflate
from compression import SEED, larger_json

MASK = b"\x37\xfa\x21\x3d"
SIZES = {"32 B": 32, "4 KiB": 4096, "1 MiB": 1024 * 1024}
BURST = 16
BURST_STAGE = f"parse, {BURST} of 32 B in one read"
READ_SIZE = 64 * 1024  # of the buffer that all connections of a loop share

Stage = Callable[[], Any]


def wire_stages() -> dict[str, Stage]:
    """Each stage by its name."""
    apply_mask, decode_text = _inner("masking", "apply_mask"), _inner("utf8", "decode_text")
    payloads = {name: b"a" * size for name, size in SIZES.items()}
    euros = "€".encode() * (4096 // 3)
    return {
        **{f"parse, {name}": _parse(_frame(data)) for name, data in payloads.items()},
        BURST_STAGE: _parse(_frame(payloads["32 B"]) * BURST),
        **{f"unmask, {name}": _call(apply_mask, data, MASK) for name, data in payloads.items()},
        **{f"decode, {name}": _call(decode_text, data) for name, data in payloads.items()},
        "decode, 4 KiB that are not ASCII": _call(decode_text, euros),
        **{f"build, {name}": _call(build_frame, 1, data) for name, data in payloads.items()},
        "deflate, a page of a list": _deflate(),
    }


def _inner(module: str, name: str) -> Callable[..., Any]:
    """A function that the wire keeps to itself, in the build that runs."""
    where = "_native.core" if wire_build == "native" else module
    function: Callable[..., Any] = getattr(import_module(f"aiows._wire.{where}"), name)
    return function


def _call(function: Callable[..., Any], *args: Any) -> Stage:
    return lambda: function(*args)


def _frame(payload: bytes) -> bytes:
    return build_frame(Opcode.TEXT, payload, mask=MASK)


def _parse(data: bytes) -> Stage:
    """Read as a connection does: through the shared buffer, a large message into memory of its own."""
    incoming = memoryview(data)
    reader = MessageReader()

    def parse() -> None:
        at = 0
        while at < len(incoming):
            room = reader.get_buffer()
            end = at + (READ_SIZE if room is None else len(room))
            _give(reader, room, incoming[at:end])
            at, room = end, None
            while reader.next_message() is not None:
                pass
            reader.release()

    return parse


def _give(reader: MessageReader, room: memoryview | None, part: memoryview) -> None:
    if room is None:
        reader.feed(part)
        return
    room[: len(part)] = part
    reader.buffer_updated(len(part))


def _deflate() -> Stage:
    params = negotiate_deflate("permessage-deflate", Compression.SHARED)
    assert params is not None
    deflater, page = make_deflater(params, Compression.SHARED), larger_json(random.Random(SEED))
    return lambda: deflater.compress(page)
