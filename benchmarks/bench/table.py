"""Writes the results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .figures import Figures, figures_of
from .machine import Machine
from .peers import BASELINE, PEERS
from .rounds import FULL_LOAD, WorkResult
from .works import Work

__all__ = ("render",)

FLOOR = "floor"


def render(
    results: Sequence[WorkResult],
    *,
    machine: Machine,
    versions: Mapping[str, str],
    unavailable: Mapping[str, str],
    rounds: int,
) -> str:
    """Summary, one table for each work, what could not be measured, versions and machine."""
    parts = [_summary(results)] if len(results) > 1 else []
    parts += [_work(result) for result in results]
    parts.append(_not_measured(results, unavailable))
    parts.append(_circumstances(machine, versions, rounds))
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = "|---|" + "---:|" * (len(headings) - 1)
    return "\n".join([_row(headings), rule, *(_row(row) for row in rows)])


# the summary: ratios to the baseline


def _summary(results: Sequence[WorkResult]) -> str:
    found = [(result.work, figures_of(result)) for result in results]
    measured = {each.peer for _, figures in found for each in figures}
    ours = [peer.name for peer in PEERS if _is_ours(peer.name) and peer.name in measured]
    headings = ["work", BASELINE, "best other peer", FLOOR, *ours]
    rows = [_summary_row(work, figures, ours) for work, figures in found]
    return f"Ratios to {BASELINE}, medians of the rounds:\n\n{_table(headings, rows)}"


def _is_ours(name: str) -> bool:
    return name.startswith("aiows")


def _summary_row(work: Work, figures: list[Figures], ours: list[str]) -> list[str]:
    named = {each.peer: each for each in figures}
    others = [
        each for each in figures if not _is_ours(each.peer) and each.peer not in (BASELINE, FLOOR)
    ]
    best = f"{others[0].peer} {_ratio(others[0])}{_condition(others[0])}" if others else ""
    return [
        work.title,
        _amount(named[BASELINE].median, work) if BASELINE in named else "",
        best,
        *(_ratio(named.get(name)) for name in (FLOOR, *ours)),
    ]


def _condition(figures: Figures) -> str:
    return " (full load)" if figures.tick == FULL_LOAD else ""


def _ratio(figures: Figures | None) -> str:
    return "" if figures is None or figures.ratio is None else f"{figures.ratio:.2f}"


def _amount(value: float, work: Work) -> str:
    return f"{value:.2f} KiB" if work.task == "idle" else f"{value:.2f} us"


# one work


def _work(result: WorkResult) -> str:
    work = result.work
    figures = figures_of(result)
    if not figures:
        return ""
    if work.task == "idle":
        counts = {memory.connections for each in result.memories.values() for memory in each}
        how_many = "" if work.connections else f" ({max(counts):,})"
        rows = [[each.peer, f"{each.median:.2f}", _ratio(each)] for each in figures]
        table = _table(["peer", "KiB a connection", f"to {BASELINE}"], rows)
        return f"## {work.name}: {work.title}{how_many}\n\n{table}"
    headings = [
        "peer",
        f"us a {work.unit}",
        "lowest to highest",
        f"to {BASELINE}",
        "latency p50, us",
        "p99, us",
        "tick, ms",
    ]
    return f"## {work.name}: {work.title}\n\n{_table(headings, map(_load_row, figures))}"


def _load_row(figures: Figures) -> list[str]:
    low, high = figures.spread
    return [
        figures.peer,
        f"{figures.median:.2f}",
        f"{low:.2f} to {high:.2f}",
        _ratio(figures),
        f"{figures.p50:.0f}",
        f"{figures.p99:.0f}",
        "full load" if figures.tick == FULL_LOAD else f"{(figures.tick or 0) / 1000:g}",
    ]


# around it


def _not_measured(results: Sequence[WorkResult], unavailable: Mapping[str, str]) -> str:
    lines = [f"- {name}: {reason}" for name, reason in unavailable.items()]
    lines += [
        f"- {name}, {result.work.name}: {reason}"
        for result in results
        for name, reason in result.failures.items()
    ]
    return "Not measured:\n\n" + "\n".join(lines) if lines else ""


def _circumstances(machine: Machine, versions: Mapping[str, str], rounds: int) -> str:
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return (
        f"{machine.date}, {rounds} rounds, {machine.cores} cores of {machine.processor}, "
        f"Linux {machine.kernel}, Python {machine.python}; load average before: {machine.busy:.1f}."
        f"\n\nVersions: {named}."
    )
