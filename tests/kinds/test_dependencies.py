"""``dependencies=``: factories for all handlers of a dispatcher, of a view, or for one kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, ClassVar

import pytest
from aiohttp import web

from aiows import Ignore, KindDispatcher, RegistrationError, WebSocketView, on, use
from talk import Talk, refusal_of, say

NAME = web.AppKey("name", str)


class Session:
    def __init__(self, name: str = "session") -> None:
        self.name = name


class Cursor:
    def __init__(self, session: Session) -> None:
        self.session = session


opened: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_opened() -> None:
    opened.clear()


async def a_session() -> AsyncIterator[Session]:
    opened.append("session")
    yield Session()
    opened.append("end")


def another_session() -> Iterator[Session]:
    yield Session("another")


def a_cursor(session: Annotated[Session, use(a_session)]) -> Cursor:
    return Cursor(session)


async def name_of(kinds: KindDispatcher, kind: str = "some") -> Any:
    """What the handler returned."""
    return (await say(kinds, {"kind": kind, "ref": 1}))[0].get("result")


def session_name(session: Session) -> str:
    return session.name


async def test_a_parameter_that_names_the_class_gets_the_value() -> None:
    """It is opened for the message, and ended."""
    kinds = KindDispatcher(dependencies=[a_session])
    kinds.on("some")(session_name)
    assert await name_of(kinds) == "session"
    assert opened == ["session", "end"]


async def test_what_nobody_asks_for_is_not_made() -> None:
    """A dependency is an offer."""
    kinds = KindDispatcher(dependencies=[a_session])
    kinds.on("some")(lambda: "done")
    assert await name_of(kinds) == "done"
    assert opened == []


async def test_the_innermost_one_is_taken() -> None:
    """The kind's before the dispatcher's, a later one before an earlier one."""
    kinds = KindDispatcher(dependencies=[a_session])
    kinds.on("some", dependencies=[another_session])(session_name)
    assert await name_of(kinds) == "another"
    listed = KindDispatcher(dependencies=[another_session, a_session])
    listed.on("some")(session_name)
    assert await name_of(listed) == "session"


async def test_an_annotation_of_its_own_goes_before_it() -> None:
    """Who says which factory, gets that one."""
    kinds = KindDispatcher(dependencies=[a_session])

    @kinds.on("some")
    def some(session: Annotated[Session, use(another_session)]) -> str:
        return session.name

    assert await name_of(kinds) == "another"


async def test_dependencies_need_each_other() -> None:
    """A factory's parameters are filled as a handler's are."""
    kinds = KindDispatcher(dependencies=[Cursor, another_session])

    @kinds.on("some")
    def some(cursor: Cursor) -> str:
        return cursor.session.name

    assert await name_of(kinds) == "another"


async def test_one_value_can_serve_the_connection() -> None:
    """With reuse, as anywhere else."""
    kinds = KindDispatcher(dependencies=[use(a_session, reuse=True)])
    kinds.on("some")(session_name)
    talk = Talk(kinds)
    for _ in range(3):
        await talk.say({"kind": "some"})
    assert opened == ["session"]


async def test_a_router_has_its_own() -> None:
    """They go with its handlers, and nowhere else."""
    router = KindDispatcher(dependencies=[a_session])
    router.on("some")(session_name)
    kinds = KindDispatcher()
    kinds.include(router, prefix="a.")
    assert await name_of(kinds, "a.some") == "session"
    with pytest.raises(RegistrationError, match="Session is not provided"):
        kinds.on("some")(session_name)


async def test_a_fallback_has_them_too() -> None:
    """It asks for what is no field."""
    kinds = KindDispatcher(dependencies=[a_session])
    kinds.fallback(session_name)
    assert await name_of(kinds) == "session"


def test_a_view_has_them_for_its_methods() -> None:
    """A missing one would be an error when the class is made."""

    class Sessions(WebSocketView):
        dependencies: ClassVar[Any] = [a_session]

        @on("some")
        def some(self, session: Session) -> str:
            return session.name

    assert Sessions.kinds is not None


async def test_a_field_of_another_class_stays_a_field() -> None:
    """The class decides, not the name."""
    kinds = KindDispatcher(dependencies=[a_session])
    kinds.on("some")(lambda session: session)
    assert (await refusal_of(kinds, {"kind": "some"}))["details"]["field"] == "session"


def a_number() -> int: return 1  # fmt: skip


def anything(): ...  # type: ignore[no-untyped-def]
def hidden() -> Ignore[Session]: return Session()  # fmt: skip


@pytest.mark.parametrize("factory", [a_number, anything, hidden])
def test_a_factory_says_which_class_it_makes(factory: Any) -> None:
    """A number would be every number that messages have."""
    kinds = KindDispatcher(dependencies=[factory])
    with pytest.raises(
        RegistrationError, match=rf"{factory.__name__} .*: a dependency needs a return"
    ):
        kinds.on("some")(lambda: None)


def test_what_is_no_factory_is_refused() -> None:
    """At once."""
    with pytest.raises(RegistrationError, match="takes a factory"):
        KindDispatcher(dependencies=[7])  # type: ignore[list-item]
    with pytest.raises(RegistrationError, match="names no class"):
        KindDispatcher(dependencies=[use(NAME)]).on("some")(lambda: None)
