"""When messages are handled: in order, at the same time, one per key, or the latest; never too many."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from weakref import WeakSet

import pytest

from aiows import KindDispatcher, KindError, Payload, RegistrationError
from aiows.kinds import Concurrency, Guard, InOrder, KindCall, Latest, Next, OnePerKey, Parallel
from json_client import JsonClient, app_with
from raw_client import BINARY, TEXT, RawClient, build_frame

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Floor:
    """Handlers that wait until they are let go, and a connection to set them to work."""

    def __init__(self, serve: Serve, raw_client: Connect) -> None:
        self._serve = serve
        self._raw_client = raw_client
        self.log: list[str] = []
        self.gates: dict[int, asyncio.Event] = {}
        self.client: JsonClient

    async def enter(
        self, concurrency: Concurrency, work_guards: Sequence[Guard] = (), **options: Any
    ) -> JsonClient:
        kinds = KindDispatcher(**options)

        @kinds.on("work", concurrency=concurrency, guards=work_guards)
        async def work(n: int, room: str = "") -> int:
            self.log.append(f"{n} begins")
            try:
                await self.gate(n).wait()
            except asyncio.CancelledError:
                self.log.append(f"{n} cancelled")
                raise
            self.log.append(f"{n} ends")
            return n

        @kinds.on("confirmed", concurrency=concurrency)
        async def confirmed(ws: Any, n: int, room: str = "") -> Any:
            self.log.append(f"{n} asks")
            return (await ws.ask("confirm", timeout=5))["yes"]

        kinds.on("ping")(lambda: "pong")
        port = await self._serve(app_with(kinds), shutdown_timeout=0.1)
        self.client = JsonClient(await self._raw_client(port))
        return self.client

    def gate(self, n: int) -> asyncio.Event:
        return self.gates.setdefault(n, asyncio.Event())

    def work(self, *numbers: int, **fields: Any) -> None:
        for n in numbers:
            self.client.say("work", n=n, ref=n, **fields)

    async def logged(self, *log: str) -> None:
        """Wait until just this has been written down."""
        async with asyncio.timeout(5):
            while self.log != [*log]:
                await asyncio.sleep(0.001)

    async def stays(self, *log: str) -> None:
        """Make sure that no more is written down, although everything that was sent has been read."""
        await self.client.until_read()
        await asyncio.sleep(0)
        assert self.log == [*log]


@pytest.fixture
def floor(serve: Serve, raw_client: Connect) -> Floor:
    return Floor(serve, raw_client)


async def test_by_default_messages_are_handled_in_order(floor: Floor) -> None:
    """The next one begins when the one before it has ended."""
    client = await floor.enter(InOrder())
    floor.work(1, 2)
    await floor.logged("1 begins")
    await floor.stays("1 begins")
    floor.gate(1).set()
    assert (await client.hear())["result"] == 1
    await floor.logged("1 begins", "1 ends", "2 begins")


async def test_parallel_handles_so_many_at_once(floor: Floor) -> None:
    """One more waits until one of them has ended; answers come as they are ready."""
    client = await floor.enter(Parallel(2))
    floor.work(1, 2, 3)
    await floor.logged("1 begins", "2 begins")
    await floor.stays("1 begins", "2 begins")
    floor.gate(2).set()
    assert (await client.hear())["ref"] == 2
    await floor.logged("1 begins", "2 begins", "2 ends", "3 begins")


async def test_what_overlaps_does_not_hold_up_other_kinds(floor: Floor) -> None:
    """Also while its messages wait for their turn."""
    client = await floor.enter(Parallel(1))
    floor.work(1, 2)
    assert (await client.ask("ping", ref="p"))["result"] == "pong"
    assert floor.log == ["1 begins"]


async def test_one_per_key_is_in_order_for_each_key(floor: Floor) -> None:
    """Messages with other keys go past."""
    client = await floor.enter(OnePerKey("room"))
    floor.work(1, 2, room="a")
    floor.work(3, room="b")
    await floor.logged("1 begins", "3 begins")
    floor.gate(1).set()
    assert (await client.hear())["ref"] == 1
    await floor.logged("1 begins", "3 begins", "1 ends", "2 begins")


async def test_a_key_may_be_computed(floor: Floor) -> None:
    """From the message as it was read."""
    await floor.enter(OnePerKey(lambda message: message.room.lower()))
    floor.work(1, room="a")
    floor.work(2, room="A")
    floor.work(3, room="b")
    await floor.logged("1 begins", "3 begins")


async def test_the_latest_takes_the_place_of_the_one_before(floor: Floor) -> None:
    """That is cancelled and told so; it has ended before the new one begins."""
    client = await floor.enter(Latest())
    floor.work(1)
    await floor.logged("1 begins")
    floor.work(2)
    assert await client.hear() == {
        "kind": "error",
        "ref": 1,
        "error": {
            "code": "superseded",
            "message": "a later message was handled instead of this one",
        },
    }
    await floor.logged("1 begins", "1 cancelled", "2 begins")
    floor.gate(2).set()
    assert (await client.hear())["result"] == 2


async def test_latest_may_be_so_for_each_key(floor: Floor) -> None:
    """Other keys are left alone; without a ref nothing is said of the end."""
    client = await floor.enter(Latest(key="room"))
    floor.client.say("work", n=1, room="a")
    floor.client.say("work", n=2, room="b")
    floor.client.say("work", n=3, room="a")
    await floor.logged("1 begins", "2 begins", "1 cancelled", "3 begins")
    assert (await client.ask("ping", ref="p"))["result"] == "pong"


def refuse_strangers(call: KindCall) -> None:
    if call.payload.room == "strange":
        raise KindError("stranger", "Not here.")


async def refuse_strangers_later(call: KindCall) -> None:
    await asyncio.sleep(0)
    refuse_strangers(call)


@pytest.mark.parametrize("guard", [refuse_strangers, refuse_strangers_later])
async def test_a_message_that_a_guard_refuses_takes_no_place(floor: Floor, guard: Guard) -> None:
    """What runs goes on to its end."""
    client = await floor.enter(Latest(), work_guards=[guard])
    floor.work(1)
    await floor.logged("1 begins")
    floor.work(2, room="strange")
    assert (await client.hear())["error"]["code"] == "stranger"
    floor.gate(1).set()
    assert (await client.hear())["result"] == 1
    assert floor.log == ["1 begins", "1 ends"]


async def test_what_runs_goes_on_while_a_guard_of_the_latest_waits(floor: Floor) -> None:
    """Guards are asked, and middleware is entered, once for each message."""
    asked: list[int] = []
    entered: list[int] = []

    async def wait_with_2(call: KindCall) -> None:
        asked.append(call.payload.n)
        if call.payload.n == 2:
            await floor.gate(20).wait()

    async def around(call: KindCall, next: Next) -> Any:
        entered.append(call.payload.n)
        return await next(call)

    client = await floor.enter(Latest(), work_guards=[wait_with_2], middleware=[around])
    floor.work(1)
    await floor.logged("1 begins")
    floor.work(2)
    await floor.stays("1 begins")
    floor.gate(20).set()
    assert (await client.hear())["error"]["code"] == "superseded"
    await floor.logged("1 begins", "1 cancelled", "2 begins")
    assert asked == entered == [1, 2]


async def test_a_guard_of_the_latest_that_takes_too_long_refuses(floor: Floor) -> None:
    """It has the time of a handler."""

    async def wait_with_2(call: KindCall) -> None:
        if call.payload.n == 2:
            await floor.gate(20).wait()

    client = await floor.enter(Latest(), work_guards=[wait_with_2], timeout=0.2)
    floor.work(1)
    await floor.logged("1 begins")
    floor.gate(1).set()
    assert (await client.hear())["result"] == 1
    floor.work(2)
    assert (await client.hear())["error"]["code"] == "timeout"
    assert floor.log == ["1 begins", "1 ends"]


async def test_the_latest_is_the_one_that_came_last(floor: Floor) -> None:
    """However long the guards of those before it wait: they never begin."""

    async def wait_with_1(call: KindCall) -> None:
        if call.payload.n == 1:
            await floor.gate(10).wait()

    client = await floor.enter(Latest(), work_guards=[wait_with_1])
    floor.work(1, 2)
    refused = await client.hear()
    assert (refused["ref"], refused["error"]["code"]) == (1, "superseded")
    floor.gate(10).set()
    floor.gate(2).set()
    assert (await client.hear())["result"] == 2
    assert floor.log == ["2 begins", "2 ends"]


async def test_a_message_that_waits_for_its_turn_can_be_taken_back(floor: Floor) -> None:
    """It never begins."""
    client = await floor.enter(Parallel(1))
    floor.work(1, 2, 3)
    client.say("cancel", ref=2)
    assert (await client.ask("ping", ref="p"))["result"] == "pong"
    floor.gate(1).set()
    assert (await client.hear())["ref"] == 1
    await floor.logged("1 begins", "1 ends", "3 begins")


async def test_requests_at_work_have_refs_of_their_own(floor: Floor) -> None:
    """One with the ref of another is refused, of whatever kind; once that has ended the ref is free."""
    client = await floor.enter(Parallel(2))
    floor.work(1)
    await floor.logged("1 begins")
    refused = {
        "kind": "error",
        "ref": 1,
        "error": {
            "code": "invalid",
            "message": "ref: expected a ref that no running request has, got 1",
            "details": {
                "field": "ref",
                "expected": "a ref that no running request has",
                "got": "1",
            },
        },
    }
    assert await client.ask("work", n=2, ref=1) == refused
    assert await client.ask("ping", ref=1) == refused
    floor.gate(1).set()
    assert (await client.hear())["result"] == 1
    assert (await client.ask("ping", ref=1))["result"] == "pong"
    assert floor.log == ["1 begins", "1 ends"]


async def test_the_latest_may_have_the_ref_of_the_one_that_it_takes_the_place_of(
    floor: Floor,
) -> None:
    """A search box with one ref gets what it asked for last."""
    client = await floor.enter(Latest())
    floor.gate(2).set()
    client.say("work", n=1, ref="box")
    await floor.logged("1 begins")
    client.say("work", n=2, ref="box")
    assert (await client.hear())["error"]["code"] == "superseded"
    assert await client.hear() == {"kind": "reply", "ref": "box", "result": 2}


async def test_the_ref_of_a_request_that_was_taken_back_is_free(floor: Floor) -> None:
    """At once, although its handler has not ended yet."""
    client = await floor.enter(Parallel(2))
    floor.work(1)
    await floor.logged("1 begins")
    floor.gate(2).set()
    again = build_frame(TEXT, '{"kind":"work","n":2,"ref":1}')
    client.raw.send_raw(build_frame(TEXT, '{"kind":"cancel","ref":1}') + again)
    assert await client.hear() == {"kind": "reply", "ref": 1, "result": 2}


async def test_messages_without_a_ref_have_none_in_common(floor: Floor) -> None:
    """They are nobody's questions."""
    client = await floor.enter(Parallel(2))
    client.say("work", n=1)
    client.say("work", n=2)
    await floor.logged("1 begins", "2 begins")


