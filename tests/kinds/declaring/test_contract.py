"""`KindDispatcher.contracts`: what was declared of each kind, in both directions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import pytest

from aiows import KindDispatcher, KindError, Payload, RegistrationError
from aiows.kinds import KindCall, KindContract, PossibleError


class Send(Payload, kind="send"):
    """Says something in a room.

    Everybody in it will see it.
    """

    text: str
    loud: bool = False


class Said(Payload, kind="said"):
    """Somebody said something."""

    text: str


class Body(Payload):
    text: str


@dataclass
class Note:
    text: str


def contract(kinds: KindDispatcher, kind: str) -> KindContract:
    """The one contract of ``kind``."""
    (found,) = [each for each in kinds.contracts() if each.kind == kind]
    return found


def test_a_handler_is_a_contract() -> None:
    """Its type, what it replies, its docstring."""
    kinds = KindDispatcher()

    @kinds.on(Send, errors=["muted", KindError("room_full", "The room is full.")])
    def send(msg: Send) -> Said:
        """Say it.

        In the room.
        """
        return Said(msg.text)

    assert kinds.contracts() == (
        KindContract(
            kind="send",
            direction="in",
            payload=Send,
            reply=Said,
            errors=(PossibleError("muted"), PossibleError("room_full", "The room is full.")),
            summary="Say it.",
            description="In the room.",
        ),
    )


def test_parameters_are_the_fields_of_a_type() -> None:
    """One that msgspec can describe."""
    kinds = KindDispatcher()
    kinds.on("add")(lambda left, right=0: left + right)
    payload = contract(kinds, "add").payload
    names = [each.name for each in msgspec.structs.fields(payload)]
    assert (names, payload.__struct_config__.tag) == (["ref", "left", "right"], "add")
    assert msgspec.json.schema(payload)["$defs"]["add"]["required"] == ["kind", "left"]


def test_a_payload_given_by_name_is_itself() -> None:
    """Without the kind, which the contract says."""
    kinds = KindDispatcher()
    kinds.on("note", payload=Note)(lambda: None)
    assert contract(kinds, "note").payload is Note


def test_a_payload_describes_a_kind_whose_handler_does_not() -> None:
    """And a partial or a callable object is described by what is in it."""

    def described(text: str) -> None:
        """Say it."""

    kinds = KindDispatcher()
    kinds.on(Send)(lambda: None)
    kinds.on("fields")(lambda: None)
    kinds.on("partial")(partial(described, "hi"))
    summaries = [each.summary for each in kinds.contracts()]
    assert summaries == ["Says something in a room.", "", "Say it."]


def replies_nothing() -> None: ...
def replies_anything(): ...  # type: ignore[no-untyped-def]
def replies_unknown() -> Nowhere: ...  # type: ignore[name-defined]  # noqa: F821
def replies_number() -> int: return 1  # fmt: skip


async def replies_later() -> list[int]: return []  # fmt: skip


@pytest.mark.parametrize(
    ("handler", "reply"),
    [
        (replies_nothing, None),
        (replies_anything, Any),
        (replies_unknown, Any),
        (replies_number, int),
        (replies_later, list[int]),
    ],
)
def test_the_return_annotation_is_the_reply(handler: Any, reply: Any) -> None:
    """None: no fields; Any: it does not say."""
    kinds = KindDispatcher()
    kinds.on("some")(handler)
    assert (contract(kinds, "some").reply, contract(kinds, "some").streams) == (reply, False)


@pytest.mark.parametrize(
    ("annotation", "item"),
    [(AsyncIterator[Said], Said), (AsyncGenerator[int, None], int), (AsyncIterator, Any)],
)
def test_an_iterator_is_a_stream_of_replies(annotation: Any, item: Any) -> None:
    """Each of them is an item."""
    kinds = KindDispatcher()
    kinds.on("some", reply=annotation)(lambda: None)
    assert (contract(kinds, "some").reply, contract(kinds, "some").streams) == (item, True)


def test_a_reply_can_be_said() -> None:
    """Where the annotation does not."""
    kinds = KindDispatcher()
    kinds.on("some", reply=Said)(replies_anything)
    kinds.on("none", reply=None)(replies_anything)
    assert (contract(kinds, "some").reply, contract(kinds, "none").reply) == (Said, None)


def test_guards_say_what_they_refuse_with() -> None:
    """In an attribute; what the kind says itself has the last word."""

    class Muted:
        errors = ("muted", "late")

        def __call__(self, call: KindCall) -> None: ...

    kinds = KindDispatcher(guards=[Muted()])
    kinds.on("some", errors=[KindError("late", "Too late.")])(lambda: None)
    assert contract(kinds, "some").errors == (
        PossibleError("muted"),
        PossibleError("late", "Too late."),
    )


def test_examples_are_fields_as_json_has_them() -> None:
    """From payloads and from dicts, without kind and ref."""
    kinds = KindDispatcher()
    kinds.on(Send, examples=[Send("hi"), {"text": "ho", "loud": True}])(lambda: None)
    assert contract(kinds, "send").examples == (
        {"text": "hi", "loud": False},
        {"text": "ho", "loud": True},
    )


@pytest.mark.parametrize("example", [{"text": 7}, {}, Said("hi"), 7])
def test_an_example_that_would_be_refused_is_an_error(example: Any) -> None:
    """At registration: a wrong example is worse than none."""
    with pytest.raises(RegistrationError, match=r"handler .*example"):

        @KindDispatcher().on(Send, examples=[example])
        def handler() -> None: ...

    with pytest.raises(RegistrationError, match=r"the kind 'send': .*example"):
        KindDispatcher().asks(Send, examples=[example])


def test_what_the_server_sends_is_declared() -> None:
    """As Payload types, or by name with any other type."""
    kinds = KindDispatcher()
    kinds.sends(Said, Send)
    kinds.sends("note", Note, examples=[Note("hi")])
    assert kinds.contracts() == (
        KindContract(
            kind="said", direction="out", payload=Said, summary="Somebody said something."
        ),
        KindContract(
            kind="send",
            direction="out",
            payload=Send,
            summary="Says something in a room.",
            description="Everybody in it will see it.",
        ),
        KindContract(kind="note", direction="out", payload=Note, examples=({"text": "hi"},)),
    )


def test_what_the_server_asks_is_declared_with_the_reply() -> None:
    """And with what a client may refuse with."""
    kinds = KindDispatcher()
    kinds.asks(Send, reply=bool, errors=["busy"])
    kinds.asks("confirm", payload=Note)
    kinds.asks("ping")
    asked = contract(kinds, "send")
    assert (asked.direction, asked.reply, asked.errors) == ("ask", bool, (PossibleError("busy"),))
    assert (contract(kinds, "confirm").payload, contract(kinds, "confirm").reply) == (Note, Any)
    assert contract(kinds, "ping").payload.__struct_config__.tag == "ping"


def test_a_kind_may_go_both_ways() -> None:
    """A chat's message goes to the server, and from there to the others."""
    kinds = KindDispatcher()
    kinds.on(Send)(lambda: None)
    kinds.sends(Send)
    assert [(each.kind, each.direction) for each in kinds.contracts()] == [
        ("send", "in"),
        ("send", "out"),
    ]


