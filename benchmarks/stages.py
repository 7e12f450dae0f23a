"""Measures each stage of a message on the native build and on the pure one, as a Markdown table.

    python benchmarks/stages.py [--quick]

Each build runs in a process of its own. A figure is the best of several repeats, in microseconds for one
message: the stages are calls in a loop, without a kernel, so what disturbs them only ever adds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from timeit import Timer
from typing import Any

from aiows import wire_build
from counting.paths import PATHS, opened
from wire_stages import BURST, BURST_STAGE, Stage, wire_stages

REPEATS = 5


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
    figures = {name: _best(stage, repeats) for name, stage in wire_stages().items()}
    figures[BURST_STAGE] /= BURST
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


if __name__ == "__main__":
    main()
