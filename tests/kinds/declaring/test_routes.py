"""A handler that could never work is refused when it is registered, with its name, file and line."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
import pytest
from aiohttp import web

from aiows import KindDispatcher, Payload, RegistrationError
from talk import Talk, say

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]

T = TypeVar("T")


class ChatSend(Payload, kind="chat.send"):
    room: str
    text: str = ""


class InRoom(Payload):
    room: str


class Page(Payload, Generic[T], kind="page"):
    items: list[T]


class Opaque:
    pass


class Unreadable(Payload, kind="unreadable"):
    file: Opaque | None


@dataclasses.dataclass
class Box:
    content: list[Opaque]


class Tree(msgspec.Struct):
    branches: list[Tree] = []


def several(*values: int) -> None: ...
def keywords(**values: int) -> None: ...
def named_kind(ws: Any, kind: str) -> None: ...
def named_ref(ws: Any, ref: int) -> None: ...
def named_error(ws: Any, error: str) -> None: ...
def unresolvable(value: Unknown) -> None: ...
def misspelt(value: "list[strr]") -> None: ...  # type: ignore[name-defined]  # noqa: F821, UP037
def opaque(value: Opaque) -> None: ...
def nested(value: dict[str, Box]) -> None: ...
def undecidable(value: list[int] | tuple[int, ...]) -> None: ...
def responses(response: web.StreamResponse) -> None: ...
def wrong_payload(message: ChatSend) -> None: ...
def without_kind(message: InRoom) -> None: ...
def generic(message: Page[int]) -> None: ...
def unreadable(message: Unreadable) -> None: ...
def forgotten_method(self: Any, value: int) -> None: ...
def generator(value: int) -> Iterator[int]: yield value  # fmt: skip


async def stream(value: int) -> AsyncIterator[int]: yield value  # fmt: skip


@pytest.mark.parametrize(
    ("handler", "problem"),
    [
        (several, "*values cannot be filled: name the fields one by one"),
        (keywords, "**values cannot be filled: name the fields one by one"),
        (named_kind, "reserved, so no parameter may be named 'kind'"),
        (named_ref, "reserved, so no parameter may be named 'ref'"),
        (named_error, "reserved, so no parameter may be named 'error'"),
        (unresolvable, "the annotation of 'value' cannot be resolved: name 'Unknown'"),
        (misspelt, "the annotation of 'value' cannot be resolved: name 'strr'"),
        (opaque, "'value': Opaque is not provided and not readable from JSON"),
        (nested, "'value': Opaque is not provided and not readable from JSON"),
        (undecidable, "'value' cannot be read from JSON: Type unions may not contain"),
        (responses, "'response': StreamResponse is not provided"),
        (wrong_payload, "ChatSend is of the kind 'chat.send', not 'some'"),
        (without_kind, "InRoom has no kind"),
        (generic, "neither the name of a kind nor a Payload type: "),
        (unreadable, "Unreadable is of the kind 'unreadable', not 'some'"),
        (forgotten_method, "its first parameter is self: register it with method=True"),
        (generator, "a handler cannot be a plain generator"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_mistake_is_told_with_the_handlers_name_and_place(
    handler: Callable[..., Any], problem: str
) -> None:
    """The error names the function, its file and its line."""
    place = f"{handler.__name__} ({__file__}:{handler.__code__.co_firstlineno}): {problem}"
    with pytest.raises(RegistrationError, match=re.escape(place)):
        KindDispatcher().on("some")(handler)


def test_a_payload_with_an_unreadable_field_is_refused() -> None:
    """The types of a payload's fields are looked at, too."""
    with pytest.raises(RegistrationError, match="'Unreadable': Opaque is not provided"):
        KindDispatcher().on(Unreadable)(lambda: None)


