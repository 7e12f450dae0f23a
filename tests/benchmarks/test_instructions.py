"""The guard of the hot paths: it reads callgrind's counts, and fails for too many instructions."""

from __future__ import annotations

import asyncio

import pytest

from bench.errors import BenchError
from counting.callgrind import per_message, read_dump
from counting.child import FEW, MANY, take_counts
from counting.guard import compare, expected_for
from counting.paths import PATHS, SilentTransport, opened


def dump(name: str, runs: int, total: int) -> str:
    return (
        "version: 1\ncreator: callgrind-3.19.0\n"
        f"desc: Trigger: Client Request: {name} {runs}\n\n"
        f"events: Ir\nsummary: {total}\n\nfn=(1) main\n0 7\n\ntotals: {total}\n"
    )


def test_a_dump_tells_its_path_and_its_instructions() -> None:
    """The one that callgrind writes at the end of the program tells no path."""
    assert read_dump(dump("callback-16", 20, 1234)) == (("callback-16", 20), 1234)
    assert read_dump("desc: Trigger: Program termination\n\nevents: Ir\ntotals: 5\n") is None


def test_instructions_are_what_more_runs_cost_more() -> None:
    """What it takes to begin and to end is in both; a burst is divided by its messages."""
    dumps = [
        dump(name, runs, 5000 + runs * 300 * path.messages)
        for name, path in PATHS.items()
        for runs in (FEW, MANY)
    ]
    assert per_message(dumps) == dict.fromkeys(PATHS, 300)


def test_a_path_that_was_not_counted_is_an_error() -> None:
    """A guard that guards nothing would stay green for ever."""
    with pytest.raises(BenchError, match="counted nothing"):
        per_message([dump("parse", FEW, 1), dump("parse", MANY, 2)])


@pytest.mark.parametrize(
    ("counted", "is_right"), [(1000, True), (1149, True), (1151, False), (500, True)]
)
def test_a_path_may_need_a_seventh_more_than_expected(counted: int, is_right: bool) -> None:
    """Interpreters of one version are not all compiled alike."""
    lines, verdict = compare({"parse": counted}, {"parse": 1000})
    assert verdict is is_right
    assert ("TOO MANY" in lines[0]) is not is_right


def test_a_path_that_needs_far_fewer_asks_to_be_written_down() -> None:
    """Or it may lose again what it has won, and nobody sees."""
    (line,), _ = compare({"parse": 800}, {"parse": 1000})
    assert line.endswith("-20.0%  fewer: keep it, --record")


def test_a_path_without_an_expected_value_is_wrong() -> None:
    """Whoever adds one writes down what it needs."""
    assert compare({"new": 1}, {}) == (
        ["  new                          1  NOTHING IS EXPECTED: --record"],
        False,
    )


def test_a_python_that_is_new_is_held_to_the_newest_known_one() -> None:
    """3.9 is older than 3.11, whatever the alphabet says."""
    recorded = {"pure": {"3.9": {"parse": 1}, "3.11": {"parse": 2}, "3.13": {"parse": 3}}}
    assert expected_for(recorded, "pure", (3, 12)) == {"parse": 2}
    assert expected_for(recorded, "pure", (3, 15)) == {"parse": 3}
    assert expected_for(recorded, "native", (3, 12)) == {}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what left the connections."""
    sizes: list[int] = []
    monkeypatch.setattr(SilentTransport, "write", lambda _, data: sizes.append(len(data)))
    monkeypatch.setattr(SilentTransport, "writelines", lambda _, data: sizes.extend(map(len, data)))
    return sizes


async def test_every_path_runs_without_a_network(written: list[int]) -> None:
    """Over connections that were taken over from aiohttp; what leaves them is what should, and when."""
    reply = 2 + len('{"kind":"reply","ref":7,"total":37.5}')
    priced = 2 + len('{"kind":"order.priced","number":7,"total":37.5}')
    sizes = {"parse": 0, "build": 0, "kinds": reply, "kinds-async": reply}
    async with opened() as runs:
        assert runs.keys() == PATHS.keys()
        for name, run in runs.items():
            path = PATHS[name]
            size = priced if name.startswith("kinds-push") else 34
            expected = sizes.get(name, size * path.messages)
            written.clear()
            run()
            assert sum(written) == (0 if path.takes_turn else expected), name
            await asyncio.sleep(0)
            assert sum(written) == expected, name


class RecordingMarks:
    """Notes what was written between the marks of each count."""

    def __init__(self, written: list[int]) -> None:
        self.written = written
        self.counts: dict[str, int] = {}

    def start_counting(self) -> None:
        assert self.counts == {}

    def begin_count(self) -> None:
        self.written.clear()

    def end_count(self, name: bytes) -> None:
        self.counts[name.decode()] = sum(self.written)


async def test_between_its_marks_a_path_does_all_of_its_work(written: list[int]) -> None:
    """Also what leaves at the end of the loop's turn."""
    marks = RecordingMarks(written)
    await take_counts(marks)
    assert len(marks.counts) == 2 * len(PATHS)
    for name in ("callback", "callback-16", "view", "view-async", "view-async-16", "publish"):
        for runs in (FEW, MANY):
            assert marks.counts[f"{name} {runs}"] == runs * 34 * PATHS[name].messages
