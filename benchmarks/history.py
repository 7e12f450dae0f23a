"""What topics with history cost: microseconds of processor time, without a network.

python benchmarks/history.py

A publish to 1,000 subscribers of an undeclared topic, of a declared one and of one with history; a join that
is answered from the tail of the log; 10,000 clients that come back to one topic, with the reads of the
backplane that this takes. Compare the lines of one run with each other.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from aiows import Connection, History, Hub, MemoryBackplane, Topic
from aiows._wire import MessageReader
from aiows.backplane.memory import MemoryNode
from aiows.response.receiver import Receiver
from aiows.settings import Settings
from counting.paths import SilentTransport

TOPICS: Final = (Topic("room:*", history=History(size=200)), Topic("lobby"))
MESSAGE: Final = {"kind": "chat.said", "from": "ada", "n": 17, "text": "x" * 40}
SUBSCRIBERS: Final = 1000
JOINS: Final = 2000
RETURNING: Final = 10_000
ROUNDS: Final = 9
PUBLISHES: Final = 60  # in a round
TURNS: Final = 3  # of the loop, until a message has left


class Host:
    def lost(self, error: BaseException | None) -> None: ...


def connect(hub: Hub) -> Connection:
    loop = asyncio.get_running_loop()
    consumer = Receiver(loop)
    connection = Connection(
        SilentTransport(asyncio.Protocol()),
        loop=loop,
        reader=MessageReader(),
        deflater=None,
        options=Settings(idle_timeout=0),
        consumer=consumer,
        host=Host(),
        hub=hub,
    )
    consumer.connection = connection
    hub.attach(connection)
    return connection


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def publish(hub: Hub) -> dict[str, float]:
    topics = ("undeclared", "lobby", "room:a")
    for connection in [connect(hub) for _ in range(SUBSCRIBERS)]:
        for topic in topics:
            connection.subscribe(topic)
    await turns()
    taken: dict[str, list[float]] = {topic: [] for topic in topics}
    for _ in range(ROUNDS):
        for topic in topics:
            start = time.process_time()
            for _ in range(PUBLISHES):
                await hub.publish(topic, MESSAGE)
                await turns()
            taken[topic].append((time.process_time() - start) / PUBLISHES * 1e6)
    return {topic: min(each) for topic, each in taken.items()}


async def join(hub: Hub, missed: int) -> float:
    since = await hub.position("room:a")
    for _ in range(missed):
        await hub.publish("room:a", MESSAGE)
    await turns()
    connections = [connect(hub) for _ in range(JOINS)]
    start = time.process_time()
    for connection in connections:
        await connection.join("room:a", since=since)
    return (time.process_time() - start) / JOINS * 1e6


async def come_back(hub: Hub) -> tuple[float, int]:
    """Return what each costs, with some 75 messages for each, and how many reads there were."""
    reads: list[Any] = []
    read = MemoryNode.read

    def counted(node: MemoryNode, *asked: Any) -> Any:
        reads.append(asked)
        return read(node, *asked)

    position = await hub.position("room:a")
    connections = [connect(hub) for _ in range(RETURNING)]
    MemoryNode.read = counted  # type: ignore[assignment, method-assign]
    start = time.process_time()
    await asyncio.gather(
        *(
            each.join("room:a", since=(position.epoch, position.offset - number % 150))
            for number, each in enumerate(connections)
        )
    )
    return (time.process_time() - start) / RETURNING * 1e6, len(reads)


async def main() -> None:
    backplane = MemoryBackplane()
    hub = Hub(backplane=backplane, topics=TOPICS)
    await hub.start()
    costs = await publish(hub)
    for topic, cost in costs.items():
        print(f"publish to 1,000, {topic:<12}{cost:8.1f} us  {cost / costs['undeclared']:.3f}")
    for missed in (0, 1):
        print(f"join from the tail, {missed} missed   {await join(hub, missed):8.1f} us")
    await hub.stop()
    hub = Hub(backplane=backplane, topics=TOPICS)  # a node that has nothing in memory yet
    await hub.start()
    cost, reads = await come_back(hub)
    print(f"10,000 come back           {cost:8.1f} us each, {reads} read of the backplane")
    await hub.stop()


if __name__ == "__main__":
    asyncio.run(main())
