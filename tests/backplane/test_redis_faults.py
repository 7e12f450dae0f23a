"""What a node does when Redis goes, comes back, is slow or says no; all against real servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hiredis
import pytest

from aiows.backplane import Claim, Keep, Page
from aiows.backplane.redis import RedisBackplane, commands, connection, dialing
from aiows.backplane.redis import node as redis_node
from aiows.backplane.redis.commands import Commands
from aiows.backplane.redis.dialing import Dialed, Dialer
from aiows.backplane.redis.node import RedisNode
from aiows.connection import PreparedMessage
from aiows.errors import BackplaneBusy, BackplaneDown, BackplaneRefused
from eventually import eventually
from recording_ear import RecordingEar
from redis_server import NEEDS_REDIS, RedisServer, has_redis

pytestmark = pytest.mark.skipif(not has_redis(), reason=NEEDS_REDIS)

KEEP = Keep(size=100, seconds=3600)

Join = Callable[..., Awaitable[tuple[RedisNode, RecordingEar]]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server to be harmed."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def join(server: RedisServer) -> AsyncIterator[Join]:
    nodes: list[RedisNode] = []

    async def join(*topics: str, query: str = "", **options: Any) -> tuple[RedisNode, RecordingEar]:
        ear = RecordingEar()
        node = await RedisBackplane(server.url + query, **options).start(ear)
        nodes.append(node)
        confirmation = node.subscribe(topics)
        assert confirmation is not None
        await confirmation
        return node, ear

    yield join
    for node in nodes:
        await node.stop()


async def is_down(node: RedisNode) -> None:
    """Wait until the node has noticed: then it publishes nothing more."""
    async with asyncio.timeout(10):
        while True:
            published = node.publish("room", PreparedMessage(b"gone"))
            assert published is not None
            try:
                await published
            except BackplaneDown:
                return


def payloads(page: Page) -> list[bytes]:
    return [b"" if message is None else message.payload for _, message in page.entries]


@pytest.mark.parametrize("kind", ["normal", "pubsub"])
async def test_a_lost_connection_is_made_again(server: RedisServer, join: Join, kind: str) -> None:
    """All subscriptions are in force again before the loss is told, and the position stays as it is."""
    node, ear = await join("room", "hall")
    other, _ = await join()
    before = await node.append("room", PreparedMessage(b"1"), KEEP)
    server.cli("CLIENT", "KILL", "TYPE", kind)
    await eventually(lambda: ear.losses)
    loss = ear.losses[0]
    assert loss is not None
    assert loss.since < loss.until
    await eventually(lambda: _publishes(other, "hall", b"2") and ("hall", b"2") in ear.arrived)
    assert await node.append("room", PreparedMessage(b"3"), KEEP) == (
        before.epoch,
        before.offset + 1,
    )
    assert len(ear.losses) == 1


def _publishes(node: RedisNode, topic: str, data: bytes) -> bool:
    """Publish; whether it fails does not matter here."""
    confirmation = node.publish(topic, PreparedMessage(data))
    assert confirmation is not None
    confirmation.add_done_callback(lambda future: future.exception())
    return True


async def test_while_it_is_away_plain_messages_fail_at_once_and_others_wait(
    server: RedisServer, join: Join
) -> None:
    """What is appended, read, claimed and subscribed to meanwhile is done when it is back, in order."""
    node, ear = await join(patience=30.0)
    server.kill()
    await is_down(node)
    subscribed = node.subscribe(["room"])
    appended = [node.append("room", PreparedMessage(data), KEEP) for data in (b"1", b"2")]
    claimed = node.claim("key", 60)
    server.start()
    assert [position.offset for position in await asyncio.gather(*appended)] == [1, 2]
    assert (await claimed).is_new
    assert subscribed is not None
    await subscribed
    await eventually(lambda: [data for *_, data in ear.logged] == [b"1", b"2"])


async def test_patience_ends(server: RedisServer, join: Join) -> None:
    """An append, a read and a subscription then fail; the subscription is made all the same."""
    node, ear = await join(patience=1.0)
    server.kill()
    waiting: list[Any] = [node.append("room", PreparedMessage(b"1"), KEEP), node.read("room", 0)]
    waiting.append(node.subscribe(["room"]))
    for outcome in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(outcome, BackplaneDown)
    server.start()
    await eventually(lambda: ear.losses)
    other, _ = await join()
    await other.append("room", PreparedMessage(b"2"), KEEP)
    await eventually(lambda: [data for *_, data in ear.logged] == [b"2"])


async def test_a_server_that_says_nothing_counts_as_lost(
    server: RedisServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network may be gone, and nobody closes the connection."""
    monkeypatch.setattr(redis_node, "PING", 0.05)
    monkeypatch.setattr(redis_node, "SILENCE", 0.5)
    node, ear = await join("room")
    server.freeze()
    await is_down(node)
    server.thaw()
    await eventually(lambda: ear.losses)
    assert (await node.append("room", PreparedMessage(b"1"), KEEP)).offset == 1


