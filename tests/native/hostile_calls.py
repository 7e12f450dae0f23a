"""Calls everything of one build with objects that nobody would give it; a program, as a crash would end it.

    python hostile_calls.py native recipes      what has crashed, or might, one by one
    python hostile_calls.py native random 1000  so many rounds of random calls

It prints what it is about to do, so the last line says what has crashed. Exceptions are what is wanted.
"""

from __future__ import annotations

import random
import signal
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from aiohttp import WSMessage

from aiows._native import core
from aiows._wire import DeflateParams, Inflater, Message
from aiows._wire.parser import Frame
from builds import Build, builds

CALLS: Final = 60  # of one round
LONGEST: Final = (
    1.0  # seconds of the processor for a round: what is awaited is an endless iterator, too
)

DEEP: Final = 100_000  # more than the stack has room for


# what is given


class Text(str):
    __slots__ = ()


class Bytes(bytes):
    __slots__ = ()


class EqualToAll(type):
    """Its classes are found in a dict in the place of others."""

    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return 1


class Impostor(metaclass=EqualToAll):
    """Its ref is a slot of another class, which lies behind the end of its own instances."""

    ref = types.FunctionType.__closure__


class Slotted:
    __slots__ = ("a", "ref")


class Lying:
    """Is, has and returns something else each time."""

    def __init__(self, chance: random.Random, values: list[Any]) -> None:
        self._chance = chance
        self._values = values

    def _any(self) -> Any:
        return self._chance.choice(self._values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._any()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self._any()

    def __iter__(self) -> Iterator[Any]:
        return iter([self._any() for _ in range(3)])

    def __len__(self) -> int:
        return self._chance.choice((0, 1, 2, 10))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and index > 5:
            raise IndexError(index)
        return self._any()

    def __await__(self) -> Iterator[Any]:
        return iter(())


class LyingInflater(Inflater):
    """Inflates to anything."""

    def __init__(self, lying: Lying) -> None:
        super().__init__(DeflateParams())
        self._lying = lying

    def inflate(self, data: bytes, *, final: bool) -> Iterator[Any]:
        return iter(self._lying)


async def ends() -> int:
    return 1


def generator() -> Iterator[int]:
    yield 1


def made(*items: Any) -> Message:
    """A `Message` of so many items, whatever they are."""
    message: Message = tuple.__new__(Message, items)
    return message


MESSAGES: Final = (
    made(),
    made(1),
    made(None, None, None, None),
    made("x", None, None, "z"),
    made(2**70, 1, 1, 2**70),
    Message(1, "a", "", 1),
    Message(2, b"a", "", 1),
    Message(8, 1000, "", 2),
    Message(9, b"a", "", 1),
)

FRAMES: Final[tuple[Any, ...]] = (
    Frame(1, True, False, b"a", 0),
    Frame(1, False, False, None, 0),  # type: ignore[arg-type]
    Frame(1, True, False, b"a", 2**64 - 1),
    Frame(1, False, True, b"a", 2**64 - 1),
    Frame(0, True, False, b"a", 2**64 - 2),
    Frame(300, True, True, b"", 0),
    Frame(1, True, True, b"abc", 5),
)

PREPARED: Final[tuple[Any, ...]] = (
    SimpleNamespace(payload=None, plain=None, frame=None, compress=None, opcode=1),
    SimpleNamespace(payload=b"a", plain=b"", frame=b"", compress=None, opcode=1),
    SimpleNamespace(payload=b"a", plain="a", frame=b"", compress=None, opcode="x"),
)

VALUES: Final[tuple[Any, ...]] = (
    *(None, 0, 1, 2, 8, 9, 255, -1, 2**31, 2**63, 2**70, 1.5, True),
    *("", "a", "é" * 3, "€", "\ud800", Text("x"), "a" * 70_000),
    *(b"", b"a", b"abcd", b"a" * 200, b"a" * 70_000, Bytes(b"xx"), bytearray(b"abc")),
    *(memoryview(b"abc"), (), (1,), (1, 2, 3, 4), [], [None], [b"a", None], {}, {1: "t", 2: "b"}),
    *(object, type, tuple, Message, WSMessage, Slotted, Impostor, generator, ends, print, len),
    *(ValueError("x"), SimpleNamespace(code=1, text=None), SimpleNamespace(type=1, data="a")),
    *MESSAGES,
    *FRAMES,
    *PREPARED,
)

NAMES: Final = (
    *("context", "is_live", "has_waited", "fin", "rsv1", "mask", "inflater", "max_msg_size"),
    *("decode_text", "takes_limit", "require_mask", "allow_rsv1", "is_full"),
)

SPECIAL: Final = ("__next__", "__await__", "__iter__", "__init__", "__getattr__")


class Round:
    """Some objects of a build, and random calls of their methods."""

    def __init__(self, build: Build, seed: int) -> None:
        self._chance = random.Random(seed)
        twins = [getattr(build, each.name) for each in fields(build) if each.name != "name"]
        self._classes = [each for each in twins if isinstance(each, type)]
        self._functions = [each for each in twins if not isinstance(each, type)]
        self._objects: list[Any] = []
        self._objects.extend(well_made(build, self._lying()))

    def run(self) -> None:
        for _ in range(CALLS):
            with suppress(Exception):
                self._chance.choice((self._make, self._call, self._call, self._call, self._set))()

    def _lying(self) -> Lying:
        return Lying(self._chance, [*VALUES, *self._objects[-60:]])

    def _value(self) -> Any:
        chance = self._chance.random()
        if chance < 0.3 and self._objects:
            return self._chance.choice(self._objects)
        if chance < 0.5:
            makers: tuple[Callable[[], Any], ...] = (ends, generator, Context, self._lying)
            return self._chance.choice(makers)()
        return self._chance.choice(VALUES)

    def _values(self, most: int) -> list[Any]:
        return [self._value() for _ in range(self._chance.randrange(most + 1))]

    def _make(self) -> None:
        class_: Any = self._chance.choice(self._classes)
        way = self._chance.randrange(3)
        if way == 0:
            self._objects.append(class_.__new__(class_))
        elif way == 1:
            subclass = type("Sub", (class_,), {"__init__": lambda self, *_, **__: None})
            self._objects.append(subclass())
        else:
            self._objects.append(class_(*self._values(6)))

    def _call(self) -> None:
        if self._chance.random() < 0.1:
            function = self._chance.choice(self._functions)
        else:
            function = getattr(*self._attribute())
        named = {self._chance.choice(NAMES): self._value()} if self._chance.random() < 0.15 else {}
        result = function(*self._values(4), **named)
        if result is not None:
            self._objects.append(result)

    def _set(self) -> None:
        owner, name = self._attribute()
        setattr(owner, name, self._value())

    def _attribute(self) -> tuple[Any, str]:
        owner = self._chance.choice(self._objects)
        if self._chance.random() < 0.05:
            bytes(memoryview(owner))
        names = [each for each in dir(type(owner)) if each[:2] != "__" or each in SPECIAL]
        return owner, self._chance.choice(names)


def well_made(build: Build, lying: Lying) -> Iterator[Any]:
    """One object of each class, as the rest of aiows makes them."""
    loop: Any = SimpleNamespace(
        call_soon=lambda *_, **__: None, is_closed=lambda: False, time=lambda: 1.0
    )
    transport: Any = SimpleNamespace(
        write=lambda data: None, get_write_buffer_size=lambda: 0, is_closing=lambda: False
    )
    flusher, stepper = build.Flusher(loop), build.Stepper(loop)
    hooks = build.ViewHooksCore(WSMessage, {1: "t", 2: "b"})
    receiver = build.ReceiverCore(loop, lambda loop: None, WSMessage, {1: 1, 2: 2})
    pump = build.PumpCore(hooks, None, stepper)
    pump.rest()
    yield from (flusher, stepper, hooks, receiver, receiver.iteration, pump)
    yield build.OutboxCore(transport, flusher, 100, 1000)
    yield build.OutboxCore(transport, flusher, 100, 1000, -1, 10)
    yield build.MessageReader()
    yield build.MessageReader(inflater=LyingInflater(lying))
    yield build.MessageAssembler(inflater=LyingInflater(lying))
    reader = build.MessageReader(require_mask=False)
    yield build.ProtocolCore(reader, flusher, memoryview(bytearray(100)))
    yield build.CallbackHooksCore(lambda *_: None, {1: 1, 2: 2})
    yield build.InContext(ends(), Context())
    yield build.JsonCore(lying)


# what has crashed, or might


def hold_a_short_message(build: Build) -> None:
    receiver = build.ReceiverCore(None, None, WSMessage, {})  # type: ignore[arg-type]
    receiver.hold(made())
    receiver.next()


def offer_a_short_message(build: Build) -> None:
    for hooks in (
        build.ViewHooksCore(WSMessage, {1: "t", 2: "b"}),
        build.CallbackHooksCore(print, {1: "t", 2: "b"}),
    ):
        with suppress(Exception):
            hooks.call(None, None, made())  # type: ignore[arg-type]
    pump = build.PumpCore(build.HooksCore(), None, build.Stepper(None))  # type: ignore[arg-type]
    pump.rest()
    pump.offer(made())


def throw_nothing(build: Build) -> None:
    build.ReceiverCore(None, None, WSMessage, {}).iteration.throw()  # type: ignore[arg-type]


def throw_nothing_in_a_context(build: Build) -> None:
    build.InContext(ends(), Context()).throw()


def hooks_that_were_not_made(build: Build) -> None:
    class View:
        def on_message(self, message: Any) -> None: ...

    hooks = build.ViewHooksCore.__new__(build.ViewHooksCore)
    hooks.call(View(), None, Message(1, "a", "", 1))  # type: ignore[arg-type]


def a_frame_without_payload(build: Build) -> None:
    build.MessageAssembler(inflater=None).add(FRAMES[1])


def a_frame_whose_rest_has_no_end(build: Build) -> None:
    build.MessageAssembler(inflater=None, max_msg_size=0).add(FRAMES[2])


def inflate_to_nothing(build: Build) -> None:
    lying = Lying(random.Random(1), [None])
    build.MessageAssembler(inflater=LyingInflater(lying)).add(Frame(1, True, True, b"a", 0))


def push_what_is_no_message(build: Build) -> None:
    _, *objects = well_made(build, Lying(random.Random(1), [None]))
    for outbox in objects:
        if isinstance(outbox, build.OutboxCore):
            for message in PREPARED:
                for push in (outbox.push_message, outbox.push_shared):
                    with suppress(Exception):
                        push(message)


def the_bytes_of_no_text(build: Build) -> None:
    if core is not None:
        memoryview(core.TextBytes.__new__(core.TextBytes))


def a_slot_of_another_class(build: Build) -> None:
    route = SimpleNamespace(
        is_plain=True,
        call=print,
        needs_instance=False,
        handler=print,
        arguments=("message.ref",),
        kind="a",
    )
    reader = SimpleNamespace(
        read_at_once=lambda data: Impostor(),
        by_type={Impostor: route, Slotted: route},
        codec=SimpleNamespace(opcode=1),
        requested=lambda message, data: 1 / 0,
        read=lambda data: 1 / 0,
    )
    runner = SimpleNamespace(payload_type=Slotted)
    bad_messages = SimpleNamespace(in_a_row={}, refuse=print)
    pipeline: Any = build.Pipeline
    pipeline(reader, runner, bad_messages, WSMessage).handle(None, None, "a", None)


def steps_in_steps(build: Build) -> None:
    nested: Any = iter([])
    for _ in range(DEEP):
        nested = build.InContext(nested, Context())
    calls = (nested.send, nested.throw, lambda *_: nested.close(), lambda *_: nested.name)
    for call in calls:
        with suppress(RecursionError, AttributeError):
            call(ValueError())


def readers_in_readers(build: Build) -> None:
    reader: Any = None
    for _ in range(DEEP):
        inflater: Any = LyingInflater.__new__(LyingInflater)
        inflater._lying = reader
        reader = build.MessageReader(inflater=inflater)
    with suppress(TypeError):
        for _ in range(3 * DEEP):
            reader = build.MessageReader(inflater=reader)


def owners_in_owners(build: Build) -> None:
    pump: Any = None
    receiver: Any = None
    for _ in range(DEEP):
        pump = build.PumpCore(build.HooksCore(), pump, build.Stepper(None))  # type: ignore[arg-type]
        receiver = build.ReceiverCore(receiver, None, WSMessage, {})  # type: ignore[arg-type]


RECIPES: Final = (
    hold_a_short_message,
    offer_a_short_message,
    throw_nothing,
    throw_nothing_in_a_context,
    hooks_that_were_not_made,
    a_frame_without_payload,
    a_frame_whose_rest_has_no_end,
    inflate_to_nothing,
    push_what_is_no_message,
    the_bytes_of_no_text,
    a_slot_of_another_class,
    steps_in_steps,
    readers_in_readers,
    owners_in_owners,
)


def _give_up(*_: object) -> None:
    raise TimeoutError("somebody calls an endless iterator to its end")


def main(name: str, what: str, rounds: str = "0") -> None:
    """Do it with the build ``name``."""
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    (build,) = (each for each in builds() if each.name == name)
    if what == "recipes":
        for recipe in RECIPES:
            print(recipe.__name__, flush=True)
            with suppress(Exception):
                recipe(build)
    signal.signal(signal.SIGVTALRM, _give_up)
    for seed in range(int(rounds)):
        print("round", seed, flush=True)
        signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
        Round(build, seed).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
