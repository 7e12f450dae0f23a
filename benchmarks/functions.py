"""Prints which functions of aiows a message passes on the main paths: python benchmarks/functions.py

Each line is a call, or a coroutine that goes on, in order. What is compiled is not seen: run it on the native
build.
"""

import asyncio

from aiows import wire_build
from counting.functions import TRACED, functions_passed
from counting.paths import opened


async def main() -> None:
    print(f"Python functions of aiows that a message passes, {wire_build} build:")
    async with opened() as runs:
        for name in TRACED:
            passed = await functions_passed(runs[name])
            print(f"\n{name}: {len(passed)}")
            for each in passed:
                print(f"  {each}")


if __name__ == "__main__":
    asyncio.run(main())
