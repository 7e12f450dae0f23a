"""Shows what each way to run a handler that never waits costs: python benchmarks/stepper.py"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextvars import Context

from aiows.connection.cores import Stepper

REPEATS = 20_000
ROUNDS = 7


async def handler() -> None:
    """What most handlers are: nothing in it waits."""


def _eagerly(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.Task(handler(), loop=loop, eager_start=True)  # type: ignore[call-arg,unused-ignore]


async def microseconds(run: Callable[[], Awaitable[object] | None]) -> float:
    """The median of some rounds."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(REPEATS):
            waiting = run()
            if waiting is not None:
                await waiting
        rounds.append((time.perf_counter() - begin) / REPEATS * 1e6)
    return sorted(rounds)[ROUNDS // 2]


async def main() -> None:
    """Print the table."""
    loop, context = asyncio.get_running_loop(), Context()
    stepper = Stepper(loop)
    ways: dict[str, Callable[[], Awaitable[object] | None]] = {
        "a parked task": lambda: stepper.start(handler(), context.copy()),
        "create_task, awaited": lambda: asyncio.create_task(handler()),
    }
    if sys.version_info >= (3, 12):
        ways["eager_start"] = lambda: _eagerly(loop)
    print(f"Python {sys.version.split()[0]}, microseconds for one handler:")
    for name, run in ways.items():
        print(f"  {name:22} {await microseconds(run):6.2f}")


if __name__ == "__main__":
    asyncio.run(main())
