"""Describes what the figures depend on besides the peers: processor, kernel, interpreter."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

__all__ = ("Machine",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    processor: str
    cores: int
    kernel: str
    python: str
    date: str
    busy: float
    """How many others wanted a core when it began: the load average of the last minute."""

    @classmethod
    def describe(cls) -> Self:
        return cls(
            processor=_processor(),
            cores=len(os.sched_getaffinity(0)),
            kernel=platform.release(),
            python=platform.python_version(),
            date=datetime.now(UTC).strftime("%Y-%m-%d"),
            busy=os.getloadavg()[0],
        )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()
