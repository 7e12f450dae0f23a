"""`Payload`: a typed message that carries its kind, for people and for type checkers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aiows import Payload, RegistrationError


class ChatSend(Payload, kind="chat.send"):
    room: str
    text: str = ""


class Point(Payload, kind="point", frozen=True, rename="camel"):
    left_edge: int


class InRoom(Payload):
    room: str


class Left(InRoom, kind="chat.left"):
    who: str


def make(*bases: type[Any], fields: dict[str, Any] | None = None, **options: Any) -> type[Any]:
    """Define a class as a class statement would."""
    annotations = dict.fromkeys(fields or {}, int)
    defaults = {name: value for name, value in (fields or {}).items() if value is not ...}
    namespace = {"__module__": __name__, "__annotations__": annotations, **defaults}
    metaclass: Any = type(bases[0])
    made: type[Any] = metaclass("Made", bases, namespace, **options)
    return made


def test_a_payload_is_written_with_its_kind_and_without_a_ref() -> None:
    """What goes to a peer is flat JSON."""
    assert (
        msgspec.json.encode(ChatSend("a", "hi")) == b'{"kind":"chat.send","room":"a","text":"hi"}'
    )


def test_a_payload_is_read_back_as_it_was() -> None:
    """The same class reads and writes."""
    sent = ChatSend("a", "hi")
    assert msgspec.json.decode(msgspec.json.encode(sent), type=ChatSend) == sent


def test_its_kind_is_an_attribute_of_the_class_and_of_its_instances() -> None:
    """A sender can name the kind without repeating it."""
    assert (ChatSend.kind, ChatSend("a").kind) == ("chat.send", "chat.send")


def test_its_repr_shows_fields_alone() -> None:
    """The dispatcher's ref is not in a person's way."""
    assert repr(ChatSend("a", "hi")) == "ChatSend(room='a', text='hi')"


def test_its_constructor_is_typed_as_a_dataclass_is() -> None:
    """mypy --strict checks these lines: a comment that it does not need is an error to it."""
    room: str = ChatSend(room="a").room
    assert room == "a"
    with pytest.raises(TypeError):
        ChatSend()  # type: ignore[call-arg]
    ChatSend(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ChatSend("a", "b", "c")  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Point(1).left_edge = 2  # type: ignore[misc]


def test_it_takes_msgspecs_options() -> None:
    """Class keywords besides kind are those of msgspec.Struct."""
    assert msgspec.json.encode(Point(3)) == b'{"kind":"point","leftEdge":3}'
    assert hash(Point(3)) == hash(Point(3))


def test_a_base_without_a_kind_gives_its_fields_to_those_that_have_one() -> None:
    """Fields in common are written once."""
    assert msgspec.json.encode(Left("a", "bob")) == b'{"kind":"chat.left","room":"a","who":"bob"}'


def test_a_subclass_of_a_kind_must_name_its_own() -> None:
    """Two classes of one kind could not be told apart."""
    with pytest.raises(RegistrationError, match=r"test_payload\.Made: its base ChatSend is of"):
        make(ChatSend)
    assert make(ChatSend, kind="chat.whisper").kind == "chat.whisper"


@pytest.mark.parametrize("kind", ["", 7, b"a", "\ud800", True])
def test_a_kind_is_text_that_can_be_sent(kind: Any) -> None:
    """Found where the class is defined, not at the first message."""
    with pytest.raises(RegistrationError, match="kind"):
        make(Payload, kind=kind)


@pytest.mark.parametrize("options", [{"tag": "x"}, {"tag_field": "type"}, {"array_like": True}])
def test_what_would_change_the_wire_form_is_no_option(options: dict[str, Any]) -> None:
    """Flat JSON with the tag kind is what dispatchers read."""
    with pytest.raises(
        RegistrationError, match=f"unknown options of a Payload: {next(iter(options))}"
    ):
        make(Payload, kind="made", **options)


@pytest.mark.parametrize("kind", [{}, {"kind": "made"}])
@pytest.mark.parametrize("options", [{}, {"kw_only": True}])
@pytest.mark.parametrize("field", ["kind", "ref", "error"])
@pytest.mark.parametrize("default", [..., 7])
def test_a_reserved_key_is_no_field(
    field: str, default: Any, kind: dict[str, Any], options: dict[str, Any]
) -> None:
    """It would be two things at once on the wire."""
    with pytest.raises(RegistrationError, match=f"'?{field}"):
        make(Payload, fields={field: default}, **kind, **options)


@pytest.mark.parametrize("name", ["kind", "ref"])
def test_a_reserved_key_is_no_method(name: str) -> None:
    """It would hide what the message has under that name."""
    namespace = {"__module__": __name__, name: lambda self: 1}
    metaclass: Any = type(Payload)
    with pytest.raises(RegistrationError, match=f"{name!r} is reserved"):
        metaclass("Made", (Payload,), namespace, kind="made")


@pytest.mark.parametrize("key", ["kind", "ref", "error"])
@pytest.mark.parametrize("kind", [{}, {"kind": "made"}])
def test_no_field_is_renamed_to_a_reserved_key(key: str, kind: dict[str, Any]) -> None:
    """What counts is the key on the wire."""
    with pytest.raises(RegistrationError):
        make(Payload, fields={"value": ...}, rename={"value": key}, **kind)
