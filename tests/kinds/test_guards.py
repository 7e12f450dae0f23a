"""`authenticated`, `role`, `rate_limit`: whose messages are handled, and how often."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiows import KindDispatcher, KindError, RegistrationError
from aiows.kinds import Guard, KindCall, authenticated, rate_limit, role
from aiows.testing import VirtualClock
from fake_connection import FakeConnection
from talk import Talk


def guarded(*guards: Guard) -> KindDispatcher:
    """A dispatcher whose one handler, of the kind some, is behind ``guards``."""
    kinds = KindDispatcher()
    kinds.on("some", guards=guards)(lambda: "done")
    return kinds


async def outcome(talk: Talk, kind: str = "some") -> str:
    """Say it once: the code of the error, or what the handler returned."""
    (answer,) = await talk.say({"kind": kind, "ref": 1})
    return str(answer["result"] if answer["kind"] == "reply" else answer["error"]["code"])


async def outcomes(talk: Talk, times: int) -> list[str]:
    return [await outcome(talk) for _ in range(times)]


# authenticated


async def test_nobody_is_not_authenticated() -> None:
    """A user id is what it takes, whichever it is."""
    talk = Talk(guarded(authenticated))
    assert await outcome(talk) == "unauthenticated"
    talk.connection.user_id = 0
    assert await outcome(talk) == "done"
    assert repr(authenticated) == "authenticated"


# role


@pytest.mark.parametrize(
    ("user_data", "expected"),
    [
        (None, "forbidden"),
        ({}, "forbidden"),
        ({"roles": None}, "forbidden"),
        ({"roles": "editor"}, "forbidden"),
        ({"roles": "admin"}, "done"),
        ({"roles": ["editor", "owner"]}, "done"),
        (SimpleNamespace(roles={"admin"}), "done"),
        (SimpleNamespace(), "forbidden"),
    ],
)
async def test_one_of_the_roles_is_needed(user_data: Any, expected: str) -> None:
    """From what the application keeps with the connection: attributes or items."""
    talk = Talk(guarded(role("admin", "owner")))
    talk.connection.user_data = user_data
    assert await outcome(talk) == expected


async def test_a_role_is_found_where_one_says() -> None:
    """Under another name, by a function, by one that is awaited."""

    def plain(call: KindCall) -> Any:
        return call.ws.user_data["groups"]

    async def later(call: KindCall) -> Any:
        return call.ws.user_data["groups"]

    for of in ("groups", plain, later):
        talk = Talk(guarded(role("admin", of=of)))
        talk.connection.user_data = {"groups": ["staff"]}
        assert await outcome(talk) == "forbidden"
        talk.connection.user_data = {"groups": ["staff", "admin"]}
        assert await outcome(talk) == "done"


async def test_part_of_a_role_is_none() -> None:
    """One role is a str, and not a collection of letters."""
    talk = Talk(guarded(role("a", "dm")))
    talk.connection.user_data = {"roles": "admin"}
    assert await outcome(talk) == "forbidden"


def test_a_role_has_a_name() -> None:
    """Without one nobody would ever get through."""
    with pytest.raises(ValueError, match="needs the name"):
        role()


# rate_limit


async def test_so_many_in_so_long_and_no_more() -> None:
    """The first ones at once, then as time goes by; what is refused does not count."""
    with VirtualClock() as clock:
        talk = Talk(guarded(rate_limit(2, per=10)))
        assert await outcomes(talk, 4) == ["done", "done", "rate_limited", "rate_limited"]
        await clock.advance(4.9)
        assert await outcome(talk) == "rate_limited"
        await clock.advance(0.1)
        assert await outcomes(talk, 2) == ["done", "rate_limited"]
        await clock.advance(1000)
        assert await outcomes(talk, 3) == ["done", "done", "rate_limited"]


async def test_the_error_says_when_to_try_again() -> None:
    """In seconds, for programs; and that is the time."""
    with VirtualClock() as clock:
        talk = Talk(guarded(rate_limit(2, per=10)))
        await outcomes(talk, 2)
        await clock.advance(1)
        (answer,) = await talk.say({"kind": "some"})
        assert answer["error"]["details"] == {"retry_after": 4.0}
        await clock.advance(answer["error"]["details"]["retry_after"])
        assert await outcome(talk) == "done"


async def test_a_silent_limit_answers_requests_only() -> None:
    """A cursor that is too fast is dropped without a word; whoever waits for an answer gets one."""
    handled = list[int]()

    def cursor(x: int) -> None:
        handled.append(x)

    kinds = KindDispatcher()
    kinds.on("cursor", guards=[rate_limit(2, per=1000, silent=True)])(cursor)
    talk = Talk(kinds)
    answers = [await talk.say({"kind": "cursor", "x": x}) for x in range(4)]
    assert answers == [[]] * 4
    assert handled == [0, 1]
    (answer,) = await talk.say({"kind": "cursor", "x": 4, "ref": 1})
    assert answer["error"]["code"] == "rate_limited"


async def test_a_guard_of_ones_own_may_be_silent() -> None:
    """So may a handler: what counts is the error."""

    async def guard(call: KindCall) -> None:
        raise KindError("no", "No.", silent=True)

    talk = Talk(guarded(guard))
    assert await talk.say({"kind": "some"}) == []
    assert await outcome(talk) == "no"


async def test_a_burst_is_what_may_come_at_once() -> None:
    """More than the rate after a silence, or less."""
    with VirtualClock() as clock:
        talk = Talk(guarded(rate_limit(1, per=10, burst=3)))
        assert await outcomes(talk, 4) == ["done"] * 3 + ["rate_limited"]
        await clock.advance(10)
        assert await outcomes(talk, 2) == ["done", "rate_limited"]
        steady = Talk(guarded(rate_limit(10, per=10, burst=1)))
        assert await outcomes(steady, 2) == ["done", "rate_limited"]


async def test_connections_are_counted_by_themselves() -> None:
    """Also those of one user; and what was counted goes with them."""
    limit: Any = rate_limit(1, per=1000)
    kinds = guarded(limit)

    async def come_and_go() -> list[str]:
        talk = Talk(kinds)
        talk.connection.user_id = "ann"
        return await outcomes(talk, 2)

    for _ in range(3):
        assert await come_and_go() == ["done", "rate_limited"]
    await asyncio.sleep(0)
    gc.collect()
    assert len(limit._by_connection) == 0


async def test_a_user_is_counted_over_all_connections() -> None:
    """A second one, or a new one, is no way around; another user is another count."""
    kinds = guarded(rate_limit(1, per=1000, by="user"))
    for user, expected in (("ann", "done"), ("ann", "rate_limited"), ("bob", "done")):
        talk = Talk(kinds)
        talk.connection.user_id = user
        assert await outcome(talk) == expected
    assert await outcomes(Talk(kinds), 2) == ["done", "rate_limited"]
    assert await outcomes(Talk(kinds), 2) == ["done", "rate_limited"]


async def test_users_are_forgotten_when_their_time_has_passed() -> None:
    """Whoever came once and never again takes no memory for ever."""
    limit: Any = rate_limit(1, per=10, by="user")
    kinds = guarded(limit)
    talk = Talk(kinds)
    with VirtualClock() as clock:
        for user in range(100):
            talk.connection.user_id = user
            await outcome(talk)
            await clock.advance(1)
        assert len(limit._by_user) <= 10


@given(
    messages=st.integers(1, 5),
    burst=st.integers(1, 5),
    pauses=st.lists(st.floats(0, 3, allow_subnormal=False), max_size=60),
)
def test_no_span_of_time_has_more_than_it_may(
    messages: int, burst: int, pauses: list[float]
) -> None:
    """Whenever they come: in any span a burst and what the rate adds; and nobody waits in vain."""
    limit: Any = rate_limit(messages, per=2.0, burst=burst)
    loop, let_through = asyncio.new_event_loop(), list[float]()
    loop.time = lambda: now  # type: ignore[method-assign]
    now = 1000.0

    async def one() -> None:
        nonlocal now
        connection = FakeConnection(loop)
        for pause in pauses:
            now += pause
            try:
                limit(KindCall(connection, "some", None, print))
            except KindError as refused:
                now += refused.details["retry_after"] + 0.001
                limit(KindCall(connection, "some", None, print))
            let_through.append(now)

    loop.run_until_complete(one())
    loop.close()
    for first, start in enumerate(let_through):
        for count, end in enumerate(let_through[first:], start=1):
            assert count <= burst + (end - start) * messages / 2.0 + 0.01


async def test_one_guard_has_one_count() -> None:
    """Two kinds with the same guard share it, two guards do not."""
    limit = rate_limit(1, per=1000)
    kinds = KindDispatcher()
    kinds.on("a", guards=[limit])(lambda: "done")
    kinds.on("b", guards=[limit])(lambda: "done")
    kinds.on("c", guards=[rate_limit(1, per=1000)])(lambda: "done")
    talk = Talk(kinds)
    assert [await outcome(talk, kind) for kind in "abc"] == ["done", "rate_limited", "done"]


@pytest.mark.parametrize(
    ("messages", "options"),
    [
        (0, {}),
        ("20/s", {}),
        (True, {}),
        (1, {"per": 0}),
        (1, {"per": -1}),
        (1, {"per": "1"}),
        (1, {"per": None}),
        (1, {"burst": 0}),
        (1, {"burst": "3"}),
        (1, {"by": "address"}),
    ],
)
def test_a_limit_that_cannot_be_is_refused(messages: int, options: Any) -> None:
    """When it is made."""
    with pytest.raises(ValueError, match=r"(messages|per|burst) is a positive number, not|by is"):
        rate_limit(messages, **options)


@pytest.mark.parametrize("maker", [rate_limit, role])
def test_what_makes_a_guard_is_none(maker: Any) -> None:
    """The call that was forgotten is found when the kind is registered, and not at its first message."""
    with pytest.raises(RegistrationError, match=rf"guards=\[{maker.__name__}\(\.\.\.\)\]"):
        guarded(maker)


def test_a_guard_says_what_it_is() -> None:
    """In errors and logs."""
    assert repr(rate_limit(20, per=10, burst=3)) == "<rate_limit: one in 0.5 s, 3 at once>"
    assert repr(role("owner", "admin")) == "role('admin', 'owner')"


def test_guards_are_part_of_the_contract() -> None:
    """What they refuse with is declared without a word."""
    kinds = guarded(authenticated, role("admin"), rate_limit(1))
    (contract,) = kinds.contracts()
    codes = [each.code for each in contract.errors]
    assert codes == ["unauthenticated", "forbidden", "rate_limited"]


@pytest.mark.parametrize(
    "options", [{"guards": authenticated}, {"guards": [role]}, {"errors": ["a", 5]}]
)
def test_a_wrong_option_names_the_handler(options: dict[str, Any]) -> None:
    """Also where it is a guard that is wrong, which may be from elsewhere."""

    def handle() -> None: ...

    with pytest.raises(RegistrationError, match=r"^\S*handle \(.*test_guards\.py:\d+\): "):
        KindDispatcher().on("some", **options)(handle)


@pytest.mark.parametrize(("code", "message"), [(5, "b"), ("a", None)])
def test_an_error_has_a_code_and_a_message_that_are_texts(code: Any, message: Any) -> None:
    """Clients get both."""
    with pytest.raises(TypeError, match=r"^KindError: (code|message) is a str, not"):
        KindError(code, message)
