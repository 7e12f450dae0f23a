"""Reads the parameters of handlers for the tests: `Body` is the base of their payloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiows.connection import Peer
from aiows.inject import Parameter, Source, read_parameters


class Body:
    pass


class Note(Body):
    pass


class Clock:
    pass


class BigClock(Clock):
    pass


def a_clock() -> Clock:
    return BigClock()


def read(handler: Callable[..., Any], **options: Any) -> tuple[Parameter, ...]:
    return read_parameters(handler, payload_type=Body, **options)


def sources(handler: Callable[..., Any], **options: Any) -> list[Source]:
    return [each.source for each in read(handler, **options)]


def supplied(parameter: Parameter, peer: Peer) -> Any:
    """The value that does not come from a factory."""
    assert callable(parameter.supply)
    return parameter.supply(peer, None, None)
