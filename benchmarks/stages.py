"""In go the stages of a message, out comes a Markdown table: each on the native build and on the pure one.

    python benchmarks/stages.py [--quick]

Each build runs in a process of its own. A figure is the best of several repeats, in microseconds for one
message: the stages are calls in a loop, without a kernel, so what disturbs them only ever adds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from timeit import Timer
from typing import Any

from aiows import Compression, wire_build
from aiows._wire import MessageReader, Opcode, build_frame, make_deflater, negotiate_deflate
from compression import SEED, larger_json
from counting.paths import PATHS, opened

MASK = b"\x37\xfa\x21\x3d"
SIZES = {"32 B": 32, "4 KiB": 4096, "1 MiB": 1024 * 1024}
BURST = 16
REPEATS = 5

Stage = Callable[[], Any]


def main() -> None:
    options = _arguments()
    if options.child:
        asyncio.run(_measure(1 if options.quick else REPEATS))
        return
    native, pure = _run_child(), _run_child(AIOWS_NO_EXTENSIONS="1")
    if native.pop("build") != "native":
        sys.exit("The native build is not there: there is nothing to compare the pure one with.")
    del pure["build"]
    print("| stage | native, us | pure, us | native is faster |")
    print("|---|---:|---:|---:|")
    for name, quick in native.items():
        print(f"| {name} | {quick:.3f} | {pure[name]:.3f} | {pure[name] / quick:.1f} times |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repeat: rough figures")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_child(**env: str) -> dict[str, Any]:
    command = [sys.executable, *sys.argv, "--child"]
    done = subprocess.run(
        command, env={**os.environ, **env}, stdout=subprocess.PIPE, check=True, timeout=300
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


async def _measure(repeats: int) -> None:
    figures = {name: _best(stage, repeats) for name, stage in _wire_stages().items()}
    figures[f"parse, {BURST} of 32 B in one read"] /= BURST
    async with opened() as runs:
        for name, run in runs.items():
            path = PATHS[name]
            if name not in ("parse", "build") and not path.takes_turn:
                figures[f"path: {name}"] = _best(run, repeats) / path.messages
    print(json.dumps({"build": wire_build, **figures}))


def _best(stage: Stage, repeats: int) -> float:
    timer = Timer(stage)
    number, first = timer.autorange()
    return min(first, *timer.repeat(repeats, number)) / number * 1e6


def _wire_stages() -> dict[str, Stage]:
    return {
        **{f"parse, {name}": _parse(_frame(size)) for name, size in SIZES.items()},
        f"parse, {BURST} of 32 B in one read": _parse(_frame(32) * BURST),
        **{f"build, {name}": _build(size) for name, size in SIZES.items()},
        "deflate, a page of a list": _deflate(),
    }


def _frame(size: int) -> bytes:
    return build_frame(Opcode.TEXT, b"a" * size, mask=MASK)


def _parse(data: bytes) -> Stage:
    reader = MessageReader()

    def parse() -> None:
        reader.feed(data)
        while reader.next_message() is not None:
            pass
        reader.release()

    return parse


def _build(size: int) -> Stage:
    payload = b"a" * size
    return lambda: build_frame(Opcode.TEXT, payload)


def _deflate() -> Stage:
    params = negotiate_deflate("permessage-deflate", Compression.SHARED)
    assert params is not None
    deflater, page = make_deflater(params, Compression.SHARED), larger_json(random.Random(SEED))
    return lambda: deflater.compress(page)


if __name__ == "__main__":
    main()