async def test_one_connection_does_not_wait_for_another(floor: Floor, raw_client: Connect) -> None:
    """Keys and limits are a connection's own."""
    client = await floor.enter(OnePerKey("room"))
    port = client.raw.transport.get_extra_info("peername")[1]
    floor.work(1, room="a")
    await floor.logged("1 begins")
    other = JsonClient(await raw_client(port))
    other.say("work", n=2, room="a")
    await floor.logged("1 begins", "2 begins")


async def test_so_many_handlers_wait_and_no_more(floor: Floor) -> None:
    """Then nothing more is begun, of whatever kind; control frames and cancels are still read."""
    client = await floor.enter(Parallel(100), in_flight=3)
    floor.work(1, 2, 3, 4)
    client.say("ping", ref="p")
    await floor.logged("1 begins", "2 begins", "3 begins")
    await floor.stays("1 begins", "2 begins", "3 begins")
    client.say("cancel", ref=2)
    await floor.logged("1 begins", "2 begins", "3 begins", "2 cancelled", "4 begins")
    floor.gate(1).set()
    assert [(await client.hear())["ref"] for _ in range(2)] == [1, "p"]


async def test_what_waits_for_room_can_be_taken_back(floor: Floor) -> None:
    """It never begins, although it is in no queue any more."""
    client = await floor.enter(Parallel(100), in_flight=1)
    floor.work(1)
    await floor.logged("1 begins")
    floor.work(2)
    client.say("cancel", ref=2)
    await client.until_read()
    floor.gate(1).set()
    assert (await client.hear())["ref"] == 1
    assert (await client.ask("ping", ref=2))["result"] == "pong"
    assert floor.log == ["1 begins", "1 ends"]


