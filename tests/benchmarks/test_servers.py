"""The servers of the benchmark: each does the tasks that the table lists for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.environments import prepare
from bench.generator import measure_load
from bench.peers import Peer, peers_named
from bench.servers import serve
from bench.works import Work

CORE = min(os.sched_getaffinity(0))

SMALL = (
    Work(name="echo", title="", task="echo", connections=2),
    Work(name="json", title="", task="json", connections=2),
    Work(name="kinds", title="", task="kinds", connections=2, in_flight=16),
    Work(name="fan-out", title="", task="fan-out", connections=3, is_text=True, size=128),
)

INSTALLED = [peer for peer in peers_named(["aiohttp", "aiows*"]) if peer.loop == "uvloop"]


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop")
@pytest.mark.parametrize("peer", INSTALLED, ids=lambda peer: peer.name)
def test_a_server_does_the_tasks_it_is_listed_for(peer: Peer, native: Mapping[str, Path]) -> None:
    """Each reply is checked by the generator."""
    (ready,), _ = prepare([peer], native, Path(sys.executable))
    with serve(ready.command, arguments=peer.arguments, core=CORE, env=ready.env) as server:
        for work in filter(peer.does, SMALL):
            timing = {"seconds": 0.05, "warm": 0.0}
            load = measure_load(native["load"], work, server, core=CORE, tick=5000, **timing)
            assert load.messages > 0
