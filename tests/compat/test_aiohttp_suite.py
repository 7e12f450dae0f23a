"""aiohttp's own tests, with our class in the place of theirs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from compat.aiohttp_suite import Outcomes, Run, fetch
from compat.expected import EXPECTED, WRITTEN_FOR

pytestmark = [pytest.mark.compat, pytest.mark.timeout(600)]

LOOP = os.environ.get("AIOWS_COMPAT_LOOP", "pyloop")
"""pyloop, uvloop or all; the tox environment ``compat`` runs them on both."""


# A listed test that leaks what it could not clean up must not fail the one after it, and most of the
# listed ones would wait for ever for a mock of a private part to be called. They run on asyncio's loop
# whatever the others do: the signal that ends their waiting would not end uvloop's.
LENIENT = ("-p", "no:unraisableexception", "-p", "no:threadexception", "--timeout=2")


@dataclass(frozen=True)
class Comparison:
    """The same suite on both classes; ours without the tests that are listed, and those alone."""

    theirs: Outcomes
    ours: Outcomes
    listed: Outcomes


def _passed(outcomes: Outcomes) -> set[str]:
    return {test for test, outcome in outcomes.items() if outcome.word == "passed"}


def _second_chance(suite: Path, outcomes: Outcomes, *, ours: bool) -> Outcomes:
    """Alone: many of aiohttp's tests count milliseconds, and two runs were under way at once."""
    failed = [test for test, outcome in outcomes.items() if outcome.word == "failed"]
    if not failed:
        return {}
    with Run(suite, ours=ours, loop=LOOP, only=failed) as again:
        return again.outcomes()


@pytest.fixture(scope="module")
def comparison(pytestconfig: pytest.Config) -> Iterator[Comparison]:
    cache = pytestconfig.cache
    assert cache is not None
    try:
        suite = fetch(aiohttp.__version__, cache.mkdir("aiohttp-suite"))
    except subprocess.CalledProcessError:
        pytest.skip(f"needs `pip download --no-binary aiohttp aiohttp=={aiohttp.__version__}`")
    with (
        Run(suite, ours=False, loop=LOOP) as on_theirs,
        Run(suite, ours=True, loop=LOOP, without=EXPECTED) as on_ours,
    ):
        theirs, ours = on_theirs.outcomes(), on_ours.outcomes()
    theirs |= _second_chance(suite, theirs, ours=False)
    ours |= _second_chance(suite, ours, ours=True)
    there = _passed(theirs) & set(EXPECTED)
    with Run(suite, ours=True, loop="pyloop", only=there, options=LENIENT) as alone:
        yield Comparison(theirs, ours, alone.outcomes())


def test_the_suite_runs_with_aiohttps_own_class(comparison: Comparison) -> None:
    """Hundreds of tests pass before anything is replaced: the harness itself works."""
    words = [outcome.word for outcome in comparison.theirs.values()]
    assert words.count("passed") > 450
    if LOOP == "pyloop":
        assert "failed" not in words


def test_what_passes_with_aiohttps_class_passes_with_ours(comparison: Comparison) -> None:
    """The drop-in is one, but for the tests that are listed with a reason."""
    lost = sorted(_passed(comparison.theirs) - _passed(comparison.ours) - set(EXPECTED))
    for test in lost:
        outcome = comparison.ours.get(test)
        print(test, outcome.complaint if outcome else "did not run", sep="\n", end="\n\n")
    assert lost == []


def test_no_listed_test_passes(comparison: Comparison) -> None:
    """What works after all leaves the list."""
    assert sorted(_passed(comparison.listed)) == []


def test_every_listed_test_is_there(comparison: Comparison) -> None:
    """And passes with aiohttp's class, on asyncio's loop; another version of aiohttp may have lost one."""
    there = _passed(comparison.theirs) if LOOP == "pyloop" else set(comparison.theirs)
    assert aiohttp.__version__ != WRITTEN_FOR or set(EXPECTED) <= there


def test_every_exception_has_a_reason() -> None:
    """It reaches into something private, or it contradicts a documented fix."""
    for reason in EXPECTED.values():
        assert reason.startswith(("private: reaches into ", "contradicts fix "))
