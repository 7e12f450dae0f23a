"""A topic's log at one node: nobody misses a message without being told, whatever happens in which order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest

from aiows.hub.log import MESSAGE, Cursor, Log, NotHere, Tails
from aiows.position import Position
from log_model import run

# the model

SCHEDULES = 300


def test_no_schedule_has_a_gap_that_nobody_was_told_of() -> None:
    """Cuts, failovers, slow readers, joins and reads in random orders: each message once, or a word."""
    results = [run(seed) for seed in range(SCHEDULES)]
    assert [seed for seed, each in enumerate(results) if each.is_bad] == []
    assert sum(each.seen for each in results) > 50 * SCHEDULES
    assert sum(each.told for each in results) > SCHEDULES


class HoldsOldEpochs(Log[Any, Any]):
    """A message of another epoch is held: an old one asks again for ever."""

    def arrived(self, position: Position, message: Any) -> None:
        if self.position is not None and position.epoch != self.position.epoch:
            self._held.append((position, message))
            self._ask()
        else:
            super().arrived(position, message)


class ReadsOnce(Log[Any, Any]):
    """A read that was under way when the subscription came in force is not made again."""

    def _ask(self) -> None:
        if not self._is_reading:
            super()._ask()


class EntersEarly(Log[Any, Any]):
    """Whoever has to wait is in the row already."""

    def look(self, cursor: Cursor[Any]) -> Any:
        found = super().look(cursor)
        if found is NotHere.YET:
            self.enter(cursor.reader)
        return found


class IgnoresGaps(Log[Any, Any]):
    """A message further on is taken for the next one."""

    def arrived(self, position: Position, message: Any) -> None:
        known = self.position
        is_next = known is not None and position.epoch == known.epoch
        if known is not None and is_next and position.offset > known.offset:
            self._advance(position, message)
        else:
            super().arrived(position, message)


class IgnoresWhoIsAhead(Log[Any, Any]):
    """A position beyond the log's is taken for the end of it."""

    def _find(self, cursor: Cursor[Any]) -> Any:
        known, since = self.position, cursor.position
        is_ahead = known is not None and since is not None and since.offset > known.offset
        return () if is_ahead else super()._find(cursor)


class KeepsWhoFellBehind(Log[Any, Any]):
    """Whoever did not take a message gets the next one all the same."""

    def _drop_behind(self, reader: Any, position: Position) -> None:
        pass


class BelievesEveryPage(Log[Any, Any]):
    """What was read is taken to go on where the log is."""

    def _goes_on(self, known: Position, position: Position, entries: Sequence[Any]) -> bool:
        return position.epoch == known.epoch


@pytest.mark.parametrize(
    "mutant",
    [
        HoldsOldEpochs,
        ReadsOnce,
        EntersEarly,
        IgnoresGaps,
        IgnoresWhoIsAhead,
        KeepsWhoFellBehind,
        BelievesEveryPage,
    ],
)
def test_the_model_finds_what_a_broken_rule_leads_to(mutant: type[Log[Any, Any]]) -> None:
    """Each rule is needed: without it some schedule goes wrong."""
    assert any(run(seed, mutant).is_bad for seed in range(20 * SCHEDULES))


# rule by rule


class FakePort:
    """Writes down what a log asks for; ``full`` are the readers that take nothing."""

    def __init__(self) -> None:
        self.reads: list[int | None] = []
        self.sent: list[tuple[str, Any]] = []
        self.full: set[str] = set()
        self.behind: list[tuple[str, Position]] = []

    def read(self, after: int | None) -> None:
        self.reads.append(after)

    def share(self, row: Collection[str], message: Any) -> Collection[str]:
        self.sent += [(each, message.number) for each in row if each not in self.full]
        return [each for each in row if each in self.full]

    def fell_behind(self, reader: str, position: Position) -> None:
        self.behind.append((reader, position))

    def tell_lost(
        self, row: Collection[str], before: Position, position: Position
    ) -> Collection[str]:
        self.sent += [(each, position) for each in row if each not in self.full]
        return [each for each in row if each in self.full]


