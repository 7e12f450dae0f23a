"""How a message comes to a callback, a view's hook or the handler of its kind, in both builds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from aiows._wire import Message, Opcode
from aiows.codecs import JSON, MSGPACK
from builds import Build
from wire.streams import binary, text

TYPES = {1: "TEXT", 2: "BINARY"}


class Given(NamedTuple):
    type: Any
    data: Any
    extra: Any


class View:
    """Keeps what its hook was called with."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def on_message(self, msg: Any) -> str:
        self.messages.append(msg)
        return "returned"


class Kinds:
    """What `KindDispatcher` is to hooks: pipelines by codec, made when they are asked for."""

    def __init__(self, build: Build) -> None:
        self._pipelines: dict[Any, Any] = {}
        self.made: list[Any] = []
        self.handled: list[Any] = []
        self._build = build

    def pipeline(self, codec: Any) -> Any:
        if codec not in self._pipelines:
            self.made.append(codec)
            self._pipelines[codec] = self._pipeline(codec)
        return self._pipelines[codec]

    def _pipeline(self, codec: Any) -> Any:
        reader = SimpleNamespace(
            codec=codec,
            read_at_once=None,
            largest_at_once=0,
            by_type={},
            requested=self._read,
            read=lambda data: data,
        )
        runner = SimpleNamespace(payload_type=View, run=self._run)
        return self._build.Pipeline(reader, runner, SimpleNamespace(in_a_row={}), Given)  # type: ignore[arg-type]

    def _read(self, message: Any, data: Any) -> Any:
        return data

    def _run(self, ws: Any, request: Any, instance: Any, codec: Any) -> str:
        self.handled.append((ws, request, instance))
        return "handled"


IT: Any = "it"


def connection_of(build: Build, codec: Any) -> Any:
    connection: Any = build.ConnectionCore()
    connection.codec = codec
    loop: Any = SimpleNamespace(call_soon=None, is_closed=None)
    connection._protocol = build.ProtocolCore(
        build.MessageReader(), build.Flusher(loop), memoryview(bytearray(1))
    )
    return connection


def test_a_callback_gets_the_connection_the_data_and_the_type(build: Build) -> None:
    """And what it returns is returned; where there is none nothing happens."""
    hooks = build.CallbackHooksCore(lambda *arguments: arguments, TYPES)
    assert hooks.call(None, IT, text("1")) == (IT, "1", "TEXT")
    assert hooks.call(None, IT, binary(b"2")) == (IT, b"2", "BINARY")
    assert build.CallbackHooksCore(None, TYPES).call(None, IT, text("1")) is None


def test_a_view_gets_a_message_in_its_form(build: Build) -> None:
    """By the method that it has then, as a subclass or an instance may have another one."""
    view, hooks = View(), build.ViewHooksCore(Given, TYPES)
    assert hooks.call(view, IT, text("1")) == "returned"
    assert hooks.call(view, IT, binary(b"2")) == "returned"
    assert view.messages == [Given("TEXT", "1", ""), Given("BINARY", b"2", "")]
    view.on_message = lambda msg: "its own"  # type: ignore[method-assign]
    assert hooks.call(view, IT, text("1")) == "its own"


@pytest.mark.parametrize(("codec", "message"), [(JSON, text("{}")), (MSGPACK, binary(b"\x80"))])
def test_a_message_of_the_codec_s_type_goes_to_its_kind(
    build: Build, codec: Any, message: Message
) -> None:
    """With the view as the instance; the view itself gets the others."""
    kinds, view, connection = Kinds(build), View(), connection_of(build, codec)
    hooks = build.KindHooksCore(kinds, Given, TYPES)  # type: ignore[arg-type]
    other = binary(b"other") if message.opcode == Opcode.TEXT else text("other")
    for _ in range(2):
        assert hooks.call(view, connection, message) == "handled"
    assert hooks.call(view, connection, other) == "returned"
    assert kinds.handled == [(connection, message.data, view)] * 2
    assert [msg.data for msg in view.messages] == [other.data]
    assert kinds.made == [codec]
    kinds._pipelines.clear()  # as when a handler is added
    assert hooks.call(view, connection, message) == "handled"
    assert kinds.made == [codec, codec]


def test_text_that_was_left_as_bytes_for_kinds_is_text_for_the_view(build: Build) -> None:
    """A hook of the view never knows that kinds are read from bytes."""
    view = View()
    hooks = build.KindHooksCore(Kinds(build), Given, TYPES)  # type: ignore[arg-type]
    assert hooks.call(
        view, connection_of(build, MSGPACK), Message(Opcode.TEXT, "ö".encode(), "", 2)
    )
    assert view.messages == [Given("TEXT", "ö", "")]


def test_what_could_corrupt_memory_is_refused(build: Build) -> None:
    """The native ones make tuples without a detour through Python."""
    with pytest.raises((TypeError, AttributeError)):
        build.ViewHooksCore(Given, TYPES).call(View(), IT, (1, "a"))  # type: ignore[arg-type]
    with pytest.raises((TypeError, AttributeError)):
        build.CallbackHooksCore(print, TYPES).call(None, IT, ())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        build.ViewHooksCore(object, TYPES).call(View(), IT, text("1"))  # type: ignore[arg-type]
