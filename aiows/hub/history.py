"""Reads the history of a topic for whoever asks for it, without joining."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from ..backplane import Entry, Node
from ..connection import HistoryPage
from ..position import Position

__all__ = ("read_history",)


async def read_history(
    node: Node,
    channel: str,
    *,
    since: Position | None,
    last: int | None,
    limit: int,
    max_size: int | None,
) -> HistoryPage:
    """Return what ``node`` has of a topic after ``since``, or the ``last`` messages; at most ``limit``.

    ``max_size``: of more bytes only if it is one message. Raises ValueError for a number below 0, and what
    the node raises.
    """
    if limit < 0 or (last is not None and last < 0):
        raise ValueError(f"last={last!r}, limit={limit!r}: how many messages is 0 or more")
    if since is None:
        count = limit if last is None else min(last, limit)
        position, entries = await node.read_last(channel, count)
        return HistoryPage(
            position, _messages(entries[len(entries) - _fitting(entries[::-1], max_size) :])
        )
    position, entries = await node.read(channel, since.offset, limit)
    is_here = position.epoch == since.epoch and (
        position.offset == since.offset or (bool(entries) and entries[0].offset == since.offset + 1)
    )
    if not is_here:
        return HistoryPage(position, (), recovered=False)
    return HistoryPage(position, _messages(entries[: _fitting(entries, max_size)]), recovered=True)


def _fitting(entries: Sequence[Entry], max_size: int | None) -> int:
    """Return how many of the first entries have no more than ``max_size`` bytes together; at least one."""
    size = 0
    for count, entry in enumerate(entries):
        size += 0 if entry.message is None else entry.message.size
        if max_size is not None and size > max_size:
            return max(1, count)
    return len(entries)


def _messages(entries: Iterable[Entry]) -> tuple[tuple[int, Any], ...]:
    return tuple(_read(entries))


def _read(entries: Iterable[Entry]) -> Iterator[tuple[int, Any]]:
    for entry in entries:
        if entry.message is not None and entry.message.is_object:
            # What another node's bytes were, and cannot be read, nobody can have.
            with suppress(ValueError, RecursionError):
                yield entry.offset, entry.message.read()
