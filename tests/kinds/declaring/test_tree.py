"""`KindDispatcher.include`: dispatchers nest, with prefixes, and no kind has two handlers."""

from __future__ import annotations

import gc
import re
import weakref
from typing import Any

import pytest

from aiows import KindDispatcher, KindError, Payload, RegistrationError
from aiows.kinds import KindCall
from talk import Talk, refusal_of, say


class Send(Payload, kind="send", frozen=True):
    """Says something in a room."""

    text: str


def echo(text: str) -> str:
    return text


def shout(text: str) -> str:
    return text.upper()


def place_of(function: Any) -> str:
    return re.escape(f"{function.__name__} ({__file__}:{function.__code__.co_firstlineno})")


async def test_the_kinds_of_a_router_have_the_prefix() -> None:
    """And the name without it is nobody's."""
    chat, kinds = KindDispatcher(), KindDispatcher()
    chat.on("echo")(echo)
    kinds.include(chat, prefix="chat.")
    message = {"text": "hi", "ref": 1}
    assert (await say(kinds, {"kind": "chat.echo", **message}))[0]["result"] == "hi"
    assert (await refusal_of(kinds, {"kind": "echo", **message}))["code"] == "unknown_kind"
    assert (await say(chat, {"kind": "echo", **message}))[0]["result"] == "hi"


async def test_routers_nest_as_deep_as_they_like() -> None:
    """Prefixes add up, the outermost first."""
    inner, middle, kinds = KindDispatcher(), KindDispatcher(), KindDispatcher()
    inner.on("echo")(echo)
    middle.include(inner, prefix="b.")
    kinds.include(middle, prefix="a.")
    assert (await say(kinds, {"kind": "a.b.echo", "text": "hi", "ref": 1}))[0]["result"] == "hi"


async def test_one_router_can_be_included_twice() -> None:
    """Under two prefixes, as two parts of an application."""
    room, kinds = KindDispatcher(), KindDispatcher()
    room.on("echo")(echo)
    kinds.include(room, prefix="left.")
    kinds.include(room, prefix="right.")
    for kind in ("left.echo", "right.echo"):
        assert (await say(kinds, {"kind": kind, "text": "hi", "ref": 1}))[0]["result"] == "hi"


async def test_a_payload_arrives_as_a_subclass_with_the_longer_kind() -> None:
    """So that what a handler passes on says what it is."""
    chat, kinds = KindDispatcher(), KindDispatcher()
    got: list[Send] = []

    @chat.on(Send)
    def send(msg: Send) -> None:
        got.append(msg)

    kinds.include(chat, prefix="chat.")
    await say(kinds, {"kind": "chat.send", "text": "hi"})
    assert isinstance(got[0], Send)
    assert (got[0].kind, got[0].text, repr(got[0])) == ("chat.send", "hi", "Send(text='hi')")
    assert (await refusal_of(kinds, {"kind": "chat.send"}))["details"]["field"] == "text"


async def test_a_kind_that_is_registered_later_is_seen() -> None:
    """In every dispatcher that includes the router, however far up."""
    inner, middle, kinds = KindDispatcher(), KindDispatcher(), KindDispatcher()
    middle.include(inner)
    kinds.include(middle, prefix="a.")
    talk = Talk(kinds)
    await talk.say({"kind": "a.echo", "text": "hi"})
    inner.on("echo")(echo)
    assert (await talk.say({"kind": "a.echo", "text": "hi", "ref": 1}))[0]["result"] == "hi"


def test_a_kind_twice_is_told_with_both_handlers() -> None:
    """Whichever of the two comes later."""
    kinds, router, late = KindDispatcher(), KindDispatcher(), KindDispatcher()
    kinds.on("chat.echo")(echo)
    router.on("echo")(shout)
    problem = "the kind 'chat.echo' has a handler already: "
    with pytest.raises(RegistrationError, match=f"{place_of(shout)}: {problem}{place_of(echo)}"):
        kinds.include(router, prefix="chat.")
    kinds.include(late, prefix="chat.")
    with pytest.raises(RegistrationError, match=f"{place_of(shout)}: {problem}{place_of(echo)}"):
        late.on("echo")(shout)
    kinds.include(last := KindDispatcher(), prefix="chat.")
    last.on("last")(echo)
    problem = "the kind 'chat.last' has a handler already: "
    with pytest.raises(RegistrationError, match=f"{place_of(shout)}: {problem}{place_of(echo)}"):
        late.on("last")(shout)
    late.on("x")(echo)
    with pytest.raises(RegistrationError, match=r"'chat\.x' has a handler already"):
        kinds.on("chat.x")(shout)


def test_two_ways_to_one_kind_are_an_error() -> None:
    """Which guards would be asked otherwise? Also if the kind comes later."""
    kinds, left, right, shared = (KindDispatcher() for _ in range(4))
    left.include(shared)
    right.include(shared)
    kinds.include(left)
    kinds.include(right)
    with pytest.raises(RegistrationError, match=r"'echo' has a handler already"):
        shared.on("echo")(echo)
    kinds, left, right = (KindDispatcher() for _ in range(3))
    left.on("echo")(echo)
    right.include(left)
    kinds.include(left)
    with pytest.raises(RegistrationError, match=r"'echo' has a handler already"):
        kinds.include(right)


