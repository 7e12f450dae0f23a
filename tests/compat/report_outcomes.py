"""A pytest plugin that writes how each test ended to a JSON file.

The file is a list of [test id, outcome, what pytest printed of a failure]; a test whose body and
whose teardown fail is there twice.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

OUTCOMES: list[tuple[str, str, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or not report.passed:
        OUTCOMES.append((report.nodeid, report.outcome, report.longreprtext))


def pytest_sessionfinish() -> None:
    Path(os.environ["AIOWS_OUTCOMES"]).write_text(json.dumps(OUTCOMES))
