"""Guards and middleware around a handler, and their order."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType

from aiows import KindDispatcher, KindError, Payload
from aiows.kinds import KindCall, Next, role
from talk import Talk, refusal_of, say


class Say(Payload, kind="say", frozen=True):
    text: str


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


async def test_what_a_call_shows() -> None:
    """The connection, the kind, the checked message, the function, and whose method it is."""
    seen: list[KindCall] = []
    kinds = KindDispatcher(guards=[seen.append])

    def handler(self: Any, number: int) -> None: ...

    kinds.on("some", method=True)(handler)
    talk = Talk(kinds)
    await talk.say({"kind": "some", "number": 3, "ref": 1}, instance="view")
    (call,) = seen
    assert (call.ws, call.kind, call.handler, call.instance) == (
        talk.connection,
        "some",
        handler,
        "view",
    )
    assert call.payload.number == 3
    with pytest.raises(AttributeError, match="immutable"):
        call.kind = "other"  # type: ignore[misc]


async def test_a_message_that_is_wrong_reaches_no_guard() -> None:
    """They see what was checked."""
    kinds = KindDispatcher(guards=[lambda call: pytest.fail("called")])
    kinds.on("some")(lambda number: number)
    assert (await refusal_of(kinds, {"kind": "some"}))["code"] == "invalid"


async def test_a_fallback_is_guarded_too() -> None:
    """The guards of a dispatcher stand before everything, and see the kind that came."""
    seen: list[Any] = []

    def noting(call: KindCall) -> None:
        seen.append((call.kind, call.payload.fields))

    kinds = KindDispatcher(guards=[noting, refusing])
    kinds.fallback(lambda kind: kind)
    assert (await refusal_of(kinds, {"kind": "any", "value": 1}))["code"] == "closed"
    assert seen == [("any", {"value": 1})]


async def test_a_middleware_can_answer_itself() -> None:
    """Or change what is answered, or turn an error into an answer."""

    async def answering(call: KindCall, next: Next) -> Any:
        return "mine"

    async def doubling(call: KindCall, next: Next) -> Any:
        return 2 * await next(call)

    async def forgiving(call: KindCall, next: Next) -> Any:
        try:
            return await next(call)
        except ZeroDivisionError:
            return "forgiven"

    for middleware, result in ((answering, "mine"), (doubling, 6), (forgiving, "forgiven")):
        kinds = KindDispatcher(middleware=[middleware])
        kinds.on("some")((lambda: 3) if middleware is doubling else (lambda: 1 / 0))
        assert (await say(kinds, {"kind": "some", "ref": 1}))[0]["result"] == result


async def test_a_middleware_can_pass_on_another_message() -> None:
    """The call itself does not change."""

    async def shouting(call: KindCall, next: Next) -> Any:
        louder = Say(call.payload.text.upper())
        return await next(call.replace(payload=louder))

    kinds = KindDispatcher(middleware=[shouting])

    @kinds.on(Say)
    async def handler(msg: Say) -> str:
        return msg.text

    assert (await say(kinds, {"kind": "say", "text": "hi", "ref": 1}))[0]["result"] == "HI"


async def test_a_kind_with_nothing_around_it_is_called_directly() -> None:
    """What is not there costs nothing, whatever other kinds have."""
    kinds = KindDispatcher()
    kinds.on("plain")(lambda: None)
    kinds.on("guarded", guards=[refusing])(lambda: None)
    route = kinds._tree.routes()["plain"]
    assert route.call == route.plan.call


async def test_guards_and_plain_handlers_need_no_task() -> None:
    """A plain guard before a plain handler: nothing is awaited."""
    kinds = KindDispatcher(guards=[lambda call: None])
    kinds.on("some")(lambda: "done")
    talk = Talk(kinds)
    message = WSMessage(WSMsgType.TEXT, '{"kind":"some","ref":1}', None)
    with pytest.raises(StopIteration):
        kinds.dispatch(talk.connection, message).send(None)
    assert len(talk.connection.payloads) == 1


async def test_a_plain_guard_may_follow_one_that_is_awaited() -> None:
    """In their order."""
    journal = Journal()

    async def later(call: KindCall) -> None:
        journal.entries.append("later")

    kinds = KindDispatcher(guards=[later, journal.guard("plain"), later, refusing])
    kinds.on("some")(lambda: 1 / 0)
    assert (await refusal_of(kinds, {"kind": "some"}))["code"] == "closed"
    assert journal.entries == ["later", "plain", "later"]
    async_kinds = KindDispatcher(guards=[later])

    @async_kinds.on("some")
    async def some() -> str:
        return "done"

    assert (await say(async_kinds, {"kind": "some", "ref": 1}))[0]["result"] == "done"


async def test_a_guard_that_raises_is_the_answer() -> None:
    """Plain or async; the handler is not called."""
    for guard in (refusing, refusing_later):
        kinds = KindDispatcher(guards=[guard])
        kinds.on("some")(lambda: 1 / 0)
        assert (await refusal_of(kinds, {"kind": "some"}))["code"] == "closed"


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("verdict", [True, False, role])
async def test_a_guard_that_returns_something_lets_nobody_through(
    verdict: object, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A verdict that is not looked at, or a factory of guards that was not called, would let everybody."""

    def guard(call: KindCall) -> Any:
        return verdict

    async def later(call: KindCall) -> Any:
        return verdict

    async def silent(call: KindCall) -> None: ...

    for guards in ([later], [silent, later]) if is_async else ([guard], [silent, guard]):
        kinds = KindDispatcher(guards=guards)
        kinds.on("some")(lambda: "let through")
        assert (await refusal_of(kinds, {"kind": "some"}))["code"] == "internal"
    assert "a guard returns None or raises KindError" in caplog.text