class Numbered:
    """A message that says which it is."""

    def __init__(self, number: int, size: int = 0) -> None:
        self.number = number
        self.payload = bytes(size)

    def __repr__(self) -> str:
        return f"#{self.number}"


def at(offset: int, epoch: str = "e") -> Position:
    return Position(epoch, offset)


def entries(*numbers: int) -> list[tuple[int, Numbered]]:
    return [(number, Numbered(number)) for number in numbers]


Wake = list[Exception | None]


class Kit:
    """A log of ``size`` messages with a `FakePort`, and readers that say when they were woken."""

    def __init__(self, size: int = 10, tails: Tails | None = None) -> None:
        self.port = FakePort()
        self.tails = Tails() if tails is None else tails
        self.log: Log[str, Numbered] = Log(self.port, size, self.tails)

    def live_at(self, offset: int, *kept: int) -> Kit:
        """Be subscribed, and at ``offset``, with a tail of these messages."""
        self.log.confirmed()
        self.log.answered(at(offset), entries(*kept))
        self.port.reads.clear()
        return self

    def cursor(
        self, reader: str, position: Position | None = None, *, last: int = 0
    ) -> tuple[Cursor[str], Wake]:
        woken: Wake = []
        return Cursor(reader, position, woken.append, last=last), woken

    def arrive(self, *numbers: int, epoch: str = "e", size: int = 0) -> None:
        for number in numbers:
            self.log.arrived(at(number, epoch), Numbered(number, size))

    def found(self, position: Position | None, *, last: int = 0) -> Any:
        cursor, _ = self.cursor("x", position, last=last)
        found = self.log.look(cursor)
        return found if isinstance(found, NotHere) else [number for number, _ in found]


def test_nothing_is_read_before_the_subscription_is_in_force() -> None:
    """What would be read then could be older than the first message that comes."""
    kit = Kit()
    cursor, _ = kit.cursor("ada")
    assert kit.log.look(cursor) is NotHere.YET
    assert kit.port.reads == []
    kit.log.confirmed()
    assert kit.port.reads == [None]


def test_who_comes_anew_needs_the_position_alone() -> None:
    """No message is read for somebody who wants none."""
    kit = Kit()
    cursor, woken = kit.cursor("ada")
    kit.log.confirmed()
    assert kit.log.look(cursor) is NotHere.YET
    kit.log.answered(at(7), [])
    assert woken == [None]
    assert kit.log.look(cursor) == ()
    assert kit.log.position == at(7)


def test_the_row_gets_each_message_once_and_in_order() -> None:
    """Repetitions are dropped; what comes too early waits for what is between."""
    kit = Kit().live_at(1)
    kit.log.enter("ada")
    kit.arrive(2, 2, 1, 4, 5)
    assert kit.port.sent == [("ada", 2)]
    assert kit.port.reads == [2]
    kit.log.answered(at(4), entries(3, 4))
    assert kit.port.sent == [("ada", number) for number in (2, 3, 4, 5)]
    assert kit.port.reads == [2]


def test_a_gap_that_cannot_be_filled_is_told() -> None:
    """The broker does not have it any more: the row learns where it goes on, and gets what there is."""
    kit = Kit().live_at(1)
    kit.log.enter("ada")
    kit.arrive(9)
    kit.log.answered(at(9), entries(5, 6, 7, 8, 9))
    assert kit.port.sent == [("ada", at(4)), *(("ada", number) for number in range(5, 10))]
    kit.arrive(10)
    assert kit.port.sent[-1] == ("ada", 10)


def test_another_epoch_is_looked_up_and_told() -> None:
    """Its message is not taken before the broker says that this epoch is the newer one."""
    kit = Kit().live_at(5)
    kit.log.enter("ada")
    kit.arrive(3, epoch="f")
    assert kit.port.reads == [5]
    kit.log.answered(at(3, "f"), [])
    assert kit.port.sent == [("ada", at(3, "f"))]
    kit.arrive(6)  # of the old one, late
    kit.log.answered(at(3, "f"), [])
    assert kit.port.sent == [("ada", at(3, "f"))]


