"""The rounds of the benchmark: who is measured when, and what happens if a peer fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import rounds
from bench.cores import Cores
from bench.environments import Ready
from bench.errors import BenchError
from bench.generator import Load, Memory
from bench.peers import Peer
from bench.rounds import FULL_LOAD, Bench
from bench.works import Work

ECHO = Work(name="echo", title="", task="echo", connections=10, tick=5000)
LOAD = Load(cpu=0.1, wall=1.0, messages=1000, late=0, overruns=0, p50=20, p90=30, p99=40, max=50)

Measure = Callable[[str, int], Load]


def ready(name: str, **options: Any) -> Ready:
    return Ready(peer=Peer(name=name, server="floor", **options), command=[name], versions={})


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[Measure], Bench]:
    """A bench whose servers and generator are a function of the peer's name and the tick."""

    @contextmanager
    def serve(command: list[str], **options: Any) -> Iterator[Any]:
        yield command[0]

    def make(measure: Measure) -> Bench:
        def measure_load(program: Path, work: Work, server: Any, *, tick: int, **_: Any) -> Load:
            return measure(server, tick)

        monkeypatch.setattr(rounds, "serve", serve)
        monkeypatch.setattr(rounds, "measure_load", measure_load)
        return Bench(
            native={"load": Path("load")},
            cores=Cores(0, 0),
            rounds=3,
            seconds=1,
            warm=0.1,
            tell=lambda line: None,
        )

    return make


def test_every_round_measures_every_peer_once(bench: Callable[[Measure], Bench]) -> None:
    """One after the other, after one trial of each for its tick."""
    measured: list[str] = []

    def measure(name: str, tick: int) -> Load:
        measured.append(name)
        return LOAD

    result = bench(measure).measure(ECHO, [ready("one"), ready("two")])
    assert measured == ["one", "two"] * 4
    assert {name: len(loads) for name, loads in result.loads.items()} == {"one": 3, "two": 3}
    assert result.ticks == {"one": 5000, "two": 5000}


def test_the_tick_grows_until_the_server_has_half_of_the_time_for_itself(
    bench: Callable[[Measure], Bench],
) -> None:
    """A message costs the same, so at twice the tick half of the time is enough."""
    result = bench(lambda name, tick: replace(LOAD, cpu=8000 / tick)).measure(ECHO, [ready("slow")])
    (tick,) = result.ticks.values()
    assert 16_000 <= tick <= 40_000
    assert all(load.busy <= 0.5 for load in result.loads["slow"])


def test_the_tick_grows_until_no_reply_is_late(bench: Callable[[Measure], Bench]) -> None:
    """A server may be quick and yet wait for something."""

    def measure(name: str, tick: int) -> Load:
        return replace(LOAD, late=100 if tick < 10_000 else 0)

    assert bench(measure).measure(ECHO, [ready("waits")]).ticks == {"waits": 10_000}


def test_a_peer_that_polls_is_measured_at_full_load(bench: Callable[[Measure], Bench]) -> None:
    """All of its time is somebody's work there."""
    result = bench(lambda name, tick: replace(LOAD, cpu=1.0)).measure(
        ECHO, [ready("polls", polls=True)]
    )
    assert result.ticks == {"polls": FULL_LOAD}


def test_a_peer_that_fails_is_left_out_of_the_work_and_the_others_go_on(
    bench: Callable[[Measure], Bench],
) -> None:
    """With the reason, and with the rounds that it had."""
    measured: list[str] = []

    def measure(name: str, tick: int) -> Load:
        measured.append(name)
        if measured.count("bad") == 3:
            measured.append("bad")
            raise BenchError("it broke")
        return LOAD

    result = bench(measure).measure(ECHO, [ready("bad"), ready("good")])
    assert result.failures == {"bad": "it broke"}
    assert len(result.loads["bad"]) == 1
    assert len(result.loads["good"]) == 3


def test_a_peer_is_asked_only_for_the_tasks_that_it_does(
    bench: Callable[[Measure], Bench],
) -> None:
    """It is not listed as a failure where it has no place."""
    result = bench(lambda name, tick: LOAD).measure(
        ECHO, [ready("none", tasks=frozenset({"json"})), ready("one")]
    )
    assert result.loads.keys() == {"one"}
    assert result.failures == {}


def test_memory_is_measured_once_for_each_peer(
    bench: Callable[[Measure], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With as many connections as the work says, or as open files allow."""

    def measure_memory(*_: Any, connections: int, **__: Any) -> Memory:
        return Memory(connections=connections, bytes_each=1024)

    monkeypatch.setattr(rounds, "measure_memory", measure_memory)
    monkeypatch.setattr(rounds, "open_files_limit", lambda: 1200)
    idle = Work(name="idle", title="", task="idle", connections=0)
    result = bench(lambda name, tick: LOAD).measure(idle, [ready("one")])
    assert result.memories == {"one": [Memory(connections=1000, bytes_each=1024)]}
