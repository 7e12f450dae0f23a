"""PumpCore: one message after the other to a hook, at once where it is at rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from builds import Build
from wire.streams import text

TYPES = {1: "TEXT", 2: "BINARY"}


class Hooks:
    """Keeps what it was called with, and does what it is told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.then: Callable[[], Any] = lambda: None

    def message(self, connection: Any, data: Any, type: Any, /) -> Any:
        self.calls.append((connection, data, type))
        return self.then()


def test_it_takes_nothing_before_it_rests(build: Build) -> None:
    """A hook that opens the connection comes first."""
    hooks = Hooks()
    handling = build.PumpCore(hooks, TYPES)
    handling.connection = "it"
    assert handling.offer(text("early")) is False
    handling.rest()
    assert handling.offer(text("1")) is True
    assert hooks.calls == [("it", "1", "TEXT")]


def test_a_hook_is_not_called_inside_itself(build: Build) -> None:
    """What is offered meanwhile is not taken."""
    hooks = Hooks()
    handling = build.PumpCore(hooks, TYPES)
    handling.connection = None
    handling.rest()
    taken: list[bool] = []
    hooks.then = lambda: taken.append(handling.offer(text("2")))
    assert handling.offer(text("1")) is True
    assert taken == [False]
    assert len(hooks.calls) == 1


def test_what_a_hook_raises_passes_unless_somebody_catches_it(build: Build) -> None:
    """And nothing more is taken: it has not come to rest."""

    def fail() -> None:
        raise LookupError

    hooks = Hooks()
    hooks.then = fail
    handling = build.PumpCore(hooks, TYPES)
    handling.connection = None
    handling.rest()
    with pytest.raises(LookupError):
        handling.offer(text("1"))
    assert handling.offer(text("2")) is False


def test_a_subclass_sees_to_what_goes_on_what_failed_and_what_waits(build: Build) -> None:
    """In this order of events."""
    log: list[Any] = []

    class Pump(build.PumpCore):  # type: ignore[name-defined, misc]
        def _failed(self, error: BaseException) -> None:
            log.append(error)

        def _goes_on(self, result: Any) -> bool:
            log.append(result)
            return bool(result)

        def _handle_news(self) -> None:
            log.append("news")
            self._has_news = False

    error = LookupError()

    def fail() -> None:
        raise error

    hooks = Hooks()
    pump = Pump(hooks, TYPES)
    pump.connection = None
    pump.rest()
    hooks.then = fail
    assert pump.offer(text("1"))
    assert log == [error]
    hooks.then = lambda: ""
    pump._has_news = True
    assert pump.offer(text("2"))
    assert log[1:] == ["", "news"]
    hooks.then = lambda: "more"
    assert pump.offer(text("3"))
    assert log[3:] == ["more"]
    assert not pump.offer(text("4"))
