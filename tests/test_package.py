"""What is installed: the metadata, and what `import aiows` brings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import metadata, packages_distributions
from importlib.resources import files
from pathlib import Path
from types import GenericAlias
from typing import Final

import pytest

import aiows

ROOT: Final = Path(__file__).parents[1]

DISTRIBUTION: Final = packages_distributions()["aiows"][0]
"""Its name is written down in setup.cfg, and nowhere else."""


def test_the_name_of_the_distribution_is_written_down_once() -> None:
    """It may have to change: on PyPI it belongs to another project, which pip would install."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    texts = [
        *pages,
        ROOT / "Makefile",
        ROOT / "setup.cfg",
        ROOT / "pyproject.toml",
        ROOT / ".ci/run",
    ]
    asked_of_pip = re.compile(r"\b(pip|uv) [^\n`]*\baiows\b|\baiows\[|\baiows *(==|>=|~=)")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in texts
        if "_build" not in path.parts
        for match in asked_of_pip.finditer(path.read_text())
    ]
    assert found == []
    assert f"name = {DISTRIBUTION}\n" in (ROOT / "setup.cfg").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_install_line_warns_of_the_other_project(page: str) -> None:
    """Right beside it, and not on another page."""
    text = (ROOT / page).read_text()
    install = text.index("python -m pip install .")
    assert "not on PyPI" in text[install : install + 400]
    assert "--find-links" in text[install : install + 400]


def test_it_requires_what_it_imports() -> None:
    """Five packages; everything else is an extra."""
    required = metadata(DISTRIBUTION).get_all("Requires-Dist", [])
    always = {re.split(r"[ <>=;\[]", line)[0] for line in required if "extra ==" not in line}
    assert always == {"aiohttp", "msgspec", "multidict", "orjson", "yarl"}
    assert set(metadata(DISTRIBUTION).get_all("Provides-Extra", [])) == {
        "dev",
        "redis",
        "speedups",
    }


def test_it_says_its_version() -> None:
    """The one of the installed distribution, written down once."""
    assert aiows.__version__ == metadata(DISTRIBUTION)["Version"]


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
    """Neither a faster loop nor a client of Redis is imported."""
    code = "import sys, aiows; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"uvloop", "aiofastnet", "redis", "nats"} & set(ended.stdout.split())


def test_it_says_which_wire_it_runs_on() -> None:
    """The one that was asked for, where one was."""
    if os.environ.get("AIOWS_NO_EXTENSIONS"):
        assert aiows.wire_build == "pure"
    if os.environ.get("AIOWS_REQUIRE_EXTENSIONS"):
        assert aiows.wire_build == "native"
    assert aiows.wire_build in ("native", "pure")


def test_the_pure_wire_can_be_asked_for_when_it_runs() -> None:
    """AIOWS_NO_EXTENSIONS passes over what was compiled."""
    code = [sys.executable, "-c", "import aiows; print(aiows.wire_build)"]
    pure = os.environ | {"AIOWS_NO_EXTENSIONS": "1"}
    ended = subprocess.run(code, env=pure, capture_output=True, text=True, check=True)
    assert ended.stdout == "pure\n"