def test_a_router_brings_its_contracts() -> None:
    """What it handles with the prefix, what it sends as its handlers call it."""
    router, kinds = KindDispatcher(), KindDispatcher()
    router.on(Send)(lambda: None)
    router.on("note", payload=Note)(lambda: None)
    router.sends(Said)
    kinds.sends(Said)
    kinds.include(router, prefix="chat.")
    handled, note, sent = kinds.contracts()
    assert (handled.kind, note.kind, sent.kind) == ("chat.send", "chat.note", "said")
    assert issubclass(handled.payload, Send)
    assert handled.summary == "Says something in a room."
    assert (handled.payload.kind, note.payload) == ("chat.send", Note)


def test_a_kind_is_sent_with_one_type() -> None:
    """Here, in a router, and in a router that declares it later."""

    def other() -> type[Payload]:
        class Other(Payload, kind="said"):
            words: str

        return Other

    kinds, router, late = KindDispatcher(), KindDispatcher(), KindDispatcher()
    kinds.include(late)
    kinds.sends(Said)
    router.sends(other())
    with pytest.raises(RegistrationError, match=r"the kind 'said' is declared already.*: Said"):
        kinds.sends(other())
    with pytest.raises(RegistrationError, match="'said' is declared already"):
        kinds.asks(Said)
    with pytest.raises(RegistrationError, match="'said' is declared already"):
        kinds.include(router)
    with pytest.raises(RegistrationError, match="'said' is declared already"):
        late.sends(other())
    kinds.sends(Said)


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ((Body,), "Body has no kind"),
        ((Note,), "neither the name of a kind nor a Payload type"),
        (("",), "a kind is a str that is not empty"),
        (("reply",), "the kind 'reply' is for answers"),
        (("note", int), "the kind 'note': int is no dataclass"),
        (("note", Said), "the kind 'note': Said is of the kind 'said'"),
    ],
)
def test_what_cannot_be_sent_is_refused(declared: Any, problem: str) -> None:
    """When it is declared."""
    with pytest.raises(RegistrationError, match=problem):
        KindDispatcher().sends(*declared)


def test_a_payload_without_a_kind_can_be_sent_under_a_name() -> None:
    """As it can be handled under one."""
    kinds = KindDispatcher()
    kinds.sends("body", Body)
    assert contract(kinds, "body").payload is Body


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"colour": "red"}, "unknown options of a kind: colour"),
        ({"concurrency": 3}, "concurrency= takes InOrder"),
        ({"timeout": 0}, "timeout= takes more than 0 seconds"),
        ({"errors": [7]}, "errors= takes a sequence of codes and KindError objects, not 7"),
        ({"errors": "muted"}, "errors= takes a sequence of codes"),
        ({"guards": [7]}, r"a guard is called with \(call\), 7 cannot be called"),
        ({"guards": [lambda: None]}, r"a guard is called with \(call\): too many"),
        ({"guards": replies_nothing}, r"replies_nothing .*: guards= takes a sequence"),
        ({"middleware": [lambda call: None]}, r"a middleware is called with \(call, next\): too"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: Any, problem: str) -> None:
    """At registration."""
    with pytest.raises(RegistrationError, match=problem):
        KindDispatcher().on("some", **options)(lambda: None)


def test_what_has_no_signature_is_taken_on_trust() -> None:
    """Some functions that are not written in Python say nothing of their parameters."""
    KindDispatcher(guards=[iter])  # type: ignore[list-item]
