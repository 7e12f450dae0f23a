"""No object that Python code can make crashes the compiled half: what is wrong with it is an exception."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from builds import builds

CALLS = Path(__file__).with_name("hostile_calls.py")

every_build = pytest.mark.parametrize("build", [build.name for build in builds()])


def survives(*arguments: str) -> None:
    """Run the calls in a process of their own, and show the last of them if it does not come to its end."""
    command = [sys.executable, "-X", "faulthandler", str(CALLS), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    told = ran.stdout.splitlines()[-1:], ran.stderr[-2000:]
    assert ran.returncode == 0, told


@every_build
def test_what_has_crashed_once_is_an_error_now(build: str) -> None:
    """Short messages, `None` in the place of bytes, slots of other classes, what is nested without end."""
    survives(build, "recipes")


@every_build
def test_random_calls_with_random_objects_are_errors_at_most(build: str) -> None:
    """Every class and function, also objects that were never initialised, and subclasses that forgot to."""
    survives(build, "random", "500")
