"""In go wishes for names, out come names that are given once: the second ``chat`` is ``chat.2``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, count

__all__ = ("Names", "identifier")


class Names:
    """The names of one document or one scope; asked in the same order it gives the same ones."""

    def __init__(self, taken: Iterable[str] = (), *, separator: str = ".") -> None:
        self._taken = set(taken)
        self._separator = separator

    def take(self, *wishes: str) -> str:
        """Return the first of ``wishes`` that nobody has, or else the last one with a number."""
        numbered = (f"{wishes[-1]}{self._separator}{number}" for number in count(2))
        name = next(each for each in chain(wishes, numbered) if each not in self._taken)
        self._taken.add(name)
        return name


def identifier(name: str) -> str:
    """Return ``name`` as TypeScript names a type: ``chat.send`` is ``ChatSend``."""
    words = re.findall(r"[^\W_]+", name)
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if joined and not joined[0].isdigit() else f"_{joined}"