@pytest.mark.parametrize("kind", ["reply", "item", "end", "error", "cancel"])
def test_answers_are_no_requests(kind: str) -> None:
    """Otherwise two peers could answer each other's answers for ever."""
    with pytest.raises(RegistrationError, match=f"the kind '{kind}' is for answers"):
        KindDispatcher().on(kind)(lambda: None)


@pytest.mark.parametrize("kind", ["", 7, None, "\ud800", InRoom, dict, ChatSend("a")])
def test_a_kind_is_a_name_or_a_payload_type(kind: Any) -> None:
    """Anything else could not be found in a message."""
    with pytest.raises(RegistrationError, match="kind"):
        KindDispatcher().on(kind)(lambda: None)


def test_a_kind_has_one_handler() -> None:
    """A second one would hide the first, or never be called."""
    kinds = KindDispatcher()
    kinds.on("chat.send")(first := (lambda: None))
    line = first.__code__.co_firstlineno
    known = rf"'chat\.send' has a handler already: .*<lambda> \(.*:{line}\)"
    with pytest.raises(RegistrationError, match=known):
        kinds.on(ChatSend)(lambda: None)


def test_what_is_registered_must_be_callable() -> None:
    """A forgotten function is found at once."""
    with pytest.raises(RegistrationError, match="a handler is a function, not 7"):
        KindDispatcher().on("some")(7)  # type: ignore[type-var]


def test_a_payload_and_its_fields_must_agree() -> None:
    """What a handler asks for beside a payload type is a field of that type, as it is there."""

    def unknown_field(wall: str) -> None: ...
    def other_type(room: int) -> None: ...
    def the_ref(ref: int) -> None: ...
    def two(message: ChatSend, other: Unreadable) -> None: ...

    kinds = KindDispatcher()
    with pytest.raises(RegistrationError, match="ChatSend has no field 'wall'"):
        kinds.on(ChatSend)(unknown_field)
    with pytest.raises(RegistrationError, match="'room' is <class 'str'> in ChatSend, not <class"):
        kinds.on(ChatSend)(other_type)
    with pytest.raises(RegistrationError, match="ChatSend has no field 'ref'"):
        kinds.on(ChatSend)(the_ref)
    problem = "several payloads: it is registered for ChatSend, 'message' is ChatSend, 'other' is"
    with pytest.raises(RegistrationError, match=problem):
        kinds.on(ChatSend)(two)
    problem = "several payloads: 'message' is ChatSend, 'other' is Unreadable"
    with pytest.raises(RegistrationError, match=problem):
        kinds.on("some")(two)


def test_a_forgotten_annotation_is_told() -> None:
    """A parameter without one is a field, which is hardly ever what was meant."""
    problem = (
        r"ChatSend has no field 'msg' \(it has room, text\); the whole message is msg: ChatSend"
    )
    with pytest.raises(RegistrationError, match=problem):
        KindDispatcher().on(ChatSend)(lambda msg: None)


def test_a_method_needs_a_parameter_for_its_instance() -> None:
    """A function without parameters cannot be called on anything."""

    def keyword_only(*, value: int) -> None: ...

    for handler in (lambda: None, keyword_only):
        with pytest.raises(RegistrationError, match="needs its instance as the first parameter"):
            KindDispatcher().on("some", method=True)(handler)


def test_a_fallback_asks_for_kind_and_fields_alone() -> None:
    """What it gets is of no known shape."""
    kinds = KindDispatcher()
    with pytest.raises(RegistrationError, match="'value': a fallback can ask for"):
        kinds.fallback(lambda value: None)
    with pytest.raises(RegistrationError, match="'message': a fallback can ask for"):
        kinds.fallback(wrong_payload)


def test_there_is_one_fallback() -> None:
    """A second one would hide the first."""
    kinds = KindDispatcher()
    kinds.fallback(lambda: None)
    with pytest.raises(RegistrationError, match="there is a fallback already"):
        kinds.fallback(lambda: None)