def test_only_a_dispatcher_can_be_included() -> None:
    """Whatever else it is, the error says so."""
    with pytest.raises(RegistrationError, match="takes a KindDispatcher, not 7"):
        KindDispatcher().include(7)  # type: ignore[arg-type]


async def test_what_could_not_be_included_leaves_nothing_behind() -> None:
    """The dispatcher goes on as it was, and the router can grow."""
    kinds, router = KindDispatcher(), KindDispatcher()
    kinds.on("b")(echo)
    router.on("a")(shout)
    router.on("b")(shout)
    with pytest.raises(RegistrationError):
        kinds.include(router)
    router.on("c")(shout)
    assert (await refusal_of(kinds, {"kind": "a", "text": "hi"}))["code"] == "unknown_kind"
    kinds.on("c")(echo)


def test_a_prefix_cannot_make_an_answer_of_a_kind() -> None:
    """Otherwise two peers could answer each other's answers for ever."""
    kinds, router = KindDispatcher(), KindDispatcher()
    router.on("ply")(echo)
    with pytest.raises(RegistrationError, match="the kind 'reply' is for answers"):
        kinds.include(router, prefix="re")


@pytest.mark.parametrize("prefix", [None, 7, "\ud800"])
def test_a_prefix_is_text(prefix: Any) -> None:
    """Anything else could not be found in a message."""
    with pytest.raises(RegistrationError, match="a prefix is a str"):
        KindDispatcher().include(KindDispatcher(), prefix=prefix)


def test_a_circle_is_an_error() -> None:
    """It would have no end of kinds."""
    outer, inner = KindDispatcher(), KindDispatcher()
    outer.include(inner)
    for one, other in ((outer, outer), (inner, outer)):
        with pytest.raises(RegistrationError, match="cannot include itself"):
            one.include(other, prefix="again.")


def test_what_is_included_has_no_fallback() -> None:
    """It would take the kinds of all others; the error names the function."""
    kinds, router, late = KindDispatcher(), KindDispatcher(), KindDispatcher()

    def rest(kind: str) -> None: ...

    router.fallback(rest)
    with pytest.raises(
        RegistrationError, match=r"rest .*: an included dispatcher cannot have a fallback"
    ):
        kinds.include(router)
    kinds.include(late)
    with pytest.raises(
        RegistrationError, match=r"rest .*: an included dispatcher cannot have a fallback"
    ):
        late.fallback(rest)


async def test_surroundings_go_from_the_outside_in() -> None:
    """The dispatcher's, those of the include, the router's, the kind's."""
    asked: list[str] = []

    def guard(name: str) -> Any:
        return lambda call: asked.append(f"{name} {call.kind}")

    router = KindDispatcher(guards=[guard("router")])
    router.on("echo", guards=[guard("kind")])(echo)
    kinds = KindDispatcher(guards=[guard("all")])
    kinds.include(router, prefix="a.", guards=[guard("include")])
    await say(kinds, {"kind": "a.echo", "text": "hi"})
    assert asked == ["all a.echo", "include a.echo", "router a.echo", "kind a.echo"]


async def test_the_nearest_timeout_is_the_one() -> None:
    """The kind's, the router's, the one of what includes it."""
    router, bare, kinds = KindDispatcher(timeout=2), KindDispatcher(), KindDispatcher(timeout=3)
    router.on("own", timeout=1)(echo)
    router.on("routers")(echo)
    bare.on("all")(echo)
    kinds.include(router)
    kinds.include(bare)
    kinds.fallback(lambda kind: kind)
    timeouts = {kind: route.timeout for kind, route in kinds._tree.routes().items()}
    assert timeouts == {"own": 1, "routers": 2, "all": 3}
    fallback = kinds._tree.fallback()
    assert fallback is not None
    assert fallback.timeout == 3


async def test_the_guards_of_a_router_are_its_own() -> None:
    """Kinds beside it are not asked."""

    def refuse(call: KindCall) -> None:
        raise KindError("closed", "Not you.")

    admin, kinds = KindDispatcher(guards=[refuse]), KindDispatcher()
    admin.on("echo")(echo)
    kinds.on("echo")(echo)
    kinds.include(admin, prefix="admin.")
    assert (await refusal_of(kinds, {"kind": "admin.echo", "text": ""}))["code"] == "closed"
    assert (await say(kinds, {"kind": "echo", "text": "hi", "ref": 1}))[0]["result"] == "hi"


async def test_methods_of_a_router_get_the_instance() -> None:
    """A view's, or whatever dispatch is called with."""
    kinds, router = KindDispatcher(), KindDispatcher()
    router.on("self", method=True)(lambda self: self)
    kinds.include(router)
    assert (await say(kinds, {"kind": "self", "ref": 1}, instance="me"))[0]["result"] == "me"


def test_a_router_does_not_keep_what_includes_it() -> None:
    """A router is often a module's; the dispatchers of tests come and go."""
    router = KindDispatcher()
    kinds = KindDispatcher()
    kinds.include(router)
    gone = weakref.ref(kinds)
    del kinds
    gc.collect()
    assert gone() is None
    router.on("echo")(echo)