@pytest.mark.parametrize("topics", [["room"], []])
@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_server_that_is_alive_is_never_dropped(
    server: RedisServer,
    join: Join,
    monkeypatch: pytest.MonkeyPatch,
    protocol: int,
    topics: list[str],
) -> None:
    """Both connections are asked for signs of life, and have them, in whatever form."""
    monkeypatch.setattr(redis_node, "PING", 0.01)
    node, ear = await join(*topics, query=f"?protocol={protocol}")
    before = _calls(server, "ping")
    await eventually(lambda: _calls(server, "ping") > before + 10)
    assert ear.losses == []
    assert (await node.append("room", PreparedMessage(b"1"), KEEP)).offset == 1


def _calls(server: RedisServer, command: str) -> int:
    line = server.cli("INFO", "commandstats").partition(f"cmdstat_{command}:calls=")[2]
    return int(line.partition(",")[0] or "0")


async def test_when_one_connection_is_lost_the_other_says_nothing_more(join: Join) -> None:
    """Its replies would be to commands that the next connection repeats."""
    node, ear = await join("room")
    subscriptions, commands_ = (each.connection for each in node._dialed)
    appended = node.append("room", PreparedMessage(b"1"), KEEP)
    subscriptions.drop()
    commands_.data_received(b"*2\r\n$1\r\ne\r\n:9\r\n")
    assert (await appended).offset == 1
    await eventually(lambda: ear.losses)


