"""What the Makefile does with the interpreter that it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile and with an environment that was made by this interpreter."""
    if shutil.which("make") is None:
        pytest.skip("needs make: apt-get install -y make")
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    environment = tmp_path / ".venv"
    environment.mkdir()
    (environment / ".python").write_text(f"{sys.executable}\n")
    return tmp_path


def make(project: Path, *asked: str) -> subprocess.CompletedProcess[str]:
    """Run it as in a shell of its own: the make that runs the tests hands on what it was told."""
    return subprocess.run(
        ["make", *asked],
        cwd=project,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_that_is_none_is_told_and_the_environment_is_kept(project: Path) -> None:
    """As with a slip of the pen: ``make lint PYTHON=pyhton3``."""
    made = make(project, ".venv/.python", "PYTHON=pyhton3")
    assert made.returncode != 0
    assert "PYTHON=pyhton3 is no Python >= 3.11 with venv" in made.stdout
    assert make(project, ".venv/.python", "--question").returncode == 0


def test_another_python_makes_the_environment_anew(project: Path) -> None:
    """Asked for by another name, this interpreter is another one."""
    again = project / "another-python"
    again.symlink_to(sys.executable)
    assert make(project, ".venv/.python", f"PYTHON={again}", "--question").returncode == 1
    assert make(project, ".venv/.python", f"PYTHON={sys.executable}", "--question").returncode == 0
