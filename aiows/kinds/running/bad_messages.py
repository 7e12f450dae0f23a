"""Answers messages that no handler can get, and closes a connection after too many of them in a row."""

from __future__ import annotations

import logging
from typing import Final
from weakref import ref

from ...codecs import Codec
from ...connection import Connection, Peer
from ...wire_form import ERROR, UNANSWERED, is_ours
from ..reading.reader import Unreadable
from ..reading.refusals import quote
from .runner import answer_to_error, send

__all__ = ("BadMessageLimit",)

logger: Final = logging.getLogger("aiows.kinds")

POLICY_VIOLATION: Final = 1008  # RFC 6455, section 7.4.1


class BadMessageLimit:
    """Refuses messages; ``limit`` of them in a row (0: any number) close their connection with 1008.

    Those of aiows' own kinds do not count: the application's page has not chosen to send them.

    ``in_a_row``: how many were refused on each connection since its last good message. It is a plain dict,
    because every message checks whether it is empty.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.in_a_row: dict[ref[Connection], int] = {}

    async def refuse(self, ws: Peer, unreadable: Unreadable, codec: Codec) -> None:
        """Answer a bad message, and close the connection if there were too many in a row."""
        kind = unreadable.kind
        if kind in UNANSWERED:
            logger.debug("%s sent %s for a request that is not running", quote(ws.connection), kind)
            return
        answer = answer_to_error(ws, unreadable.error, kind, unreadable.ref, codec)
        if answer is not None:
            await send(ws, answer, codec, ERROR)
        if not is_ours(kind):
            self._count(ws.connection)

    def forgive(self, connection: Connection) -> None:
        """Reset the count: the connection has sent a good message."""
        self._forget(ref(connection))

    def _forget(self, connection: ref[Connection]) -> None:
        self.in_a_row.pop(connection, None)

    def _count(self, connection: Connection) -> None:
        count = self.in_a_row.get(ref(connection), 0) + 1
        self.in_a_row[ref(connection, self._forget)] = count
        if self._limit and count >= self._limit:
            logger.warning("%s sent %d bad messages in a row: closing", quote(connection), count)
            connection.close(POLICY_VIOLATION, "too many bad messages")
