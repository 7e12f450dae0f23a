"""In go both builds of the wire, out comes a Markdown table: what each stage of a message costs.

    python benchmarks/wire.py [--quick]

Nanoseconds of processor time for one message, the best of several runs. "read" is all of it, as a
connection reads: bytes in, a message out. "deflate" is zlib in both builds, to compare with.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from aiows._wire import DeflateParams, Deflater, Inflater, frames, masking, reader, utf8, wire_build

KEY = b"\x9a\x00\xff\x31"
READ_SIZE = 64 * 1024  # of the buffer that all connections share
TEXT, BINARY = 1, 2
SIZES = {"32 B": 32, "16 KiB": 16 * 1024, "1 MiB": 1024 * 1024}

Work = Callable[[], object]

PURE = SimpleNamespace(
    MessageReader=reader.MessageReader,
    apply_mask=masking.apply_mask,
    Utf8Checker=utf8.Utf8Checker,
    decode_text=utf8.decode_text,
    build_frame=frames.build_frame,
)


def main() -> None:
    arguments = _arguments()
    seconds = 0.002 if arguments.quick else 0.1
    builds = [PURE, *_native()]
    print("| stage | pure | native | |\n|---|---:|---:|---:|")
    for stages in zip(*map(_stages, builds), strict=True):
        costs = [_nanoseconds(work, seconds) for _, work in stages]
        print("|", " | ".join([stages[0][0], *_cells(costs)]), "|")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs: rough figures")
    return parser.parse_args()


def _native() -> list[Any]:
    return [import_module("aiows._wire._native.core")] if wire_build == "native" else []


def _cells(costs: list[float]) -> list[str]:
    """The cost in each build, and how many times less the second one is."""
    cells = [f"{cost:,.0f} ns" for cost in costs]
    if len(costs) == 1:
        return [*cells, "", ""]
    return [*cells, f"{costs[0] / costs[1]:.1f}x"]


def _stages(build: Any) -> Iterator[tuple[str, Work]]:
    """The name of each stage, and what does it once."""
    yield "read, 32 B text, one in a read", _reading(build, TEXT, 32, count=1)
    yield "read, 32 B text, 16 in a read, each", _reading(build, TEXT, 32, count=16)
    for name in ("16 KiB", "1 MiB"):
        yield f"read, {name} text", _reading(build, TEXT, SIZES[name], count=1)
        yield f"read, {name} binary", _reading(build, BINARY, SIZES[name], count=1)
    for name, size in SIZES.items():
        payload = b"a" * size
        yield f"unmask, {name}", lambda payload=payload: build.apply_mask(payload, KEY)
    for name, size in SIZES.items():
        payload = b"a" * size
        yield f"decode, {name} of ASCII", lambda payload=payload: build.decode_text(payload)
    umlauts = "ä€".encode() * (SIZES["16 KiB"] // 5)
    yield "decode, 16 KiB of other letters", lambda: build.decode_text(umlauts)
    yield "check, 16 KiB of other letters", lambda: build.Utf8Checker().check(umlauts)
    for name, size in SIZES.items():
        payload = b"a" * size
        yield f"build, {name}", lambda payload=payload: build.build_frame(BINARY, payload)
    page = b'{"id": 1, "name": "amber cedar", "price": 9.5}' * 90
    deflater, inflater = Deflater(), Inflater(DeflateParams(client_no_context_takeover=True))
    deflated = deflater.compress(page)
    yield "deflate, 4 KiB of JSON", lambda: deflater.compress(page)
    yield "inflate, 4 KiB of JSON", lambda: list(inflater.inflate(deflated, final=True))


def _reading(build: Any, opcode: int, size: int, *, count: int) -> Work:
    """Read ``count`` messages as a connection does: through the shared buffer, or into room of their own."""
    incoming = memoryview(bytearray(frames.build_frame(opcode, b"a" * size, mask=KEY) * count))
    reader = build.MessageReader()

    def read() -> None:
        at = 0
        while at < len(incoming):
            room = reader.get_buffer()
            end = at + (READ_SIZE if room is None else len(room))
            part = incoming[at:end]
            if room is None:
                reader.feed(part)
            else:
                room[: len(part)] = part
                reader.buffer_updated(len(part))
            at, room = end, None
            while reader.next_message() is not None:
                pass
            reader.release()

    read.per = count
    return read


def _nanoseconds(work: Work, seconds: float) -> float:
    """The least that ``work`` takes, of five runs of about so many seconds."""
    times = 1
    while (took := _run(work, times)) < seconds:
        times *= 2
    best = min(took, *(_run(work, times) for _ in range(4)))
    return best / times / getattr(work, "per", 1) * 1e9


def _run(work: Work, times: int) -> float:
    begin = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
