"""Compiles the load generator and the floor where they are older than their source."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .commands import run_command

__all__ = ("BUILD", "NATIVE", "compile_native")

ROOT: Final = Path(__file__).parents[1]
NATIVE: Final = ROOT / "native"
BUILD: Final = ROOT / "build"

SHARED: Final = ("frames.c", "deflate.c")
PROGRAMS: Final = {
    "load": (
        "load.c",
        "options.c",
        "connection.c",
        "message.c",
        "handshake.c",
        "latency.c",
        *SHARED,
    ),
    "floor": ("floor.c", "accept.c", "bytes.c", *SHARED),
}
FLAGS: Final = ("-O3", "-Wall", "-Wextra", "-D_GNU_SOURCE")
LIBRARIES: Final = ("-lz", "-lm")


def compile_native(compiler: str = "gcc") -> dict[str, Path]:
    """The programs by their names. Raises BenchError with what the compiler says."""
    BUILD.mkdir(exist_ok=True)
    return {name: _compile(compiler, name, sources) for name, sources in PROGRAMS.items()}


def _compile(compiler: str, name: str, sources: tuple[str, ...]) -> Path:
    program = BUILD / name
    newest = max(path.stat().st_mtime for path in NATIVE.iterdir())
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    paths = [str(NATIVE / source) for source in sources]
    command = [compiler, *FLAGS, "-o", str(program), *paths, *LIBRARIES]
    run_command(command, needs="Debian's gcc, libc6-dev and zlib1g-dev")
    return program
