"""Guards and middleware: what stands around a handler, and in which order."""

from __future__ import annotations

from typing import Any

from aiows import KindDispatcher, KindError
from aiows.kinds import KindCall, Next
from talk import refusal_of, say


def refusing(call: KindCall) -> None:
    raise KindError("closed", "Come back tomorrow.")


async def refusing_later(call: KindCall) -> None:
    raise KindError("closed", "Come back tomorrow.")


class Journal:
    """Writes down who was called."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def guard(self, name: str) -> Any:
        def note(call: KindCall) -> None:
            self.entries.append(name)

        return note

    def middleware(self, name: str) -> Any:
        async def note(call: KindCall, next: Next) -> Any:
            self.entries.append(name)
            result = await next(call)
            self.entries.append(f"after {name}")
            return result

        return note


async def test_guards_come_first_then_middleware_then_the_handler() -> None:
    """From the outside in: the dispatcher's before the kind's."""
    journal = Journal()
    kinds = KindDispatcher(
        middleware=[journal.middleware("outer")], guards=[journal.guard("outer guard")]
    )

    @kinds.on(
        "some", middleware=[journal.middleware("inner")], guards=[journal.guard("inner guard")]
    )
    def some() -> str:
        journal.entries.append("handler")
        return "done"

    assert await say(kinds, {"kind": "some", "ref": 1}) == [
        {"kind": "reply", "ref": 1, "result": "done"}
    ]
    assert journal.entries == [
        "outer guard",
        "inner guard",
        "outer",
        "inner",
        "handler",
        "after inner",
        "after outer",
    ]


async def test_a_guard_that_raises_is_the_answer() -> None:
    """Plain or async; the handler is not called."""
    for guard in (refusing, refusing_later):
        kinds = KindDispatcher(guards=[guard])
        kinds.on("some")(lambda: 1 / 0)
        assert (await refusal_of(kinds, {"kind": "some"}))["code"] == "closed"