async def test_what_was_taken_back_in_vain_is_forgotten_with_the_last_handler(
    floor: Floor,
) -> None:
    """What waited meanwhile was no request, so none can come any more; the ref may be used."""
    client = await floor.enter(Parallel(2))
    floor.work(1)
    await floor.logged("1 begins")
    in_vain = build_frame(BINARY, b"no kind") + build_frame(TEXT, '{"kind":"cancel","ref":9}')
    client.raw.send_raw(in_vain)
    await client.until_read()
    floor.gate(1).set()
    assert (await client.hear())["ref"] == 1
    assert (await client.ask("ping", ref=9))["result"] == "pong"


async def test_a_peer_that_sends_on_feels_it(floor: Floor) -> None:
    """Reading pauses: what it sends stays in its own kernel and in ours."""
    client = await floor.enter(Parallel(100), in_flight=1)
    floor.work(1)
    await floor.logged("1 begins")
    async with asyncio.timeout(5):
        while client.raw.transport.get_write_buffer_size() < 1_000_000:
            client.say("work", n=2, ref=2, room="x" * 100_000)
            await asyncio.sleep(0)
    assert floor.log == ["1 begins"]


async def test_who_waits_for_the_peer_is_not_counted(floor: Floor) -> None:
    """Or a peer whose answers wait behind its own messages would wait for itself."""
    client = await floor.enter(Parallel(100), in_flight=1)
    for n in (1, 2):
        client.say("confirmed", n=n, ref=n)
    refs = [(await client.hear())["ref"] for _ in range(2)]
    floor.work(3)
    await floor.logged("1 asks", "2 asks", "3 begins")
    client.say("confirmed", n=4, ref=4)
    client.say("reply", ref=refs[1], yes=2)
    assert (await client.hear())["result"] == 2
    assert floor.log == ["1 asks", "2 asks", "3 begins"]


