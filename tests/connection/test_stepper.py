"""`first_step`: what a coroutine does before it waits, in both builds."""

from __future__ import annotations

import sys
from types import coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds import Build


@coroutine
def wait_for(what: Any) -> Any:
    return (yield what)


async def returning(value: Any) -> Any:
    return value


async def waiting(what: Any) -> Any:
    return await wait_for(what)


async def failing(error: BaseException) -> None:
    raise error


@given(value=st.none() | st.integers() | st.tuples(st.integers()) | st.text())
def test_one_that_does_not_wait_has_ended_with_its_value(build: Build, value: object) -> None:
    """A tuple, too, which an exception would take for its arguments."""
    assert build.first_step(returning(value)) == (True, value)


def test_one_that_waits_says_for_what_and_goes_on_from_there(build: Build) -> None:
    """It is stepped once."""
    work = waiting("a future")
    assert build.first_step(work) == (False, "a future")
    with pytest.raises(StopIteration) as ended:
        work.send("its result")
    assert ended.value.value == "its result"


@pytest.mark.parametrize("error", [LookupError("here"), KeyboardInterrupt(), StopAsyncIteration()])
def test_what_it_raises_is_raised(build: Build, error: BaseException) -> None:
    """The very same object."""
    with pytest.raises(type(error)) as raised:
        build.first_step(failing(error))
    assert raised.value is error


def test_nothing_is_kept_of_what_it_returned(build: Build) -> None:
    """A reference too many would be a leak for each message."""
    value = object()
    before = sys.getrefcount(value)
    for _ in range(10):
        build.first_step(returning(value))
    work = waiting(value)
    build.first_step(work)
    work.close()
    del work
    assert sys.getrefcount(value) == before


def test_what_is_no_coroutine_is_refused(build: Build) -> None:
    """And not taken for one."""
    with pytest.raises((TypeError, AttributeError)):
        build.first_step(None)
