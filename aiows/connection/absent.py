"""`Absent` stands for a name that a class does not have: reading it raises an error that says what to use."""

from __future__ import annotations

from typing import NoReturn

from ..errors import NoSuchMember

__all__ = ("Absent",)


class Absent:
    """Put into a class, it costs nothing until it is read; ``hasattr`` still says False."""

    __slots__ = ("_instead", "_place")

    def __init__(self, place: str, instead: str) -> None:
        self._place = place
        self._instead = instead

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise NoSuchMember(self._place, self._instead)
