"""A topic with history as one node knows it: it closes gaps, and brings newcomers to where the others are.

There is no event loop in here. What has happened is told to a `Log`, and what it wants done it asks of its
`Port`. So its rules can be tested with any order of events (``tests/hub/test_log.py``).

=====================================  ==================================================================
what has happened                      what is done
=====================================  ==================================================================
the next message                       it goes to the row
one that was there already             nothing: the backplane has repeated it
one further on                         it is held, and what is between is read
one of another epoch                   it is dropped, and the log is read: which of the two is newer only
                                       the backplane knows
the subscription is in force (again)   what came meanwhile is read; a read that is under way was perhaps
                                       made before, so another one follows
what was read goes on where we are     it goes to the row, then what was held
it does not                            the row is told that messages are lost, and from where it goes on; then
                                       it gets what was read, but not of another epoch: it may have that
=====================================  ==================================================================

Whoever joins, or was too slow for the row, has a `Cursor`. `Log.look` says what is between the cursor and
the log; when all of that is sent `Log.enter` puts its reader into the row. The two are calls of one turn, so
nothing can come in between, and nothing has to be kept for each reader.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from enum import Enum, auto
from itertools import islice
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from ..position import Position

__all__ = ("Cursor", "Log", "NotHere", "Port", "Tails")

# In bytes: all messages that a node keeps for those who may come back, of all topics. What is not here is
# read from the backplane.
MAX_TAILS: Final = 32 * 1024 * 1024

# What a message counts beside twice its bytes, which it has as payload and as a frame.
MESSAGE: Final = 512


# So many tails that cannot be dropped just now are looked at for each message.
TRIES: Final = 8


class Message(Protocol):
    """What is in a log; a `aiows.connection.PreparedMessage`."""

    @property
    def payload(self) -> bytes: ...


R = TypeVar("R")
M = TypeVar("M", bound=Message)
M_co = TypeVar("M_co", bound=Message, covariant=True)


class Cursor(Generic[R]):
    """Where a reader is who is not in the row: he has everything up to ``position``.

    ``position`` None: he comes anew, and gets the last messages, so many as ``last`` says. ``woken`` is
    called when `Log.look` may say something new, with the error where the backplane could not be read.
    """

    __slots__ = ("is_asking", "is_checked", "last", "position", "reader", "woken")

    def __init__(
        self,
        reader: R,
        position: Position | None,
        woken: Callable[[Exception | None], None],
        *,
        last: int = 0,
        is_checked: bool = False,
    ) -> None:
        self.reader = reader
        self.position = position
        self.woken = woken
        self.last = last
        self.is_checked = is_checked
        """The backplane was asked after the cursor was here: the log is not behind it."""
        self.is_asking = False


class Port(Protocol[R, M_co]):
    """What a log asks for. None of it calls the log before it returns."""

    def read(self, after: int | None, /) -> None:
        """Ask the backplane for what is after a number, None: for the position alone.

        `Log.answered` or `Log.failed` is to be called.
        """

    def share(self, row: Collection[R], message: Any, /) -> Collection[R]:
        """Give a message to all of the row; return those who did not take it."""
        ...

    def fell_behind(self, reader: R, position: Position, /) -> None:
        """A reader is not in the row any more: he has everything up to ``position``."""

    def tell_lost(
        self, row: Collection[R], before: Position, position: Position, /
    ) -> Collection[R]:
        """Tell the row, which is at ``before``, where it goes on; return those who could not be told."""
        ...


class NotHere(Enum):
    """In place of messages."""

    YET = auto()
    """It is not known which they are: that is asked for."""
    ANY_MORE = auto()
    """They are not kept."""


Found: TypeAlias = "Sequence[tuple[int, M]] | NotHere"


class Log(Generic[R, M]):
    """What one node knows of one topic.

    ``position`` is where it is, None until that was read. ``row`` are the readers that get each message as it
    comes. The tail is the last messages, at most ``size`` of them, without a hole up to the position.
    """

    __slots__ = (
        "_after",
        "_again",
        "_floor",
        "_held",
        "_is_confirmed",
        "_is_reading",
        "_port",
        "_readers",
        "_size",
        "_tail",
        "_tails",
        "_waiting",
        "position",
        "row",
        "tail_cost",
    )

    def __init__(self, port: Port[R, M], size: int, tails: Tails) -> None:
        self._port = port
        self._size = size
        self._tails = tails
        self.position: Position | None = None
        self.row: dict[R, None] = {}
        self._readers: tuple[R, ...] | None = None  # the row, once it was asked for
        self.tail_cost = 0
        self._tail: deque[tuple[int, M]] = deque()
        self._floor = 0  # the backplane has nothing before this number; 0: that is not known
        # What came too early. More than the log keeps cannot be of use.
        self._held: deque[tuple[Position, M]] = deque(maxlen=size)
        self._waiting: dict[
            Cursor[R], int | None
        ] = {}  # with the number after which it is to be read
        self._is_confirmed = False
        self._is_reading = False
        self._again = False
        self._after: int | None = None

    # what has happened

    def confirmed(self) -> None:
        """The subscription is in force, for the first time or again."""
        self._is_confirmed = True
        self._ask()

    def arrived(self, position: Position, message: M) -> None:
        """A message has come; ``position`` is behind it."""
        known = self.position
        if known is None:
            self._held.append((position, message))
        elif position.epoch != known.epoch:
            self._ask()
        elif position.offset == known.offset + 1:
            self._advance(position, message)
        elif position.offset > known.offset:
            self._held.append((position, message))
            if not self._is_reading:
                self._ask()

    def answered(self, position: Position, entries: Sequence[tuple[int, M]]) -> None:
        """What was asked for was read."""
        self._is_reading = False
        is_asked_again, self._again = self._again, False
        known = self.position
        if known is None:
            self._begin_at(position, entries)
        elif self._goes_on(known, position, entries):
            self._add_before(entries)
            self._advance_through(entries)
        elif entries and position.epoch == known.epoch:
            before = Position(position.epoch, entries[0][0] - 1)
            self._begin_at(before, ())
            self._lost(known, before)
            self._advance_through(entries)
        else:
            self._begin_at(position, entries)
            self._lost(known, position)
        asked = tuple(self._waiting)
        for cursor in asked:
            cursor.is_checked = cursor.is_checked or cursor.is_asking
            cursor.is_asking = False
        self._let_held_arrive()
        if is_asked_again and not self._is_reading:
            self._ask()
        for cursor in asked:
            if cursor in self._waiting:
                cursor.woken(None)

    def failed(self, error: Exception) -> None:
        """What was asked for could not be read."""
        self._is_reading = self._again = False
        asked, self._waiting = self._waiting, {}
        for cursor in asked:
            cursor.is_asking = False
            cursor.woken(error)
        self._trim()

    def has(self, position: Position) -> bool:
        """Whether the log is at ``position``, or past it."""
        known = self.position
        return (
            known is not None and known.epoch == position.epoch and known.offset >= position.offset
        )

    def goes_on_at(self, since: Position) -> Position:
        """Where somebody goes on who was at ``since``, behind which something is not kept any more.

        That is at the first message that is here; in another epoch at the end, as he may have what is here,
        with other numbers.
        """
        assert self.position is not None
        epoch, offset = self.position
        return Position(epoch, self._first - 1 if epoch == since.epoch else offset)

    # readers

    def look(self, cursor: Cursor[R]) -> Found[M]:
        """Return the messages between ``cursor`` and the position, with their numbers.

        Where they are not here yet they are asked for, and the cursor is woken.
        """
        found = self._find(cursor)
        if found is NotHere.YET:
            if not self._is_reading:
                self._ask()
        elif cursor in self._waiting:
            del self._waiting[cursor]
            self._trim()
        return found

    def enter(self, reader: R) -> None:
        """Give ``reader``, who has everything, what comes from now on."""
        self.row[reader] = None
        self._readers = None

    def leave(self, reader: R) -> None:
        """Take ``reader`` out of the row."""
        self.row.pop(reader, None)
        self._readers = None

    def forget(self, cursor: Cursor[R]) -> None:
        """Do not wake ``cursor`` any more."""
        if cursor in self._waiting:
            del self._waiting[cursor]
            self._trim()

    def _find(self, cursor: Cursor[R]) -> Found[M]:
        known = self.position
        if known is None:
            needs_messages = cursor.position is not None or cursor.last
            return self._wait(cursor, -1 if needs_messages else None)
        since = cursor.position
        if since is None:
            since = Position(known.epoch, max(known.offset - cursor.last, self._floor - 1, 0))
        elif since.epoch != known.epoch or since.offset > known.offset:
            return NotHere.ANY_MORE if cursor.is_checked else self._wait(cursor, known.offset)
        if since.offset + 1 >= self._first:
            # From the end: who comes back has mostly missed little, and the tail may be long.
            return tuple(islice(reversed(self._tail), known.offset - since.offset))[::-1]
        return NotHere.ANY_MORE if since.offset + 1 < self._floor else self._wait(cursor, -1)

    def _wait(self, cursor: Cursor[R], after: int | None) -> NotHere:
        self._waiting[cursor] = after
        return NotHere.YET

    @property
    def _first(self) -> int:
        """The number of the first message that is here; or else that of the next one."""
        assert self.position is not None
        return self._tail[0][0] if self._tail else self.position.offset + 1

    # reading

    def _ask(self) -> None:
        """Read what is wanted; if a read is under way, after that."""
        self._again = self._is_reading
        if self._is_reading or not self._is_confirmed:
            return
        wanted = [after for after in self._waiting.values() if after is not None]
        if self.position is not None:
            wanted.append(self.position.offset)
        for cursor in self._waiting:
            cursor.is_asking = True
        self._is_reading = True
        self._after = min(wanted, default=None)
        self._port.read(self._after)

    def _goes_on(
        self, known: Position, position: Position, entries: Sequence[tuple[int, M]]
    ) -> bool:
        """Whether what was read has all that is between here and there."""
        if position.epoch != known.epoch:
            return False
        if position.offset <= known.offset:
            return True
        return bool(entries) and entries[0][0] <= known.offset + 1

    def _begin_at(self, position: Position, entries: Sequence[tuple[int, M]]) -> None:
        self.position = position
        self._tails.shrink(self, self.tail_cost)
        self._tail = deque(entries)
        self._tails.grow(self, sum(cost_of(message) for _, message in entries))
        self._floor = self._floor_of(position, entries)
        self._trim()

    def _add_before(self, entries: Sequence[tuple[int, M]]) -> None:
        """Have the tail begin as early as what was read, which has no hole."""
        assert self.position is not None
        self._floor = max(self._floor, self._floor_of(self.position, entries))
        earlier = [each for each in entries if each[0] < self._first]
        if earlier and earlier[-1][0] == self._first - 1:
            self._tail.extendleft(reversed(earlier))
            self._tails.grow(self, sum(cost_of(message) for _, message in earlier))

    def _advance_through(self, entries: Sequence[tuple[int, M]]) -> None:
        for offset, message in entries:
            assert self.position is not None
            if offset > self.position.offset:
                self._advance(Position(self.position.epoch, offset), message)

    def _floor_of(self, position: Position, entries: Sequence[tuple[int, M]]) -> int:
        """Return the number before which nothing is kept, 0 if what was read does not say."""
        first = entries[0][0] if entries else position.offset + 1
        is_first = self._after is not None and first > self._after + 1
        return first if is_first else 0

    def _let_held_arrive(self) -> None:
        held = tuple(self._held)
        self._held.clear()
        for position, message in held:
            self.arrived(position, message)

    # going on

    def _advance(self, position: Position, message: M) -> None:
        before, self.position = self.position, position
        assert before is not None
        self._tail.append((position.offset, message))
        cost = cost_of(message)
        if len(self._tail) > self._size and not self._waiting:
            cost -= cost_of(self._tail.popleft()[1])
        self._tails.grow(self, cost)
        if not self.row:
            return
        if self._readers is None:
            self._readers = tuple(self.row)
        for reader in self._port.share(self._readers, message):
            self._drop_behind(reader, before)

    def _lost(self, known: Position, position: Position) -> None:
        if not self.row:
            return
        for reader in self._port.tell_lost(self.row, known, position):
            self._drop_behind(reader, known)

    def _drop_behind(self, reader: R, position: Position) -> None:
        if reader in self.row:
            self.leave(reader)
            self._port.fell_behind(reader, position)

    # the tail

    def _trim(self) -> None:
        """Drop what is too much."""
        while len(self._tail) > self._size and self.drop_first():
            pass

    def drop_first(self) -> bool:
        """Drop the first message of the tail; False if there is none, or somebody waits who may need it."""
        if self._waiting or not self._tail:
            return False
        self._tails.shrink(self, cost_of(self._tail.popleft()[1]))
        return True


def cost_of(message: Message) -> int:
    """Return what a message counts, in bytes."""
    return 2 * len(message.payload) + MESSAGE


class Tails:
    """The tails of all logs of a node, together at most ``limit`` bytes.

    Above that messages go of the topic that was silent longest. Those that somebody waits for stay.
    """

    __slots__ = ("_limit", "_logs", "cost")

    def __init__(self, limit: int = MAX_TAILS) -> None:
        self._limit = limit
        self._logs: OrderedDict[Log[Any, Any], None] = OrderedDict()
        self.cost = 0

    def grow(self, log: Log[Any, Any], cost: int) -> None:
        """``log`` has so much more, and is the last one to go."""
        log.tail_cost += cost
        self.cost += cost
        self._logs[log] = None
        self._logs.move_to_end(log)
        tries = TRIES
        while self.cost > self._limit and tries:
            silent = next(iter(self._logs))
            if silent.drop_first():
                continue
            tries -= 1
            self._logs.move_to_end(silent)
            if not silent.tail_cost:
                del self._logs[silent]

    def shrink(self, log: Log[Any, Any], cost: int) -> None:
        """``log`` has so much less."""
        log.tail_cost -= cost
        self.cost -= cost

    def forget(self, log: Log[Any, Any]) -> None:
        """``log`` is not used any more."""
        self._logs.pop(log, None)
        self.shrink(log, log.tail_cost)