async def test_a_connection_that_is_lost_before_it_is_used_is_made_again(
    server: RedisServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise commands would wait for a server that is long gone."""
    dial = Dialer.commands

    async def dial_and_lose(self: Dialer, on_lost: Callable[[], None]) -> Dialed:
        monkeypatch.setattr(Dialer, "commands", dial)
        dialed = await dial(self, on_lost)
        server.cli("CLIENT", "KILL", "TYPE", "normal")
        await eventually(lambda: dialed.connection._is_lost)
        return dialed

    monkeypatch.setattr(Dialer, "commands", dial_and_lose)
    node, ear = await join("room")
    assert (await node.claim("key", 60)).is_new
    assert ear.losses == []


async def test_a_cancellation_that_gets_lost_does_not_keep_a_node_from_leaving(
    server: RedisServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Python 3.12 `asyncio.wait_for` may swallow one, while redis-py connects."""
    dial = Dialer.subscriptions
    is_dialing = asyncio.Event()

    async def swallow(self: Dialer, on_lost: Callable[[], None]) -> Dialed:
        is_dialing.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return await dial(self, on_lost)

    node, _ = await join("room")
    monkeypatch.setattr(Dialer, "subscriptions", swallow)
    server.cli("CLIENT", "KILL", "TYPE", "pubsub")
    await is_dialing.wait()
    monkeypatch.setattr(Dialer, "subscriptions", dial)
    async with asyncio.timeout(10):
        await node.stop()


async def test_a_replica_is_not_taken_for_the_master(server: RedisServer, join: Join) -> None:
    """It may be the master of before; it becomes one again, or a Sentinel names another."""
    node, ear = await join("room", patience=1.0)
    server.cli("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(BackplaneDown):
        await node.append("room", PreparedMessage(b"1"), KEEP)
    assert ear.losses == []
    with pytest.raises(BackplaneDown, match="is a replica"):
        await join(patience=2.0)
    server.cli("REPLICAOF", "NO", "ONE")
    await eventually(lambda: ear.losses)
    assert (await node.append("room", PreparedMessage(b"2"), KEEP)).offset == 1


async def test_connections_that_do_not_last_are_made_less_and_less_often(
    server: RedisServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the scripts are never there; each loss is told to people."""
    node, ear = await join("room", patience=1.0)
    monkeypatch.setattr(dialing, "SCRIPTS", ())
    server.cli("SCRIPT", "FLUSH")
    with pytest.raises(BackplaneDown):
        await node.append("room", PreparedMessage(b"1"), KEEP)
    assert 0 < len(ear.losses) < 15


async def test_what_was_never_sent_is_not_looked_for(server: RedisServer, join: Join) -> None:
    """To look for a message in a long log takes long; attempts in vain have sent nothing."""
    node, _ = await join("room", patience=30.0)
    server.kill()
    await is_down(node)
    appended = [node.append("room", PreparedMessage(b"1"), KEEP) for _ in range(10)]
    await asyncio.sleep(0.3)  # some attempts
    server.start()
    await asyncio.gather(*appended)
    assert _calls(server, "xrevrange") == 1  # the first of a new log


async def test_subscriptions_that_wait_in_vain_are_not_kept(
    server: RedisServer, join: Join
) -> None:
    """People come and go while Redis is away for days."""
    node, _ = await join("room", patience=0.05)
    server.kill()
    await is_down(node)
    for number in range(3):
        subscribed = node.subscribe([f"user:{number}"])
        assert subscribed is not None
        with pytest.raises(BackplaneDown):
            await subscribed
    assert not node._subscriptions._waiting


async def test_what_answers_nothing_is_left(join: Join) -> None:
    """With RESP3 a server may say something by itself."""
    node, _ = await join("room")
    appended = node.append("room", PreparedMessage(b"1"), KEEP)
    for dialed in node._dialed:
        dialed.connection.data_received(b">2\r\n+MOVING\r\n:1\r\n")
    assert (await appended).offset == 1


async def test_an_append_whose_answer_was_lost_is_not_kept_twice(
    server: RedisServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent again, and found: also among more messages than are looked at in one go."""
    node, ear = await join("room")
    for _ in range(50):
        await node.append("room", PreparedMessage(b"before"), KEEP)
    _lose_the_next_reply(monkeypatch)
    first = node.append("room", PreparedMessage(b"once"), KEEP)
    for _ in range(40):
        node.append("room", PreparedMessage(b"after"), KEEP)
    position = await first
    page = await node.read("room", -1)
    assert payloads(page) == [b"before"] * 50 + [b"once"] + [b"after"] * 40
    assert position.offset == 51
    assert ear.losses != []


async def test_a_claim_whose_answer_was_lost_is_still_its_own(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise nobody would handle the request."""
    node, _ = await join()
    _lose_the_next_reply(monkeypatch)
    assert (await node.claim("key", 60)).is_new
    assert await node.claim("key", 60) == Claim(is_new=False)


def _lose_the_next_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks when the reply has left the server."""
    replied = Commands.replied

    def lose(self: Commands, reply: Any) -> None:
        monkeypatch.setattr(Commands, "replied", replied)
        assert self._connection is not None
        self._connection.drop()

    monkeypatch.setattr(Commands, "replied", lose)


async def test_scripts_that_were_forgotten_are_loaded_again(
    server: RedisServer, join: Join
) -> None:
    """An administrator may have flushed them; the order of appends stays."""
    node, _ = await join()
    server.cli("SCRIPT", "FLUSH")
    appended = [
        node.append("room", PreparedMessage(str(number).encode()), KEEP) for number in range(20)
    ]
    positions = await asyncio.gather(*appended)
    assert [offset for _, offset in positions] == list(range(1, 21))


async def test_a_restart_begins_another_epoch(server: RedisServer, join: Join) -> None:
    """A server that kept nothing counts from the beginning, and nobody takes its numbers for the old ones."""
    node, ear = await join()
    before = await node.append("room", PreparedMessage(b"1"), KEEP)
    server.kill()
    server.start()
    await eventually(lambda: ear.losses)
    after = await node.append("room", PreparedMessage(b"1"), KEEP)
    assert after.offset == before.offset == 1
    assert after.epoch != before.epoch


async def test_a_restart_with_files_keeps_the_messages(tmp_path: Path) -> None:
    """But the epoch ends, as nobody can tell whether its file has all of them."""
    server = RedisServer(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    server.start()
    ear = RecordingEar()
    node = await RedisBackplane(server.url).start(ear)
    before = await node.append("room", PreparedMessage(b"1"), KEEP)
    server.kill()
    server.start()
    await eventually(lambda: ear.losses)
    page = await node.read("room", -1)
    assert payloads(page) == [b"1"]
    assert page.position.offset == before.offset
    assert page.position.epoch != before.epoch
    assert (await node.append("room", PreparedMessage(b"2"), KEEP)) == (page.position.epoch, 2)
    await node.stop()
    server.kill()


async def test_messages_that_are_too_old_are_not_read(join: Join) -> None:
    """Redis drops the whole log when its last message is too old; a read, each that is."""
    node, _ = await join()
    await node.append("room", PreparedMessage(b"old"), Keep(size=100, seconds=0.05))
    await node.append("hall", PreparedMessage(b"old"), KEEP)
    await asyncio.sleep(0.1)
    position = await node.append("room", PreparedMessage(b"new"), Keep(size=100, seconds=0.05))
    assert position.offset == 2
    page = await node.read("room", -1)
    assert b"old" not in payloads(page)
    assert len((await node.read("hall", -1)).entries) == 1


async def test_a_limit_does_not_count_what_is_too_old(server: RedisServer, join: Join) -> None:
    """What is still kept is read, however much before it is not."""
    node, _ = await join()
    for number in range(1, 6):
        entry = ("d", "{}", "n", "name", "t", "0" if number != 4 else str(10**15))
        server.cli("XADD", "aiows:{room}:s", f"{number}-0", *entry)
    await node.append("room", PreparedMessage(b"6"), KEEP)
    for read in (node.read("room", 0, 2), node.read_last("room", 6)):
        assert [offset for offset, _ in (await read).entries] == [4, 6]


@pytest.mark.parametrize("seconds", [float("inf"), 1e17])
async def test_a_log_may_be_kept_for_ever(join: Join, seconds: float) -> None:
    """Redis has no number for it."""
    node, _ = await join()
    await node.append("room", PreparedMessage(b"1"), Keep(size=1, seconds=seconds))
    assert payloads(await node.read("room", 0)) == [b"1"]


async def test_what_waits_is_bounded(
    server: RedisServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs does not fill this node's memory; when it goes on, so does the node."""
    monkeypatch.setattr(commands, "MAX_WAITING", 16_000)
    node, _ = await join(patience=30.0)
    server.freeze()
    taken = [node.publish("room", PreparedMessage(bytes(4000))) for _ in range(3)]
    taken.append(node.append("room", PreparedMessage(bytes(4000)), KEEP))  # type: ignore[arg-type]
    for refused in (
        node.publish("room", PreparedMessage(b"")),
        node.append("room", PreparedMessage(b""), KEEP),
    ):
        assert refused is not None
        with pytest.raises(BackplaneBusy):
            await refused
    server.thaw()
    for each in taken:
        assert each is not None
        await each
    assert (await node.append("room", PreparedMessage(b""), KEEP)).offset == 2


async def test_an_error_of_the_server_is_that_of_its_command(
    server: RedisServer, join: Join
) -> None:
    """A server that is full refuses to append, and goes on for all else."""
    node, ear = await join("room")
    server.cli("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(BackplaneRefused, match="OOM"):
        await node.append("room", PreparedMessage(b"1"), KEEP)
    server.cli("CONFIG", "SET", "maxmemory", "0")
    assert (await node.append("room", PreparedMessage(b"1"), KEEP)).offset == 1
    assert ear.losses == []


async def test_a_channel_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    """The confirmation of each subscription says so; the others are in force, on the next connection, too."""
    server = RedisServer(tmp_path)
    server.start()
    server.cli("ACL", "SETUSER", "default", "resetchannels", "&aiows:{mine*")
    ear = RecordingEar()
    node = await RedisBackplane(server.url).start(ear)
    mine = node.subscribe(["mine"])
    await asyncio.sleep(0)
    theirs = node.subscribe(["theirs"])
    assert mine is not None
    assert theirs is not None
    await mine
    with pytest.raises(BackplaneRefused, match="NOPERM"):
        await theirs
    server.cli("PUBLISH", "aiows:{mine}", "{}")
    await eventually(lambda: ear.arrived == [("mine", b"{}")])
    server.cli("CLIENT", "KILL", "TYPE", "pubsub")
    await eventually(lambda: ear.losses)
    server.cli("PUBLISH", "aiows:{mine}", "{}")
    await eventually(lambda: len(ear.arrived) == 2)
    await node.stop()
    server.kill()


async def test_bytes_of_strangers_do_no_harm(
    server: RedisServer, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    """What is no message is dropped, each with a line that says so; an object is one."""
    _, ear = await join("room")
    hostile = ("Lnothing", "Lepoch:-1:x", "L:::", f"Le:{'9' * 5000}:x", "", "{", "anything")
    for text in (*hostile, "{}"):
        server.cli("PUBLISH", "aiows:{room}", text)
    await eventually(lambda: ear.arrived == [("room", b"{}")])
    assert ear.logged == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * len(hostile)


async def test_start_says_what_is_wrong(server: RedisServer, tmp_path: Path) -> None:
    """A server that is not there, a password that is wrong, a permission that is missing."""
    nobody = RedisBackplane(f"unix://{tmp_path / 'nobody.sock'}", patience=0.1)
    with pytest.raises(BackplaneDown, match="no connection to Redis"):
        await nobody.start(RecordingEar())
    server.cli("ACL", "SETUSER", "default", ">secret", "-script")
    wrong = RedisBackplane(f"unix://:wrong@{server.socket}", patience=30.0)
    with pytest.raises(BackplaneRefused, match="invalid username-password"):
        await wrong.start(RecordingEar())
    with pytest.raises(BackplaneRefused, match="no permissions to run the 'script"):
        await RedisBackplane(f"unix://:secret@{server.socket}").start(RecordingEar())
    assert "secret" not in repr(RedisBackplane("redis://ada:secret@db:6379/3"))


async def test_few_permissions_are_enough(server: RedisServer) -> None:
    """Those that the page on more than one process names, for keys and channels of its own."""
    commands = "evalsha script|load info publish subscribe unsubscribe ping set get hmget hset xadd"
    commands += " xrange xrevrange expire pexpire time"
    allowed = (f"+{command}" for command in commands.split())
    server.cli("ACL", "SETUSER", "ada", "on", ">secret", "~aiows:*", "&aiows:*", *allowed)
    node = await RedisBackplane(f"unix://ada:secret@{server.socket}").start(RecordingEar())
    waiting: list[Any] = [node.subscribe(["room"]), node.publish("room", PreparedMessage(b""))]
    waiting += [
        node.append("room", PreparedMessage(b"1"), KEEP),
        node.read("room", 0),
        node.read_last("room", 1),
    ]
    waiting += [node.claim("key", 60), node.settle("key", b"", 60)]
    await asyncio.gather(*waiting)
    await node.stop()


async def test_an_old_server_is_refused(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the version that it has and that it needs."""
    monkeypatch.setattr("aiows.backplane.redis.dialing.OLDEST", (99, 0))
    with pytest.raises(BackplaneRefused, match=r"Redis \d+\.\d+\.\d+ is too old"):
        await RedisBackplane(server.url).start(RecordingEar())


async def test_a_reply_that_is_none_ends_the_connection(
    server: RedisServer, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something else than Redis may answer there."""
    node, ear = await join("room")
    for dialed in node._dialed:
        dialed.connection.data_received(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await eventually(lambda: ear.losses)
    assert (await node.append("room", PreparedMessage(b"1"), KEEP)).offset == 1


async def test_what_a_turn_publishes_leaves_at_once(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One write and one future for all of it."""
    written: list[int] = []
    flush = connection.RedisConnection._flush

    def counted(self: connection.RedisConnection) -> None:
        written.append(len(self._gathered))
        flush(self)

    node, _ = await join()
    monkeypatch.setattr(connection.RedisConnection, "_flush", counted)
    futures = {node.publish("room", PreparedMessage(b"x")) for _ in range(100)}
    assert len(futures) == 1
    (published,) = futures
    assert published is not None
    await published
    assert written == [100]


def test_hiredis_tells_errors_by_their_text() -> None:
    """What the choice between 'refused' and 'dial again' stands on."""
    reader = hiredis.Reader(replyError=hiredis.ReplyError)
    reader.feed(b"-READONLY You can't write\r\n")
    assert str(reader.gets()).startswith(commands.DIAL_AGAIN)
