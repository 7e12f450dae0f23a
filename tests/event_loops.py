"""The event loops that aiows is tested on, by name."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pytest

__all__ = ("LOOPS", "LoopFactory", "loop_factory", "loop_factory_or_skip")

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]


def _uvloop() -> LoopFactory:
    factory: LoopFactory = _installed("uvloop").new_event_loop
    return factory


def _installed(name: str) -> Any:
    return importlib.import_module(name)


LOOPS: Final[dict[str, Callable[[], LoopFactory]]] = {
    "asyncio": lambda: asyncio.new_event_loop,
    "uvloop": _uvloop,
    "asyncio+aiofastnet": lambda: _installed("aiofastnet").loop_factory(),
    "uvloop+aiofastnet": lambda: _installed("aiofastnet").loop_factory(_uvloop()),
}


def loop_factory(name: str) -> LoopFactory:
    """Return the factory of the loop ``name``. Raises ImportError if it is not installed, or KeyError."""
    return LOOPS[name]()


def loop_factory_or_skip(name: str) -> LoopFactory:
    """Return the factory of the loop ``name``; a test of a loop that is not installed is skipped."""
    try:
        return loop_factory(name)
    except ImportError as error:
        pytest.skip(f"needs {error.name}: pip install {error.name}")
