"""Tells which Python functions of aiows a message passes, in order."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Final

import aiows

from .paths import Run

__all__ = ("TRACED", "functions_passed")

TRACED: Final = ("view", "view-async", "kinds", "kinds-async", "kinds-push", "kinds-push-async")
"""Of `PATHS`: a view's ``on_message``, a kind with a ref, one that pushes; ``def`` and ``async def``."""

PACKAGE: Final = Path(aiows.__file__).parent
TURNS: Final = 3  # of the loop, for what a message leaves to be done later


async def functions_passed(run: Run) -> list[str]:
    """``file:function`` of each call, and of each time that a coroutine goes on.

    It looks at a second run: what a connection makes at its first message is left out, and so is what is
    compiled.
    """
    await _run(run)
    passed: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(PACKAGE):
            passed.append(f"{file.relative_to(PACKAGE)}:{frame.f_code.co_qualname}")

    sys.setprofile(note)
    try:
        await _run(run)
    finally:
        sys.setprofile(None)
    return passed


async def _run(run: Run) -> None:
    run()
    for _ in range(TURNS):
        await asyncio.sleep(0)
