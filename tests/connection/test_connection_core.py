"""What is pushed goes to the outbox as the message that its class says, in both builds."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from typing import Any

import msgspec
import pytest

from aiows._native import core
from aiows._wire import Opcode, build_frame
from aiows.codecs import JSON, MSGPACK, Codec, JsonCodec
from aiows.connection import PreparedMessage
from aiows.connection.connection_core import ConnectionCore
from aiows.kinds import Payload
from aiows.send_status import SendStatus
from builds import Build
from outbox_bench import Bench

FIELDS = {"kind": "said", "text": "ö"}
SAID = b'{"kind":"said","text":"\xc3\xb6"}'


class Said(Payload, kind="said"):
    text: str


class Word(str):
    __slots__ = ()


class Louder(JsonCodec):
    """Encodes in a way of its own."""

    def encode(self, value: Any, /) -> bytes:
        return super().encode(value).upper()


class Line:
    """A connection of one build over an outbox of the same, and what it leaves to its subclass."""

    def __init__(self, build: Build, codec: Codec = JSON) -> None:
        line = self

        class Protocol(build.ProtocolCore):  # type: ignore[name-defined, misc]
            def kind_sent(self, kind: str | None) -> None:
                line.kinds.append(kind)

        class Connection(build.ConnectionCore):  # type: ignore[name-defined, misc]
            def _push_other(self, message: Any) -> Any:
                line.others.append(message)
                return "another way"

        self.kinds: list[str | None] = []
        self.others: list[Any] = []
        self.bench = Bench(build, limit=1000, most=4000)
        self.bench.begin_read()
        self.connection: Any = Connection()
        self.connection._outbox = self.bench.outbox
        self.connection._protocol = Protocol(
            build.MessageReader(), self.bench.flusher, memoryview(bytearray(1))
        )
        self.connection.codec = codec

    def frames(self) -> bytes:
        self.bench.end_turn()
        return b"".join(self.bench.written)


@pytest.mark.parametrize(
    ("message", "opcode", "payload"),
    [
        ("ö", Opcode.TEXT, "ö".encode()),
        (b"\xff", Opcode.BINARY, b"\xff"),
        (FIELDS, Opcode.TEXT, SAID),
        (Said("ö"), Opcode.TEXT, SAID),
        ({}, Opcode.TEXT, b"{}"),
        ({"a": 2**64}, Opcode.TEXT, b'{"a":18446744073709551616}'),
    ],
)
def test_a_message_is_framed_as_its_class_says(
    build: Build, message: Any, opcode: int, payload: bytes
) -> None:
    """Text, bytes, or an object in the connection's codec."""
    line = Line(build)
    assert line.connection.push(message) is SendStatus.SUCCESS
    assert line.frames() == build_frame(opcode, payload)


@pytest.mark.parametrize("message", [FIELDS, Said("ö")])
def test_an_object_is_said_in_the_codec_of_the_connection(build: Build, message: Any) -> None:
    """Whichever that is, also one that is changed later, and one that derives from JSON's."""
    line = Line(build, MSGPACK)
    line.connection.push(message)
    line.connection.codec = Louder()
    line.connection.push(message)
    binary = build_frame(Opcode.BINARY, msgspec.msgpack.encode(FIELDS))
    assert line.frames() == binary + build_frame(Opcode.TEXT, SAID.upper())


@pytest.mark.parametrize(
    "message",
    [Word("a"), bytearray(b"a"), OrderedDict(a=1), [1], None, PreparedMessage("a")],
    ids=lambda message: type(message).__name__,
)
def test_what_is_seldom_sent_is_left_to_the_class_above(build: Build, message: Any) -> None:
    """It knows more classes of messages."""
    line = Line(build)
    assert line.connection.push(message) == "another way"
    assert line.others == [message]
    assert line.frames() == b""


@pytest.mark.parametrize("codec", [JSON, MSGPACK, Louder()], ids=lambda codec: codec.name)
def test_of_what_no_codec_says_nothing_is_sent(build: Build, codec: Codec) -> None:
    """Who pushes it gets the error."""
    line = Line(build, codec)
    with pytest.raises(TypeError):
        line.connection.push({"a": object()})
    assert line.frames() == b""


def test_an_observer_is_told_the_kind_of_an_object(build: Build) -> None:
    """Of text and bytes nobody knows one."""
    line = Line(build)
    for message in (FIELDS, Said("ö"), {"a": 1}, "a", b"a"):
        line.connection.push(message)
    assert line.kinds == []
    line.bench.flusher.observer = object()
    line.bench.owner.outbox_sent = lambda opcode, size: None  # type: ignore[attr-defined]
    for message in (FIELDS, Said("ö"), {"a": 1}, "a", b"a"):
        line.connection.push(message)
    assert line.kinds == ["said", "said", None]


def test_nothing_is_sent_once_the_outbox_is_closed(build: Build) -> None:
    """And there is no error, as nobody can know it before."""
    line = Line(build)
    line.bench.outbox.is_open = False
    messages: list[Any] = ["a", b"a", {}]
    assert [line.connection.push(each) for each in messages] == [SendStatus.DROPPED] * 3


def test_both_builds_tell_a_user_the_same() -> None:
    """By `help`, and where an editor shows it."""
    native: Any = ConnectionCore if core is None else core.ConnectionCore
    shown: list[Any] = [native.push, ConnectionCore.push]
    assert len({inspect.getdoc(each) for each in shown}) == 1
    assert [list(inspect.signature(each).parameters) for each in shown] == [["self", "message"]] * 2
