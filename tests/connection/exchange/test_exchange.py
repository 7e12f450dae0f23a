"""Any interleaving of requests from both sides: each finds its own answer, and nothing is left behind.

Hypothesis drives a view over `memory_network`: the client sends requests of kinds that overlap in every
way, takes some back and answers what it is asked in any order; the server asks from handlers and from
outside. Every answer says what its question was, so a mix-up is seen at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import hypothesis.strategies as st
from aiohttp import web
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aiows import AskRefused, Connection, KindDispatcher, WebSocketResponse, WebSocketView
from aiows.kinds import Concurrency, InOrder, Latest, OnePerKey, Parallel
from memory_network import MemoryClient, SteppedLoop
from raw_client import CLOSE, TEXT, close_payload

KINDS: Final[dict[str, Concurrency]] = {
    "ordered": InOrder(),
    "parallel": Parallel(2),
    "keyed": OnePerKey("key"),
    "latest": Latest(),
}
# What a handler does: returns, waits for its gate, asks the client, streams with a gate in the midst.
DEEDS: Final = st.sampled_from(["return", "wait", "ask", "stream"])
IN_FLIGHT: Final = 3


class World:
    """A server with its one connection, and what the client knows of it."""

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.ws: Connection | None = None
        self.gates: dict[int, asyncio.Future[None]] = {}
        self.at_work = 0
        self.asked_outside: list[asyncio.Task[None]] = []
        self.outstanding: dict[int, str] = {}  # requests without an answer, with their kinds
        self.taken_back: set[int] = set()
        self.questions: dict[str, int] = {}  # refs of the server's, with what they are about
        self.read = 0
        self.client: MemoryClient
        world, kinds = self, self.make_kinds()

        async def loop(request: web.Request) -> web.StreamResponse:
            ws: WebSocketResponse[Any] = WebSocketResponse()
            await ws.prepare(request)
            self.ws = ws.connection
            async for msg in ws:
                await kinds.dispatch(ws, msg)
            return ws

        class View(WebSocketView):
            routers = (kinds,)
            in_flight = IN_FLIGHT

            def on_open(self) -> None:
                world.ws = self.ws

        app = web.Application()
        app.router.add_get("/loop", loop)
        app.router.add_view("/view", View)
        self.runner = web.AppRunner(app, access_log=None)
        self.loop.run(self.runner.setup)

    def make_kinds(self) -> KindDispatcher:
        kinds = KindDispatcher(in_flight=IN_FLIGHT)
        for name, concurrency in KINDS.items():
            kinds.on(name, concurrency=concurrency)(self.handle)
            kinds.on(f"{name}.stream", concurrency=concurrency)(self.stream)
        return kinds

    async def handle(self, ws: Any, n: int, deed: str, key: int) -> dict[str, int]:
        self.at_work += 1
        try:
            if deed == "wait":
                await self.gate(n)
            if deed == "ask":
                await self.ask(ws, n)
            return {"n": n}
        finally:
            self.at_work -= 1

    async def stream(self, n: int, key: int) -> AsyncIterator[dict[str, int]]:
        self.at_work += 1
        try:
            yield {"n": n}
            await self.gate(n)
            yield {"n": n}
        finally:
            self.at_work -= 1

    async def gate(self, n: int) -> None:
        self.gates[n] = self.loop.create_future()
        try:
            await self.gates[n]
        finally:
            del self.gates[n]

    async def ask(self, ws: Any, n: int) -> None:
        try:
            assert await ws.ask("question", {"about": n}, timeout=None) == {"about": n}
        except AskRefused as refused:
            assert refused.code == str(n)  # noqa: PT017

    def open_gate(self, n: int) -> None:
        def open_it() -> None:
            if n in self.gates and not self.gates[n].done():
                self.gates[n].set_result(None)

        self.loop.run(open_it)
        self.hear()

    # the client's side

    def connect(self, path: str) -> None:
        def connect() -> None:
            assert self.runner.server is not None
            self.client = MemoryClient(self.loop, self.runner.server, 1000)
            self.client.upgrade(path)

        self.loop.run(connect)

    def say(self, **message: Any) -> None:
        self.loop.run(lambda: self.client.send(TEXT, json.dumps(message)))
        self.hear()

    def hear(self) -> None:
        """Take in what the server has said, and object to what it may not say."""
        frames = self.client.frames()
        for frame in frames[self.read :]:
            if frame.opcode == TEXT:
                self.take(json.loads(frame.payload))
        self.read = len(frames)

    def take(self, message: dict[str, Any]) -> None:
        kind, ref = message["kind"], message["ref"]
        if kind == "question":
            assert ref not in self.questions
            self.questions[ref] = message["about"]
        elif kind == "cancel":
            del self.questions[ref]
        elif kind == "item":
            assert message["n"] == ref
            assert ref in self.outstanding
            assert ref not in self.taken_back
        else:
            self.take_answer(message)

    def take_answer(self, message: dict[str, Any]) -> None:
        ref = message["ref"]
        assert ref not in self.taken_back
        kind = self.outstanding.pop(ref)
        if message["kind"] == "error":
            assert message["error"]["code"] == "superseded"
            assert kind.startswith("latest")
        elif message["kind"] == "reply":
            assert message["n"] == ref
        else:
            assert message["kind"] == "end"


class Interleavings(RuleBasedStateMachine):
    """What either side may do next."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.count = 0

    @initialize(path=st.sampled_from(["/loop", "/view"]))
    def connect(self, path: str) -> None:
        self.world.connect(path)

    @rule(kind=st.sampled_from(sorted(KINDS)), deed=DEEDS, key=st.integers(0, 1))
    def request(self, kind: str, deed: str, key: int) -> None:
        self.count += 1
        name = f"{kind}.stream" if deed == "stream" else kind
        self.world.outstanding[self.count] = name
        self.world.say(kind=name, n=self.count, deed=deed, key=key, ref=self.count)

    @precondition(lambda self: self.world.outstanding)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(sorted(self.world.outstanding)))
        del self.world.outstanding[ref]
        self.world.taken_back.add(ref)
        self.world.say(kind="cancel", ref=ref)

    @precondition(lambda self: self.world.gates)
    @rule(data=st.data())
    def open_gate(self, data: st.DataObject) -> None:
        self.world.open_gate(data.draw(st.sampled_from(sorted(self.world.gates))))

    @precondition(lambda self: self.world.questions)
    @rule(data=st.data(), refuses=st.booleans(), is_repeated=st.booleans())
    def answer(self, data: st.DataObject, refuses: bool, is_repeated: bool) -> None:
        ref = data.draw(st.sampled_from(sorted(self.world.questions)))
        about = self.world.questions.pop(ref)
        answer: dict[str, Any] = {"kind": "reply", "ref": ref, "about": about}
        if refuses:
            answer = {"kind": "error", "ref": ref, "error": {"code": str(about)}}
        for _ in range(1 + is_repeated):
            self.world.say(**answer)

    @rule(is_impatient=st.booleans())
    def ask_from_outside(self, is_impatient: bool) -> None:
        self.count += 1
        world, n = self.world, -self.count

        def ask() -> None:
            task = asyncio.create_task(world.ask(world.ws, n))
            world.asked_outside.append(task)

        world.loop.run(ask)
        if is_impatient:
            world.loop.run(world.asked_outside.pop().cancel)
        world.hear()

    @rule()
    def take_back_nothing(self) -> None:
        self.world.say(kind="cancel", ref=10_000)

    @invariant()
    def never_too_many_are_at_work(self) -> None:
        in_handlers = sum(about > 0 for about in self.world.questions.values())
        assert self.world.at_work <= IN_FLIGHT + in_handlers + 1

    def teardown(self) -> None:
        if self.world.ws is None:
            return
        try:
            self.everything_is_answered()
            self.nothing_is_left()
        finally:
            self.world.loop.close()

    def everything_is_answered(self) -> None:
        world = self.world
        while world.gates or world.questions:
            for n in [*world.gates]:
                world.open_gate(n)
            while world.questions:
                ref, about = world.questions.popitem()
                world.say(kind="reply", ref=ref, about=about)
        assert world.outstanding == {}
        assert world.at_work == 0
        for task in world.asked_outside:
            assert task.done()
            task.result()

    def nothing_is_left(self) -> None:
        world = self.world
        world.loop.run(lambda: world.client.send(CLOSE, close_payload(1000)))
        world.loop.run(world.runner.cleanup)
        assert asyncio.all_tasks(world.loop) == set()


def test_whatever_happens_each_question_has_its_own_answer() -> None:
    """Thousands of steps."""
    run_state_machine_as_test(
        Interleavings,
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
