"""aiohttp's own test-suite, with our class in place of theirs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import pytest

from compat.aiohttp_suite import Outcomes, Run, fetch
from compat.expected import EXPECTED, WRITTEN_FOR

pytestmark = [pytest.mark.compat, pytest.mark.timeout(600)]

LOOP = os.environ.get("AIOWS_COMPAT_LOOP", "pyloop")
"""pyloop, uvloop or all; the tox environment ``compat`` runs them on both."""


@dataclass(frozen=True)
class Comparison:
    """The same suite on both classes."""

    theirs: Outcomes
    ours: Outcomes

    @property
    def lost(self) -> list[str]:
        """The tests that pass with aiohttp's class and not with ours."""
        return [
            test
            for test, theirs in self.theirs.items()
            if theirs.word == "passed"
            and (test not in self.ours or self.ours[test].word != "passed")
        ]


def _passed(outcomes: Outcomes) -> set[str]:
    return {test for test, outcome in outcomes.items() if outcome.word == "passed"}


@pytest.fixture(scope="module")
def comparison(pytestconfig: pytest.Config) -> Iterator[Comparison]:
    cache = pytestconfig.cache
    assert cache is not None
    try:
        suite = fetch(aiohttp.__version__, cache.mkdir("aiohttp-suite"))
    except subprocess.CalledProcessError:
        pytest.skip(f"needs `pip download --no-binary aiohttp aiohttp=={aiohttp.__version__}`")
    runs = [Run(suite, ours=ours, loop=LOOP) for ours in (False, True)]
    try:
        theirs, ours = [run.finish() for run in runs]
        yield Comparison(theirs, ours)
    finally:
        for run in runs:
            run.stop()


def test_the_suite_runs_with_aiohttps_own_class(comparison: Comparison) -> None:
    """Hundreds of tests pass before anything is replaced: the harness itself works."""
    words = [outcome.word for outcome in comparison.theirs.values()]
    assert words.count("passed") > 450
    if LOOP == "pyloop":
        assert "failed" not in words


def test_what_passes_with_aiohttps_class_passes_with_ours(comparison: Comparison) -> None:
    """The drop-in is one, but for the tests that are listed with a reason."""
    unexpected = [test for test in comparison.lost if test not in EXPECTED]
    for test in unexpected:
        print(test, comparison.ours[test].complaint, sep="\n", end="\n\n")
    assert unexpected == []


def test_the_list_of_exceptions_is_exact(comparison: Comparison) -> None:
    """A listed test that passes again, or that is gone, leaves the list."""
    listed = set(EXPECTED)
    if aiohttp.__version__ != WRITTEN_FOR:
        listed &= set(comparison.theirs)
    assert sorted(listed - set(comparison.lost)) == []


def test_every_exception_has_a_reason() -> None:
    """It reaches into something private, or it contradicts a documented fix."""
    for reason in EXPECTED.values():
        assert reason.startswith(("private: reaches into ", "contradicts fix "))
