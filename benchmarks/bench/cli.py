"""The command line: measures what it names, prints the tables and writes them into results/.

python benchmarks/run.py [WORK ...] [--peers NAME,...] [--rounds N] [--list]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from .cores import Cores
from .environments import Ready, prepare
from .errors import BenchError
from .figures import figures_of
from .machine import Machine
from .native import ROOT, compile_native
from .peers import PEERS, peers_named
from .rounds import Bench, WorkResult, open_files_limit
from .table import render
from .works import MAIN, WORKS, works_named

__all__ = ("main",)

RESULTS: Final = ROOT / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 for a command line or a machine that nothing can be measured with."""
    options = _parser().parse_args(arguments)
    if options.list:
        _list()
        return 0
    try:
        _measure(options)
    except (BenchError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measures what servers cost, side by side."
    )
    parser.add_argument(
        "works", nargs="*", metavar="WORK", help=f"all without; fan-out* for several; {MAIN}"
    )
    parser.add_argument(
        "--peers", default="", help=f"names with commas between; aiows* for several; {MAIN}"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="for one peer in one round")
    parser.add_argument("--warm", type=float, default=0.5, help="seconds before that")
    parser.add_argument("--python", type=Path, help="run Python peers with this; install nothing")
    parser.add_argument("--name", default="latest", help="of the files in results/")
    parser.add_argument("--list", action="store_true", help="the works and the peers")
    return parser


def _list() -> None:
    for work in WORKS:
        print(f"{work.name:20} {work.title}")
    print()
    for peer in PEERS:
        print(f"{peer.name:30} {', '.join(sorted(peer.tasks)):32} {peer.title}".rstrip())
    print(f"\n{MAIN}, among the works: {', '.join(work.name for work in WORKS if work.is_main)}")
    print(f"{MAIN}, among the peers: {', '.join(peer.name for peer in PEERS if peer.is_main)}")


def _measure(options: argparse.Namespace) -> None:
    works = works_named(options.works)
    peers = peers_named([name for name in options.peers.split(",") if name])
    machine, cores = Machine.describe(), Cores.choose()
    if cores.are_shared:
        _tell("There is one core only: server and generator share it, and the figures say little.")
    open_files_limit()
    native = compile_native()
    ready, unavailable = prepare(peers, native, options.python)
    for name, reason in unavailable.items():
        _tell(f"{name} cannot run: {reason}")
    bench = Bench(
        native=native,
        cores=cores,
        rounds=options.rounds,
        seconds=options.seconds,
        warm=options.warm,
        tell=_tell,
    )
    results: list[WorkResult] = []
    for work in works:
        results.append(bench.measure(work, ready))
        _report(results, options, machine, ready, unavailable)
    print((RESULTS / f"{options.name}.md").read_text())


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _report(
    results: list[WorkResult],
    options: argparse.Namespace,
    machine: Machine,
    ready: list[Ready],
    unavailable: Mapping[str, str],
) -> None:
    """After each work, so that what was measured stays when a long run is broken off."""
    versions = {name: each for peer in ready for name, each in peer.versions.items()}
    table = render(
        results, machine=machine, versions=versions, unavailable=unavailable, rounds=options.rounds
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.name}.md").write_text(table)
    data = {
        "machine": asdict(machine),
        "versions": versions,
        "unavailable": dict(unavailable),
        "works": [_as_json(result) for result in results],
    }
    (RESULTS / f"{options.name}.json").write_text(json.dumps(data, indent=1) + "\n")


def _as_json(result: WorkResult) -> dict[str, Any]:
    return {**asdict(result), "figures": [asdict(each) for each in figures_of(result)]}
