"""Computes the figures of one work from its rounds: medians, spread, and the ratio to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from .peers import BASELINE
from .rounds import WorkResult

__all__ = ("Figures", "figures_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One line of a work's table. ``median`` and ``spread`` (lowest, highest) are microseconds or KiB.

    ``ratio``: to the baseline in the same round, the median of all rounds; None without a baseline.
    ``p50`` and ``p99``: latency in microseconds, None for memory.
    """

    peer: str
    median: float
    spread: tuple[float, float]
    ratio: float | None
    p50: float | None = None
    p99: float | None = None
    tick: int | None = None


def figures_of(result: WorkResult) -> list[Figures]:
    """The cheapest first."""
    values = {
        **{name: [load.microseconds for load in loads] for name, loads in result.loads.items()},
        **{name: [each.kib for each in memories] for name, memories in result.memories.items()},
    }
    baseline = values.get(BASELINE)
    found = [_figures(result, name, each, baseline) for name, each in values.items()]
    return sorted(found, key=lambda figures: figures.median)


def _figures(
    result: WorkResult, name: str, values: Sequence[float], baseline: Sequence[float] | None
) -> Figures:
    loads = result.loads.get(name, [])
    return Figures(
        peer=name,
        median=median(values),
        spread=(min(values), max(values)),
        ratio=_ratio(values, baseline),
        p50=median(load.p50 for load in loads) if loads else None,
        p99=median(load.p99 for load in loads) if loads else None,
        tick=result.ticks.get(name),
    )


def _ratio(values: Sequence[float], baseline: Sequence[float] | None) -> float | None:
    """A peer that failed in the middle has fewer rounds: those that both have are compared."""
    if not baseline:
        return None
    return median(value / base for value, base in zip(values, baseline, strict=False))