async def test_streams_run_beside_each_other(serve: Serve, raw_client: Connect) -> None:
    """Each item has the ref of its request."""
    kinds = KindDispatcher()
    both = asyncio.Barrier(2)

    @kinds.on("count", concurrency=Parallel(2))
    async def count(start: int) -> AsyncIterator[int]:
        for n in (start, start + 1):
            await both.wait()
            yield n

    client = JsonClient(await raw_client(await serve(app_with(kinds), shutdown_timeout=0.1)))
    client.say("count", start=10, ref="a")
    client.say("count", start=20, ref="b")
    heard = [await client.hear() for _ in range(6)]
    for ref, start in (("a", 10), ("b", 20)):
        own = [each for each in heard if each["ref"] == ref]
        assert [each.get("result") for each in own] == [start, start + 1, None]
        assert own[-1]["kind"] == "end"


async def test_a_handler_whose_own_work_is_cancelled_has_failed(
    serve: Serve, raw_client: Connect
) -> None:
    """Whoever asked is not left waiting."""
    kinds = KindDispatcher()

    @kinds.on("work", concurrency=Parallel(2))
    async def work() -> None:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.cancel)
        await future

    client = JsonClient(await raw_client(await serve(app_with(kinds))))
    assert (await client.ask("work", ref=1))["error"]["code"] == "internal"


async def test_nothing_is_kept_of_a_key_that_is_not_in_use(floor: Floor) -> None:
    """A peer that thinks up new ones for ever fills no memory."""
    kept: WeakSet[Key] = WeakSet()

    def key_of(message: Any) -> Key:
        kept.add(key := Key())
        return key

    client = await floor.enter(OnePerKey(key_of))
    floor.work(1, 2)
    await floor.logged("1 begins", "2 begins")
    assert len(kept) == 2
    for n in (1, 2):
        floor.gate(n).set()
        await client.hear()
    gc.collect()
    assert len(kept) == 0


class Key:
    """Is equal to itself alone."""


async def test_a_key_that_cannot_be_one_is_the_handlers_failure(floor: Floor) -> None:
    """The peer gets an answer, the log has the reason, the connection lives."""
    client = await floor.enter(OnePerKey(lambda message: [message.room]))
    floor.work(1)
    assert (await client.hear())["error"]["code"] == "internal"
    assert (await client.ask("ping", ref="p"))["result"] == "pong"


class Move(Payload, kind="move"):
    piece: str


@pytest.mark.parametrize("concurrency", [OnePerKey("colour"), Latest("colour")])
def test_a_key_that_is_no_field_is_an_error_at_registration(concurrency: Any) -> None:
    """Not at the first message."""
    kinds = KindDispatcher()

    async def by_field(piece: str) -> None: ...

    async def by_payload(move: Move) -> None: ...

    with pytest.raises(RegistrationError, match="'colour'"):
        kinds.on("move", concurrency=concurrency)(by_field)
    with pytest.raises(RegistrationError, match="'colour'"):
        kinds.on(Move, concurrency=concurrency)(by_payload)
    kinds.on(Move, concurrency=type(concurrency)("piece"))(by_payload)