def test_what_the_tail_has_needs_no_read() -> None:
    """Whoever was away for a moment gets it from here."""
    kit = Kit().live_at(3, 2, 3)
    assert [kit.found(at(number)) for number in (1, 2, 3)] == [[2, 3], [3], []]
    assert kit.port.reads == []


def test_what_the_tail_does_not_have_is_read_once_for_all() -> None:
    """10,000 who come back at once are one read, whatever each of them missed."""
    kit = Kit().live_at(50)
    kit.arrive(51)
    cursors = [kit.cursor(str(index), at(40 + index)) for index in range(10)]
    assert {kit.log.look(cursor) for cursor, _ in cursors} == {NotHere.YET}
    assert kit.port.reads == [-1]
    kit.log.answered(at(51), entries(*range(44, 52)))
    assert [woken for _, woken in cursors] == [[None]] * 10
    found = [kit.log.look(cursor) for cursor, _ in cursors]
    assert found[:3] == [NotHere.ANY_MORE] * 3
    assert [[number for number, _ in each] for each in found[3:]] == [  # type: ignore[union-attr]
        list(range(41 + index, 52)) for index in range(3, 10)
    ]
    assert kit.port.reads == [-1]


def test_what_is_known_to_be_gone_is_not_read_again() -> None:
    """The broker does not get messages back."""
    kit = Kit(size=2).live_at(0)
    kit.arrive(*range(1, 10))
    cursor, _ = kit.cursor("ada", at(1))
    assert kit.log.look(cursor) is NotHere.YET
    kit.log.answered(at(9), entries(7, 8, 9))
    assert kit.log.look(cursor) is NotHere.ANY_MORE
    assert kit.found(at(2)) is NotHere.ANY_MORE
    assert kit.port.reads == [-1]


def test_messages_that_somebody_waits_for_are_not_dropped() -> None:
    """More may come than the log keeps before the one who waits has looked."""
    kit = Kit(size=2).live_at(10, 9, 10)
    cursor, _ = kit.cursor("ada", at(5))
    kit.log.look(cursor)
    kit.log.answered(at(10), entries(6, 7, 8, 9, 10))
    kit.arrive(11, 12, 13)
    found = kit.log.look(cursor)
    assert not isinstance(found, NotHere)
    assert [number for number, _ in found] == list(range(6, 14))
    assert kit.found(at(11)) == [12, 13]
    assert kit.found(at(10)) is NotHere.YET


@pytest.mark.parametrize("position", [at(1, "other"), at(99)])
def test_a_position_that_cannot_be_is_looked_up_once(position: Position) -> None:
    """It may come from a node that is ahead, or of a newer epoch: the broker says that it does not."""
    kit = Kit().live_at(5)
    cursor, _ = kit.cursor("eve", position)
    assert kit.log.look(cursor) is NotHere.YET
    kit.log.answered(at(5), [])
    assert kit.log.look(cursor) is NotHere.ANY_MORE
    assert kit.port.reads == [5]


def test_a_read_that_began_before_somebody_came_does_not_judge_him() -> None:
    """His node may have been ahead of what was read then."""
    kit = Kit().live_at(5)
    first, _ = kit.cursor("ada", at(7))
    kit.log.look(first)
    second, woken = kit.cursor("bob", at(8))
    kit.log.look(second)
    kit.log.answered(at(7), entries(6, 7))
    assert kit.log.look(first) == ()
    assert woken == [None]
    assert kit.log.look(second) is NotHere.YET
    kit.log.answered(at(8), entries(8))
    assert kit.log.look(second) == ()


def test_the_last_messages_are_those_before_the_end() -> None:
    """As many as there are, if there are fewer."""
    kit = Kit().live_at(3)
    assert kit.found(None, last=2) is NotHere.YET
    assert kit.port.reads == [-1]
    kit.log.answered(at(3), entries(2, 3))
    assert kit.found(None, last=1) == [3]
    assert kit.found(None, last=2) == [2, 3]
    assert kit.found(None, last=50) == [2, 3]


