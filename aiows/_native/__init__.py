"""The compiled build: classes and functions that replace the pure ones of the same names.

``core`` is the one extension module; None if it was not compiled or is not wanted. The pure twins are the
reference, each in the package that it belongs to. The tests compare both builds.
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
"""The build that runs: "native", or "pure" if that was not compiled or is not wanted.

Set ``AIOWS_NO_EXTENSIONS`` in the environment, before aiows is imported, to get "pure".
"""
