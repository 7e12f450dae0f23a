"""How an upgrade is refused: the answer says what was wrong, and the TCP connection ends with it."""

from __future__ import annotations

from typing import Final, TypeVar

from aiohttp import web

__all__ = ("and_close", "quoted")

Refusal = TypeVar("Refusal", bound=web.HTTPException)

# What a peer sent, in an answer or in a log line: enough to recognise it, too little to fill a disk.
LONGEST_QUOTE: Final = 128


def quoted(text: str) -> str:
    """Quote what a peer sent, in ASCII: its bytes need not be UTF-8, and may write to a terminal."""
    return ascii(text[:LONGEST_QUOTE])


def and_close(refusal: Refusal) -> Refusal:
    """Let ``refusal``, which is to be raised, close the TCP connection.

    Who asked for an upgrade may take it for granted and go on with frames. On a connection that is kept
    open they would be read as the next requests.
    """
    refusal.force_close()
    return refusal