def test_who_is_too_slow_leaves_the_row() -> None:
    """With the position before the message that there was no room for."""
    kit = Kit().live_at(1)
    kit.log.enter("ada")
    kit.log.enter("bob")
    kit.port.full = {"bob"}
    kit.arrive(2, 3)
    assert kit.port.sent == [("ada", 2), ("ada", 3)]
    assert kit.port.behind == [("bob", at(1))]
    assert kit.found(at(1)) == [2, 3]


def test_who_cannot_be_told_of_a_loss_is_told_later() -> None:
    """He leaves the row with the position before it, which the log is past."""
    kit = Kit().live_at(1)
    kit.log.enter("bob")
    kit.port.full = {"bob"}
    kit.arrive(9)
    kit.log.answered(at(9), [])
    assert kit.port.behind == [("bob", at(1))]
    cursor = Cursor("bob", at(1), print, is_checked=True)
    assert kit.log.look(cursor) is NotHere.ANY_MORE


def test_who_waits_is_told_when_the_backplane_fails() -> None:
    """And the next one who asks has it read again."""
    kit = Kit()
    kit.log.confirmed()
    cursor, woken = kit.cursor("ada", at(1))
    kit.log.look(cursor)
    error = ConnectionError("away")
    kit.log.failed(error)
    assert woken == [error]
    assert kit.found(at(1)) is NotHere.YET
    assert kit.port.reads == [None, -1]


def test_who_has_left_is_not_woken() -> None:
    """Nobody is there to look."""
    kit = Kit()
    kit.log.confirmed()
    cursor, woken = kit.cursor("ada", at(1))
    kit.log.look(cursor)
    kit.log.forget(cursor)
    kit.log.answered(at(2), entries(1, 2))
    assert woken == []


def test_a_lost_connection_has_the_log_read_again() -> None:
    """Also if a read is under way, which was perhaps made before."""
    kit = Kit().live_at(5)
    kit.log.enter("ada")
    kit.log.confirmed()
    kit.log.confirmed()
    assert kit.port.reads == [5]
    kit.log.answered(at(6), entries(6))
    assert kit.port.reads == [5, 6]
    kit.log.answered(at(6), [])
    assert kit.port.reads == [5, 6]
    assert kit.port.sent == [("ada", 6)]


def test_all_tails_together_are_bounded() -> None:
    """The topic that was silent longest loses its messages first, one by one."""
    tails = Tails(limit=10 * (MESSAGE + 200))
    first, second = Kit(size=100, tails=tails).live_at(0), Kit(size=100, tails=tails).live_at(0)
    first.arrive(*range(1, 7), size=100)
    second.arrive(*range(1, 7), size=100)
    assert tails.cost == 10 * (MESSAGE + 200)
    assert first.found(at(2)) == [3, 4, 5, 6]
    assert first.found(at(1)) is NotHere.YET
    assert second.found(at(0)) == [1, 2, 3, 4, 5, 6]
    tails.forget(second.log)
    assert tails.cost == 4 * (MESSAGE + 200)


def test_tails_that_somebody_waits_for_stay() -> None:
    """However many they are; a topic that nobody waits for loses its own instead."""
    tails = Tails(limit=2 * MESSAGE)
    kit, other = Kit(size=100, tails=tails).live_at(0), Kit(size=100, tails=tails).live_at(0)
    cursor, _ = kit.cursor("ada", at(0))
    kit.arrive(1)
    kit.log.look(kit.cursor("bob", at(7))[0])
    kit.arrive(2, 3)
    assert tails.cost == 3 * MESSAGE
    assert kit.log.look(cursor) == tuple(kit.log._tail)
    other.arrive(1)
    assert tails.cost == 3 * MESSAGE
    assert other.found(at(0)) is NotHere.YET
