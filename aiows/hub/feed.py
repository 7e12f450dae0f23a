"""A topic with history at this node: its `Log`, the backplane behind it, and the connections that get it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from ..backplane import Entry, Node, Page
from ..connection import Connection, LoggedMessage, PreparedMessage, outbox_of, protocol_of
from ..position import Position
from ..send_status import SendStatus
from .delivery import Delivery
from .log import Cursor, Log, NotHere, Tails
from .notices import lost
from .topics import History

__all__ = ("Feed", "MemberCursor")

logger: Final = logging.getLogger("aiows.hub")

# Members of an enum are looked up by way of its class, for each message.
_SUCCESS: Final = SendStatus.SUCCESS

# In seconds. So long a publisher waits for its own message to come back: it is in the log, and if the
# subscription is lost those who are here get it when that is back, which may take minutes.
PATIENCE: Final = 1.0


class MemberCursor(Cursor[Connection]):
    """Where a connection is that is no member of the row yet, or was too slow for it.

    ``is_joining``: if messages are lost the answer to its join will say so; else it is told by a message.
    """

    __slots__ = ("is_joining", "is_lost")

    is_joining: bool
    is_lost: bool


class Feed:
    """Gives the messages of one topic to its members, in order, and without a gap that they are not told of.

    A member is in the row of the log, or has a cursor: while it joins, and when it was too slow. ``on_late``
    is called with each connection that gets a cursor because it was; `catch_up` is for when it has drained.
    """

    def __init__(
        self,
        topic: str,
        channel: str,
        history: History,
        node: Node,
        *,
        delivery: Delivery,
        tails: Tails,
        on_late: Callable[[Connection, Feed], None],
    ) -> None:
        self.topic = topic
        self.channel = channel
        self.log: Log[Connection, PreparedMessage] = Log(self, history.size, tails)
        self._node = node
        self._delivery = delivery
        self._on_late = on_late
        self._cursors: dict[Connection, MemberCursor] = {}
        self._publishers: dict[asyncio.Future[None], Position] = {}  # who wait, and for what

    # what the backplane tells

    def arrived(self, position: Position, message: PreparedMessage | None) -> None:
        """A message has come; ``position`` is behind it."""
        # It has, mostly, what this node has put there: see `appended`.
        if not self.log.has(position):
            self.log.arrived(position, self._logged(position, message))
            self._tell_publishers()

    def appended(self, position: Position, message: PreparedMessage) -> None:
        """A message of this node is in the log: if it is the next one it need not come back first."""
        known = self.log.position
        if known is None:
            self._keep_for_subscribers(position)
        elif position == (known.epoch, known.offset + 1):
            self.arrived(position, message)

    def _keep_for_subscribers(self, position: Position) -> None:
        """Nobody knows yet where the log is: who has subscribed before this message gets it."""
        for cursor in self._cursors.values():
            if cursor.position is None and not cursor.is_joining:
                cursor.position = Position(position.epoch, position.offset - 1)

    async def reached(self, position: Position) -> None:
        """Wait until the log is at ``position``, and its row has what is before; but not for ever."""
        if self.log.has(position):
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._publishers[reached] = position
        try:
            await asyncio.wait((reached,), timeout=PATIENCE)
        finally:
            del self._publishers[reached]

    def _tell_publishers(self) -> None:
        for reached, position in self._publishers.items():
            if self.log.has(position) and not reached.done():
                reached.set_result(None)

    def _logged(self, position: Position, message: PreparedMessage | None) -> PreparedMessage:
        try:
            if message is not None:
                return LoggedMessage(message, [self.topic, position.offset])
        except TypeError:
            pass  # text and bytes cannot say where they belong
        # Nobody can have it, and all have to know that it was there.
        logger.warning("what is no object was dropped from the topic %.128r", self.topic)
        return lost(self.topic, position)

    # what the log asks for (`aiows.hub.log.Port`)

    def read(self, after: int | None) -> None:
        reading = (
            self._node.read_last(self.channel, 0)
            if after is None
            else self._node.read(self.channel, after)
        )
        reading.add_done_callback(self._was_read)

    def _was_read(self, reading: asyncio.Future[Page]) -> None:
        if reading.cancelled():
            return  # the node has left
        error = reading.exception()
        if error is None:
            position, entries = reading.result()
            self.log.answered(position, [self._entry(position.epoch, each) for each in entries])
            self._tell_publishers()
        elif isinstance(error, Exception):
            logger.error("the topic %.128r was not read: %s", self.topic, error)
            self.log.failed(error)

    def _entry(self, epoch: str, entry: Entry) -> tuple[int, PreparedMessage]:
        return entry.offset, self._logged(Position(epoch, entry.offset), entry.message)

    def share(
        self, row: Collection[Connection], message: PreparedMessage
    ) -> Collection[Connection]:
        refused = self._delivery.offer(row, message)
        if not refused:
            return ()
        return [each for each in refused if not self._is_told_instead(each, message)]

    def _is_told_instead(self, connection: Connection, message: PreparedMessage) -> bool:
        """Whether the codec of ``connection`` cannot say ``message``, and it is told that it is missing."""
        if message.spoken_in(connection.codec) is not None:
            return False
        assert self.log.position is not None
        return bool(connection.push(lost(self.topic, self.log.position)))

    def fell_behind(self, reader: Connection, position: Position) -> None:
        self._add_cursor(reader, position, is_checked=True)
        self._on_late(reader, self)

    def tell_lost(
        self, row: Collection[Connection], before: Position, position: Position
    ) -> Collection[Connection]:
        return self._delivery.offer(row, lost(self.topic, position))

    # members

    @property
    def has_members(self) -> bool:
        """Whether anybody gets the topic, or will."""
        return bool(self.log.row or self._cursors)

    def cursor_of(self, connection: Connection) -> MemberCursor | None:
        """Return where a member is that is not in the row."""
        return self._cursors.get(connection)

    def begin(
        self,
        connection: Connection,
        since: Position | None,
        last: int,
        woken: Callable[[Exception | None], None],
    ) -> MemberCursor:
        """Make ``connection`` a member that is on its way into the row."""
        self.remove(connection)
        cursor = MemberCursor(connection, since, woken, last=last)
        cursor.is_joining, cursor.is_lost = True, False
        self._cursors[connection] = cursor
        return cursor

    def follow(self, connection: Connection) -> None:
        """Make ``connection`` a member that gets what comes from now on; not if it is one already."""
        if connection not in self._cursors and connection not in self.log.row:
            self._add_cursor(connection, None)
            self.catch_up(connection)

    def _add_cursor(
        self, connection: Connection, position: Position | None, *, is_checked: bool = False
    ) -> None:
        def woken(error: Exception | None) -> None:
            if error is None:
                self.catch_up(connection)

        cursor = MemberCursor(connection, position, woken, is_checked=is_checked)
        cursor.is_joining = cursor.is_lost = False
        self._cursors[connection] = cursor

    def remove(self, connection: Connection) -> None:
        """``connection`` is no member any more."""
        self.log.leave(connection)
        cursor = self._cursors.pop(connection, None)
        if cursor is not None:
            self.log.forget(cursor)

    def catch_up(self, connection: Connection) -> bool:
        """Send what a late member has not got; False if it is not all."""
        cursor = self._cursors.get(connection)
        if cursor is None or cursor.is_joining:
            return True
        if not self.bring(cursor):
            return False
        self.enter(cursor)
        return True

    def bring(self, cursor: MemberCursor) -> bool:
        """Send what is between ``cursor`` and the log, as far as there is room; return whether that is it."""
        missing = self.log.look(cursor)
        if missing is NotHere.YET:
            return False
        if missing is NotHere.ANY_MORE:
            return self._skip(cursor)
        assert self.log.position is not None
        epoch = self.log.position.epoch
        for offset, message in missing:
            position = Position(epoch, offset)
            status = self._push(cursor.reader, position, message)
            if not status:
                return False
            cursor.position = position
            if status is not _SUCCESS:
                return False  # the rest when that has left
        return True

    def _push(
        self, connection: Connection, position: Position, message: PreparedMessage
    ) -> SendStatus:
        spoken = message.spoken_in(connection.codec)
        if spoken is None:
            return connection.push(lost(self.topic, position))
        if protocol_of(connection).observer is not None:
            protocol_of(connection).kind_sent(message.kind)
        return outbox_of(connection).push_shared(spoken)

    def _skip(self, cursor: MemberCursor) -> bool:
        """Go on behind what is not kept any more; return whether all of that is sent.

        Who joins is told by the answer, and goes on at the end: he gets all that he missed, or nothing of it.
        """
        if cursor.is_joining:
            cursor.is_lost = True
            cursor.position, cursor.last = None, 0
            return True
        assert cursor.position is not None
        position = self.log.goes_on_at(cursor.position)
        if not cursor.reader.push(lost(self.topic, position)):
            return False
        cursor.position = position
        return self.bring(cursor)

    def enter(self, cursor: MemberCursor) -> Position:
        """Put a member into the row that has everything; return where that is."""
        assert self.log.position is not None
        del self._cursors[cursor.reader]
        self.log.enter(cursor.reader)
        return self.log.position