def test_a_failed_registration_leaves_nothing_behind() -> None:
    """The kind can be registered properly afterwards."""
    kinds = KindDispatcher()
    with pytest.raises(RegistrationError):
        kinds.on("some")(opaque)
    kinds.on("some")(lambda: None)


@pytest.mark.parametrize("key", ["", "kind", "ref", "error"])
def test_a_payload_key_is_none_of_the_others(key: str) -> None:
    """The keys of the envelope are taken."""
    with pytest.raises(ValueError, match="payload_key"):
        KindDispatcher(payload_key=key)


def test_a_limit_is_not_negative() -> None:
    """0 is the one value that means no limit."""
    with pytest.raises(ValueError, match="max_bad_messages"):
        KindDispatcher(max_bad_messages=-1)


def test_a_decorated_function_stays_what_it_was() -> None:
    """It can be called, tested and registered for another kind."""

    def handler(value: int) -> int:
        return value

    kinds = KindDispatcher()
    assert kinds.on("a")(kinds.on("b")(handler)) is handler
    assert kinds.fallback(forgotten := (lambda: None)) is forgotten


class Greeter:
    def greet(self, name: str) -> str:
        return f"hello {name}"

    async def __call__(self, name: str) -> str:
        return f"called {name}"


def twice(name: str, /, times: int = 2, *, mark: str = "!") -> str:
    return name * times + mark


@pytest.mark.parametrize(
    ("handler", "result"),
    [
        (Greeter().greet, "hello a"),
        (Greeter(), "called a"),
        (twice, "aa!"),
        (partial(twice, times=3), "aaa!"),
        (lambda name: name, "a"),
    ],
    ids=["bound method", "callable object", "positional-only", "partial", "lambda"],
)
async def test_anything_callable_with_a_signature_can_be_a_handler(
    handler: Callable[..., Any], result: str
) -> None:
    """Bound methods, callable objects, partials, and every kind of parameter."""
    kinds = KindDispatcher()
    kinds.on("some")(handler)
    answers = await say(kinds, {"kind": "some", "name": "a", "ref": 1})
    assert answers == [{"kind": "reply", "ref": 1, "result": result}]


async def test_types_that_contain_themselves_are_fields() -> None:
    """Looking for what cannot be read comes to an end."""
    kinds = KindDispatcher()

    @kinds.on("plant")
    def plant(tree: Tree) -> int:
        return len(tree.branches)

    answers = await say(kinds, {"kind": "plant", "tree": {"branches": [{}, {}]}, "ref": 1})
    assert answers[0]["result"] == 2


async def test_an_annotation_may_name_a_payload_type_that_is_local() -> None:
    """Types and handlers can be defined inside a function that makes an application."""

    class Local(Payload, kind="local"):
        value: int

    kinds = KindDispatcher()

    @kinds.on(Local)
    def local(message: Local) -> int:
        return message.value

    assert (await say(kinds, {"kind": "local", "value": 3, "ref": 1}))[0]["result"] == 3


async def test_the_connection_and_the_result_need_no_annotation_that_resolves() -> None:
    """Names that only type checkers import do not matter where nothing depends on them."""
    kinds = KindDispatcher()

    @kinds.on("some")
    def some(ws: Unknown, value: Annotated[int, "whole"]) -> Unknown:
        return value

    assert (await say(kinds, {"kind": "some", "value": 3, "ref": 1}))[0]["result"] == 3


async def test_handlers_can_be_added_after_the_first_message() -> None:
    """The dispatcher reads its table again."""
    kinds = KindDispatcher()
    talk = Talk(kinds)
    (before,) = await talk.say({"kind": "late", "ref": 1})
    kinds.on("late")(lambda: 1)
    (after,) = await talk.say({"kind": "late", "ref": 1})
    kinds.fallback(lambda kind: kind)
    (fallen,) = await talk.say({"kind": "later", "ref": 1})
    assert before["error"]["code"] == "unknown_kind"
    assert (after["result"], fallen["result"]) == (1, "later")
