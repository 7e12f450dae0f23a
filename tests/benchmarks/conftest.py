"""The compiled programs of the benchmark, for the tests of them and of their driver."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.native import compile_native


@pytest.fixture(scope="session")
def native() -> Mapping[str, Path]:
    """The load generator and the floor by their names."""
    if not shutil.which("gcc") or not Path("/usr/include/zlib.h").exists():
        pytest.skip("needs gcc and zlib's headers")
    return compile_native()
