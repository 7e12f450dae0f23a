"""What a user installs: the metadata, the wheel, and what `import aiows` brings."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import metadata
from importlib.resources import files
from pathlib import Path
from types import GenericAlias

import pytest

import aiows

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel of this checkout, built away from it."""
    source = tmp_path_factory.mktemp("source")
    for path in (*ROOT.glob("*.*"), ROOT / "LICENSE"):
        if path.is_file():
            shutil.copy(path, source)
    shutil.copytree(ROOT / "aiows", source / "aiows", ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir=dist", "."]
    subprocess.run(build, cwd=source, check=True)
    (built,) = source.glob("dist/*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_has_every_module(wheel: zipfile.ZipFile) -> None:
    """Each file of the package is there, and nothing else beside the metadata."""
    package = {name for name in wheel.namelist() if ".dist-info/" not in name}
    sources = [*(ROOT / "aiows").rglob("*.py"), ROOT / "aiows" / "py.typed"]
    assert package == {path.relative_to(ROOT).as_posix() for path in sources}


def test_the_wheel_carries_its_licence(wheel: zipfile.ZipFile) -> None:
    """PEP 639: an SPDX expression, and the text of the licence."""
    (description,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    assert "\nLicense-Expression: Apache-2.0\n" in wheel.read(description).decode()
    assert description.replace("METADATA", "licenses/LICENSE") in wheel.namelist()


def test_it_requires_what_it_imports() -> None:
    """Five packages; everything else is an extra."""
    required = metadata("aiows").get_all("Requires-Dist", [])
    always = {re.split(r"[ <>=;\[]", line)[0] for line in required if "extra ==" not in line}
    assert always == {"aiohttp", "msgspec", "multidict", "orjson", "yarl"}
    assert set(metadata("aiows").get_all("Provides-Extra", [])) == {
        "dev",
        "nats",
        "redis",
        "speedups",
    }


def test_type_checkers_may_read_it() -> None:
    """PEP 561: py.typed is installed."""
    assert files("aiows").joinpath("py.typed").is_file()


def test_every_public_name_is_there_and_documented() -> None:
    """`from aiows import *` works, and `help()` has something to say, except of a type alias."""
    for name in aiows.__all__:
        value = getattr(aiows, name)
        is_ours = getattr(value, "__module__", "").startswith("aiows")
        is_alias = isinstance(value, GenericAlias)
        assert value.__doc__ or is_alias or not is_ours, name


def test_importing_it_needs_no_extra() -> None:
    """Neither a faster loop nor a broker's client is imported."""
    code = "import sys, aiows; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"uvloop", "aiofastnet", "redis", "nats"} & set(ended.stdout.split())


def test_it_says_which_wire_it_runs_on() -> None:
    """Pure Python, as long as there is no other."""
    assert aiows.wire_build == "pure"
