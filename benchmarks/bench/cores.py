"""Chooses two cores: one for the server, one for the generator."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

__all__ = ("Cores",)


@dataclass(frozen=True, slots=True)
class Cores:
    """The generator shares its core with this program, which sleeps while it measures."""

    server: int
    generator: int

    @classmethod
    def choose(cls) -> Self:
        """The last core for the server, the first for the generator; both on one if there is no other."""
        available = sorted(os.sched_getaffinity(0))
        return cls(server=available[-1], generator=available[0])

    @property
    def are_shared(self) -> bool:
        return self.server == self.generator

    @staticmethod
    def pinned(core: int, command: list[str]) -> list[str]:
        return ["taskset", "--cpu-list", str(core), *command]
