"""A thousand clients lose their connections at once: they do not come back at once."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

SCRIPT: Final = Path(__file__).parent / "protocol" / "wave.mjs"
CLIENTS: Final = 1000


def peak(arrivals: list[float], window: float) -> float:
    """How many times the mean of ``window`` milliseconds come within 100 of them."""
    (most,) = Counter(int(each // 100) for each in arrivals).most_common(1)
    return most[1] / (len(arrivals) / (window / 100))


def come_back(client: Path, seconds: float, reason: str = "") -> list[float]:
    """Milliseconds from the loss to each arrival, if the server is away so long. At virtual times."""
    command = ["node", "--no-warnings", str(SCRIPT), str(client), str(seconds), reason]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    arrivals: list[float] = json.loads(ran.stdout)
    assert len(arrivals) == CLIENTS
    return arrivals


@pytest.mark.parametrize("seconds", [0, 0.3, 1])
def test_after_a_restart_nobody_sees_a_wave(seconds: float, js_build: Path) -> None:
    """No 100 ms has more than three times the mean, from when the server is back to the last arrival."""
    arrivals = come_back(js_build / "aiows.js", seconds)
    assert peak(arrivals, max(arrivals) - seconds * 1000) < 3
    assert max(arrivals) < 2 * seconds * 1000 + 1000, (
        "and nobody waits much longer than the server was away"
    )


def test_a_hint_of_the_server_is_spread(js_build: Path) -> None:
    """From what it says to half as much again."""
    arrivals = come_back(js_build / "aiows.js", 0, "retry=2")
    assert min(arrivals) >= 2000
    assert max(arrivals) <= 3010
    assert peak(arrivals, 1000) < 1.5


def test_without_jitter_there_would_be_a_wave(js_build: Path, tmp_path: Path) -> None:
    """Or this would prove nothing."""
    source = (js_build / "aiows.js").read_text()
    assert source.count("Math.random() * bound") == 1
    mutant = tmp_path / "mutant.mjs"
    mutant.write_text(source.replace("Math.random() * bound", "bound"))
    assert peak(come_back(mutant, 0), 550) > 3
