"""The browser's client plays the scenarios of the protocol, at virtual times."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

FOLDER: Final = Path(__file__).parent / "protocol"
SCENARIOS: Final[list[dict[str, Any]]] = json.loads((FOLDER / "scenarios.json").read_text())[
    "scenarios"
]


def names() -> Iterator[str]:
    for scenario in SCENARIOS:
        for value in scenario.get("each", [None]):
            yield scenario["name"] if value is None else f"{scenario['name']}: {json.dumps(value)}"


def play(client: Path, *options: str) -> dict[str, str | None]:
    """Play all scenarios against a client; what went wrong in each."""
    script, scenarios = FOLDER / "run_scenarios.mjs", FOLDER / "scenarios.json"
    ran = subprocess.run(
        ["node", "--no-warnings", script, client, scenarios, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    return {each["name"]: each["problem"] for each in told}


@pytest.fixture(scope="module")
def problems(js_build: Path) -> dict[str, str | None]:
    return play(js_build / "aiows.js")


@pytest.mark.parametrize("name", [*names()])
def test_the_client_does_what_the_scenario_says(name: str, problems: dict[str, str | None]) -> None:
    """Each step of it, in order."""
    assert problems[name] is None


# Each of these is one line of the client, made wrong.
MUTATIONS: Final = {
    "the reply of a join waits for a promise": (
        "take?.(message);",
        "queueMicrotask(() => take?.(message));",
    ),
    "messages before the reply do not move the position": (
        "this.position = [this.position[0], offset];",
        'if (this.state === "joined") this.position = [this.position[0], offset];',
    ),
    "a once request is sent again with a new ref": (
        "each.isSent = false;",
        "each.isSent = false; each.text = each.text.replace(each.ref, each.ref + 1);",
    ),
    "there is no jitter": ("Math.random() * bound", "bound"),
    "a hint is not spread": ("(1 + Math.random() / 2)", "1"),
    "a gap is not said": ('this.#listeners.tell("gap", this.position)', "0"),
    "what comes twice is given twice": ("if (offset < next) return false;", ""),
    "an echo is taken for an answer": ('reply.kind === "reply" && reply["idle"]', "true"),
    "whoever does not know hello is asked for a pong": (
        "this.#open(line, Infinity",
        "this.#open(line, 25e3",
    ),
    "silence is never the end": (
        'line.lose(SILENT, "No answer to aiows.hello.")',
        "this.#goOn(line)",
    ),
    "a load that leads nowhere is called at once": (
        "this.#isStale = true;\n      return this.#again();",
        "this.#isStale = true;\n      return void this.join();",
    ),
    "what is not handled once is sent again": ("=== false) {", "=== true) {"),
    "waits begin anew at once": ("this.#awaySince = 0, STABLE", "this.#awaySince = 0, 0"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_scenarios_find_a_client_that_is_wrong(
    mutation: str, js_build: Path, tmp_path: Path
) -> None:
    """Or they would prove nothing."""
    right, wrong = MUTATIONS[mutation]
    source = (js_build / "aiows.js").read_text()
    assert source.count(right) == 1
    mutant = tmp_path / "mutant.mjs"
    mutant.write_text(source.replace(right, wrong))
    assert any(play(mutant, "--first").values())
