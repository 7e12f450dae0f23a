"""Tells whether a hot path needs more instructions than it should."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from aiows import wire_build
from bench.errors import BenchError

from .callgrind import count

__all__ = ("compare", "expected_for", "main")

Recorded: TypeAlias = dict[str, dict[str, dict[str, int]]]
"""By build, by version of Python, by path."""

EXPECTED: Final = Path(__file__).with_name("expected.json")

TOLERANCE: Final = 0.15
"""How much more than expected passes. Interpreters of one version differ by their compilers' options, and
orjson and msgspec by their versions; a needless call on a hot path costs more than that."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, 1 for a path that needs more than allowed, 2 if nothing could be counted."""
    parser = argparse.ArgumentParser(prog="make instructions")
    parser.add_argument("--record", action="store_true", help="what is counted is what is expected")
    options = parser.parse_args(arguments)
    try:
        counted = count()
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    recorded = json.loads(EXPECTED.read_text())
    if options.record:
        _record(recorded, counted)
        return 0
    lines, is_right = compare(counted, expected_for(recorded, wire_build, sys.version_info[:2]))
    print(f"Instructions per message, {wire_build} build, Python {_minor()}:")
    print("\n".join(lines))
    return 0 if is_right else 1


def _record(recorded: Recorded, counted: Mapping[str, int]) -> None:
    recorded.setdefault(wire_build, {})[_minor()] = dict(counted)
    EXPECTED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")


def _minor() -> str:
    return "{}.{}".format(*sys.version_info)


def expected_for(recorded: Recorded, build: str, version: tuple[int, ...]) -> Mapping[str, int]:
    """What is expected of this build on this Python, or on the newest one before it; empty: nothing is."""
    versions = recorded.get(build, {})
    known = sorted(versions.items(), key=lambda item: _version(item[0]))
    older = [each for name, each in known if _version(name) <= version]
    return older[-1] if older else {}


def _version(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split(".")))


def compare(counted: Mapping[str, int], expected: Mapping[str, int]) -> tuple[list[str], bool]:
    """One line for each path, and whether none needs more than is allowed.

    A path without an expected value is wrong, too: nothing would guard it.
    """
    lines = [_line(name, each, expected.get(name)) for name, each in counted.items()]
    return lines, all(_is_right(each, expected.get(name)) for name, each in counted.items())


def _is_right(instructions: int, expected: int | None) -> bool:
    return expected is not None and instructions <= expected * (1 + TOLERANCE)


def _line(name: str, instructions: int, expected: int | None) -> str:
    counted = f"  {name:20} {instructions:9,}"
    if expected is None:
        return f"{counted}  NOTHING IS EXPECTED: --record"
    more = instructions / expected - 1
    return f"{counted}  expected {expected:9,}  {more:+7.1%}{_verdict(more)}"


def _verdict(more: float) -> str:
    if more > TOLERANCE:
        return "  TOO MANY"
    return "  fewer: keep it, --record" if more < -TOLERANCE else ""
