"""The compiled build: classes and functions with the names of the pure ones that they take the place of.

``core`` is the one extension module, None where it was not compiled or is not wanted. The pure twin of each
is the reference, and lies beside what it serves; the tests hold both builds against each other.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import Final, Literal

__all__ = ("core", "wire_build")


def _load() -> ModuleType | None:
    if os.environ.get("AIOWS_NO_EXTENSIONS"):
        return None
    try:
        return import_module(".core", __name__)
    except ModuleNotFoundError:
        return None  # there was no compiler


core: Final = _load()

wire_build: Final[Literal["native", "pure"]] = "pure" if core is None else "native"
"""Which build runs: "native", or "pure" where it was not compiled or is not wanted.

``AIOWS_NO_EXTENSIONS`` in the environment, when aiows is imported, asks for "pure".
"""
