"""Unique names: the second ``chat`` becomes ``chat.2``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, count

__all__ = ("Names", "identifier")


class Names:
    """The names of one document or one scope. The same calls in the same order give the same names."""

    def __init__(self, taken: Iterable[str] = (), *, separator: str = ".") -> None:
        self._taken = set(taken)
        self._separator = separator

    def take(self, *names: str) -> str:
        """Return the first of ``names`` that is not taken, or else the last one with a number."""
        numbered = (f"{names[-1]}{self._separator}{number}" for number in count(2))
        name = next(each for each in chain(names, numbered) if each not in self._taken)
        self._taken.add(name)
        return name


def identifier(name: str) -> str:
    """Return ``name`` as the name of a TypeScript type: ``chat.send`` is ``ChatSend``."""
    words = re.findall(r"[^\W_]+", name)
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if joined and not joined[0].isdigit() else f"_{joined}"
