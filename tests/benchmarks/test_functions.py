"""The count of the functions that a message passes: those of aiows, in order, and no others."""

from __future__ import annotations

import asyncio
import sys

import pytest

from aiows import wire_build
from aiows.codecs import MSGPACK
from counting.functions import TRACED, functions_passed
from counting.paths import PATHS, opened


async def test_the_functions_of_aiows_are_noted_in_their_order() -> None:
    """Those of others are not, and neither is what an earlier run has called."""

    def run() -> None:
        MSGPACK.plain(1)
        asyncio.isfuture(1)
        MSGPACK.loads(b"\x01")

    expected = ["codecs/base.py:Codec.plain", "codecs/msgpack.py:MsgpackCodec.loads"]
    assert await functions_passed(run) == expected
    assert await functions_passed(run) == expected


async def test_what_is_left_for_the_next_turns_of_the_loop_is_noted_too() -> None:
    """A message costs the same, whenever it is paid."""
    loop = asyncio.get_running_loop()
    passed = await functions_passed(lambda: loop.call_soon(loop.call_soon, MSGPACK.plain, 1))
    assert passed == ["codecs/base.py:Codec.plain"]


async def test_nothing_is_noted_any_more_once_a_run_has_ended() -> None:
    """Not even where it has failed."""
    failures = iter([None, ValueError("the second run")])

    def run() -> None:
        if (failure := next(failures)) is not None:
            raise failure

    try:
        await functions_passed(run)
    except ValueError:
        assert sys.getprofile() is None
    else:
        raise AssertionError("the second run was not made")


async def test_the_paths_that_are_traced_are_there() -> None:
    """On each a message is brought to its view, which is seen where that is not compiled."""
    assert set(TRACED) <= set(PATHS)
    async with opened() as runs:
        for name in TRACED:
            passed = await functions_passed(runs[name])
            is_seen = any(each.startswith("mounting/hooks_core.py:") for each in passed)
            assert is_seen == (wire_build == "pure"), name


@pytest.mark.parametrize("path", TRACED)
async def test_a_message_passes_no_function_on_the_native_build(path: str) -> None:
    """From the read to the hook and from its answer to the transport all of it is compiled.

    On the pure build nothing is, so that all of them are seen.
    """
    async with opened() as runs:
        passed = await functions_passed(runs[path])
    if wire_build == "native":
        assert passed == []
    else:
        assert len(passed) > 1
