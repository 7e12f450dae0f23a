"""`Connection.add_cleanup`: what is left to do when a connection is over."""

from __future__ import annotations

import asyncio

from fake_connection import FakeConnection


async def test_cleanup_functions_run_when_it_is_over_the_last_one_first() -> None:
    """After the close callback, and once."""
    connection = FakeConnection(asyncio.get_running_loop())

    async def cleanup(name: str) -> None:
        connection.events.append(name)

    connection._protocol.add_cleanup(lambda: cleanup("first"))
    connection._protocol.add_cleanup(lambda: cleanup("second"))
    assert connection.events == []
    connection.close(4000)
    connection.lost(None)
    assert connection.events == [("close", 4000), "second", "first"]


async def test_a_cleanup_to_what_is_over_runs_at_once() -> None:
    """Whoever comes late does not wait for ever."""
    connection = FakeConnection(asyncio.get_running_loop())
    connection.close()

    async def cleanup() -> None:
        connection.events.append("late")

    connection._protocol.add_cleanup(cleanup)
    assert connection.events == [("close", 1000), "late"]
    connection.lost(None)


async def test_settle_waits_for_a_cleanup_and_then_cancels_it() -> None:
    """A shutdown waits, but not for ever."""
    connection = FakeConnection(asyncio.get_running_loop())
    gate = asyncio.Event()

    async def cleanup() -> None:
        try:
            await gate.wait()
        finally:
            connection.events.append(gate.is_set())

    connection._protocol.add_cleanup(cleanup)
    connection.close()
    asyncio.get_running_loop().call_soon(gate.set)
    await connection._protocol.settle(5)
    gate.clear()
    connection._protocol.add_cleanup(cleanup)
    await connection._protocol.settle(0)
    await connection._protocol.settle(None)
    assert connection.events == [("close", 1000), True, False]
    connection.lost(None)
