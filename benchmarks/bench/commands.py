"""Runs a command and returns what it printed, or raises an error with the line that tells why."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from .errors import BenchError

__all__ = ("reason_in", "run_command")


def run_command(
    command: Sequence[str],
    *,
    needs: str = "",
    within: float = 600,
    env: Mapping[str, str] | None = None,
) -> str:
    """Standard output. ``needs``: what to install if it fails; ``within`` seconds; ``env`` is added to ours.

    Raises BenchError.
    """
    name = " ".join(command[:4])
    hint = f" (it needs {needs})" if needs else ""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=within,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except FileNotFoundError as missing:
        raise BenchError(f"{command[0]} is not installed{hint}") from missing
    except subprocess.TimeoutExpired as expired:
        raise BenchError(f"{name} ... took over {within} s") from expired
    if done.returncode:
        raise BenchError(f"{name} ... failed{hint}: {reason_in(done.stderr)}")
    return done.stdout


def reason_in(said: str) -> str:
    """The line that tells most: the last one with an error in it, or else the last one."""
    lines = said.strip().splitlines() or ["it said nothing"]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines)[-1].strip()
