"""How a node reaches Redis: every way that redis-py knows, and what is left of it afterwards."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
import trustme
from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel

from aiows.backplane import Keep
from aiows.backplane.redis import RedisBackplane
from aiows.connection import PreparedMessage
from eventually import eventually
from recording_ear import RecordingEar
from redis_server import NEEDS_REDIS, RedisServer, has_redis

pytestmark = pytest.mark.skipif(not has_redis(), reason=NEEDS_REDIS)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Reachable:
    """One server that can be reached in many ways, with the password ``secret``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers = ExitStack()
        self.port, self.tls_port, self.sentinel_port = (free_port() for _ in range(3))
        self.authority = folder / "authority.pem"

    def start(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        certificate = authority.issue_cert("127.0.0.1")
        pem = self._folder / "server.pem"
        certificate.private_key_and_cert_chain_pem.write_to_path(str(pem))
        self.server = self._run(
            "server",
            *("--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", "secret"),
            *("--tls-port", str(self.tls_port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(pem), "--tls-key-file", str(pem)),
            *("--tls-ca-cert-file", str(self.authority)),
        )
        configuration = self._folder / "sentinel.conf"
        configuration.write_text(
            f"port {self.sentinel_port}\nbind 127.0.0.1\n"
            f"sentinel monitor main 127.0.0.1 {self.port} 1\nsentinel auth-pass main secret\n"
        )
        self._run("sentinel", configuration=configuration)

    def _run(self, name: str, *options: str, configuration: Path | None = None) -> RedisServer:
        folder = self._folder / name
        folder.mkdir()
        server = RedisServer(folder, *options, sentinel=configuration)
        server.start()
        self._servers.callback(server.kill)
        return server

    def stop(self) -> None:
        self._servers.close()


@pytest.fixture(scope="module")
def reachable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reachable]:
    reachable = _started(tmp_path_factory)
    yield reachable
    reachable.stop()


def _started(tmp_path_factory: pytest.TempPathFactory, attempts: int = 3) -> Reachable:
    """Somebody else may take one of the ports before the server does: then others are tried."""
    reachable = Reachable(tmp_path_factory.mktemp("reachable"))
    try:
        reachable.start()
    except AssertionError:
        reachable.stop()
        if attempts == 1:
            raise
        return _started(tmp_path_factory, attempts - 1)
    return reachable


@pytest.mark.parametrize(
    "way",
    ["tcp://", "password and database", "unix://", "TLS", "Sentinel", "a client", "RESP3"],
)
async def test_every_way_of_redis_py_leads_to_the_server(reachable: Reachable, way: str) -> None:
    """A message of 50 KB goes there and back, plain and through a log."""
    local = f"127.0.0.1:{reachable.port}"
    authority = f"ssl_ca_certs={reachable.authority}"
    clients: list[Redis] = []
    server: str | Redis
    if way == "Sentinel":
        sentinel = Sentinel([("127.0.0.1", reachable.sentinel_port)])  # type: ignore[no-untyped-call]
        server = sentinel.master_for("main", password="secret")
        clients.extend(sentinel.sentinels)
    else:
        ways: dict[str, str | Redis] = {
            "tcp://": f"redis://:secret@{local}",
            "password and database": f"redis://default:secret@{local}/3",
            "unix://": f"unix://:secret@{reachable.server.socket}",
            "TLS": f"rediss://:secret@127.0.0.1:{reachable.tls_port}?{authority}",
            "a client": Redis.from_url(f"redis://:secret@{local}"),
            "RESP3": Redis.from_url(f"redis://:secret@{local}", protocol=3),
        }
        server = ways[way]
    backplane = RedisBackplane(server, prefix=way)
    ears = RecordingEar(), RecordingEar()
    first, second = [await backplane.start(ear) for ear in ears]
    subscribed = second.subscribe(["room"])
    assert subscribed is not None
    await subscribed
    message = bytes(range(256)) * 200
    published = first.publish("room", PreparedMessage(message))
    assert published is not None
    await published
    assert (await second.read("room", 0)).position.offset == 0
    await eventually(lambda: ears[1].arrived == [("room", message)])
    for node in (first, second):
        await node.stop()
    for client in clients:
        await client.aclose()


async def test_nothing_is_left_when_a_node_has_stopped(reachable: Reachable) -> None:
    """No task, no connection; a second stop does nothing."""
    before = asyncio.all_tasks()
    url = f"unix://:secret@{reachable.server.socket}"
    node = await RedisBackplane(url).start(RecordingEar())
    appended = node.append("room", PreparedMessage(b"1"), Keep(size=1, seconds=60))
    await node.stop()
    await node.stop()
    assert appended.done()
    assert asyncio.all_tasks() == before


WITHOUT_REDIS_PY: Final = """
import sys

class Absent:
    def find_spec(self, name, *_):
        if name == "redis":
            raise ModuleNotFoundError("No module named 'redis'", name=name)

sys.meta_path.insert(0, Absent())
import aiows.backplane.redis
"""


def test_without_redis_py_the_error_names_the_extra() -> None:
    """Whoever imports the engine reads what to install."""
    command = [sys.executable, "-c", WITHOUT_REDIS_PY]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr.splitlines()[-1].endswith("which the extra 'redis' installs")
