"""The logs in memory: what is kept, for how long, and how much all of it may be."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from aiows.backplane import Keep
from aiows.backplane.memory_logs import MESSAGE, TOPIC, Logs
from aiows.connection import PreparedMessage

KEEP = Keep(size=3, seconds=60.0)
MIB = 1024 * 1024


def message(size: int) -> PreparedMessage:
    return PreparedMessage(bytes(size))


def offsets(logs: Logs, topic: str, now: float = 0.0) -> list[int]:
    return [each.offset for each in logs.read(topic, -1, now).entries]


def test_so_many_messages_are_kept() -> None:
    """The first ones go."""
    logs = Logs(MIB)
    for _ in range(5):
        logs.append("room", message(1), KEEP, 0.0)
    assert offsets(logs, "room") == [3, 4, 5]
    logs.append("room", message(1), Keep(size=1, seconds=60.0), 0.0)
    assert offsets(logs, "room") == [6]


def test_messages_are_kept_for_so_long() -> None:
    """Each for itself; the numbers go on."""
    logs = Logs(MIB)
    logs.append("room", message(1), KEEP, 0.0)
    logs.append("room", message(1), KEEP, 30.0)
    assert offsets(logs, "room", 59.0) == [1, 2]
    assert offsets(logs, "room", 60.0) == [2]
    assert offsets(logs, "room", 90.0) == []
    assert logs.append("room", message(1), KEEP, 500.0).offset == 3


def test_silent_topics_give_their_memory_back() -> None:
    """As soon as anything is published anywhere, however long others are kept."""
    logs = Logs(MIB)
    logs.append("news", message(1000), Keep(size=3, seconds=3600.0), 0.0)
    for number in range(10):
        logs.append(f"room:{number}", message(1000), KEEP, float(number))
    full = logs.cost
    logs.append("other", message(0), Keep(size=1, seconds=10.0), 65.0)
    assert full - logs.cost == 6 * (1000 + MESSAGE) - (MESSAGE + TOPIC + len("other"))
    assert offsets(logs, "news", 65.0) == [1]
    assert offsets(logs, "room:6", 65.0) == [1]


def test_all_logs_together_are_bounded() -> None:
    """The messages go first of the topic that was silent longest, the oldest before the others."""
    logs = Logs(3 * TOPIC + 6 * (1000 + MESSAGE))
    keep = Keep(size=100, seconds=60.0)
    for topic in ("a", "b", "a", "b", "c", "c", "c", "c"):
        logs.append(topic, message(1000), keep, 0.0)
    assert logs.cost <= 3 * TOPIC + 6 * (1000 + MESSAGE)
    assert [offsets(logs, topic) for topic in "abc"] == [[], [2], [1, 2, 3, 4]]
    assert logs.read("a", -1, 0.0).position.offset == 2


def test_the_topic_that_was_silent_longest_is_not_the_one_that_began_first() -> None:
    """What was published last stays."""
    logs = Logs(2 * (TOPIC + 1) + 3 * (1000 + MESSAGE))
    for topic in ("a", "b", "a", "a"):
        logs.append(topic, message(1000), Keep(size=100, seconds=60.0), 0.0)
    assert [offsets(logs, topic) for topic in "ab"] == [[1, 2, 3], []]


def test_one_topic_alone_is_bounded_too() -> None:
    """Its first messages go, at last all of them."""
    logs = Logs(TOPIC + 10_000)
    keep = Keep(size=100, seconds=60.0)
    for _ in range(100):
        logs.append("room", message(1000), keep, 0.0)
    assert offsets(logs, "room") == list(range(94, 101))
    logs.append("room", message(20_000), keep, 0.0)
    assert offsets(logs, "room") == []


def test_topics_are_forgotten_when_there_are_too_many() -> None:
    """A forgotten one begins with another epoch: its new numbers are not taken for the old ones."""
    logs = Logs(100 * TOPIC)
    first = logs.append("first", message(0), KEEP, 0.0)
    for number in range(1000):
        logs.append(f"room:{number}", message(0), KEEP, 0.0)
    assert len(logs) < 100
    again = logs.append("first", message(0), KEEP, 0.0)
    assert again.offset == 1
    assert again.epoch != first.epoch


def test_a_topic_that_is_read_is_in_use() -> None:
    """Somebody follows it, though it is silent."""
    logs = Logs(100 * TOPIC)
    position = logs.append("read", message(0), KEEP, 0.0)
    for number in range(1000):
        logs.append(f"room:{number}", message(0), KEEP, 0.0)
        assert logs.read("read", -1, 0.0).position == position


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.integers(0, 3000),
            st.sampled_from([Keep(1, 5.0), Keep(3, 5.0), Keep(50, 20.0)]),
            st.floats(0, 8),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_what_is_counted_is_what_is_there(
    deeds: list[tuple[str, int, Keep, float, bool]],
) -> None:
    """After any appends and reads: never over the bound, the numbers without a hole up to the position."""
    logs, now = Logs(20_000), 0.0
    for topic, size, keep, later, is_read in deeds:
        now += later
        if is_read:
            page = logs.read(topic, -1, now)
            numbers = [each.offset for each in page.entries]
            last = page.position.offset
            assert numbers == list(range(last + 1 - len(numbers), last + 1))
        else:
            logs.append(topic, message(size), keep, now)
        kept = [each for log in logs._logs.values() for _, each in log.kept]
        names = sum(TOPIC + len(name) for name in logs._logs)
        assert logs.cost == names + sum(MESSAGE + each.size for each in kept)
        assert logs.cost <= 20_000
        assert {log.topic for full in logs._full.values() for log in full.values()} == {
            log.topic for log in logs._logs.values() if log.kept
        }
