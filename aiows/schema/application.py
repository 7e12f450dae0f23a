"""Finds the channels of an application: the routes whose endpoints serve kinds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from ..codecs import Codec
from ..inject import innermost
from ..kinds import KindContract, KindDispatcher
from ..mounting.view import WebSocketView
from .names import Names
from .speaks import kinds_of

__all__ = ("Channel", "read_channels")

ORDER: Final = ("in", "out", "ask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One path and the kinds that are served there.

    ``name`` is unique in its application: the name of the route, or one that is made from the path.
    ``parameters`` are the names in the path, in their order. ``codecs``: the formats of messages, the default
    first.
    """

    name: str
    address: str
    parameters: tuple[str, ...]
    contracts: tuple[KindContract, ...]
    payload_key: str | None
    codecs: tuple[Codec, ...]
    summary: str = ""
    description: str = ""


def read_channels(app: web.Application) -> tuple[Channel, ...]:
    """Return the channels of ``app`` and its sub-applications, sorted by path.

    Endpoints that serve no kinds are left out.
    """
    names = Names()
    found = sorted(_endpoints(app), key=lambda each: each[0].canonical)
    return tuple(_channel(*each, names) for each in found)


def _endpoints(
    app: web.Application,
) -> Iterator[tuple[web.AbstractResource, Callable[..., Any], KindDispatcher]]:
    seen: set[tuple[web.AbstractResource, Any]] = set()
    for route in app.router.routes():  # with those of sub-applications
        resource, endpoint = route.resource, route.handler
        kinds = _kinds_at(endpoint)
        if resource is None or kinds is None or (resource, kinds) in seen:
            continue
        seen.add((resource, kinds))  # one endpoint may have several methods
        yield resource, endpoint, kinds


def _kinds_at(endpoint: Callable[..., Any]) -> KindDispatcher | None:
    kinds = kinds_of(endpoint)
    if kinds is None and isinstance(endpoint, type) and issubclass(endpoint, WebSocketView):
        return endpoint.kinds
    return kinds


def _channel(
    resource: web.AbstractResource,
    endpoint: Callable[..., Any],
    kinds: KindDispatcher,
    names: Names,
) -> Channel:
    pattern = resource.get_info().get("pattern")
    summary, _, description = _own_doc(endpoint).partition("\n")
    return Channel(
        name=names.take(resource.name or _name_of(resource.canonical)),
        address=resource.canonical,
        parameters=() if pattern is None else tuple(pattern.groupindex),
        contracts=tuple(sorted(kinds.contracts(), key=_sort_key)),
        payload_key=kinds.payload_key,
        codecs=kinds.codecs,
        summary=summary,
        description=description.strip(),
    )


def _own_doc(endpoint: Callable[..., Any]) -> str:
    """Return the endpoint's docstring; a class's own, not its base's."""
    documented = endpoint if isinstance(endpoint, type) else innermost(endpoint)
    return inspect.cleandoc(documented.__doc__ or "")


def _name_of(path: str) -> str:
    return ".".join(re.findall(r"[\w-]+", path)) or "root"


def _sort_key(contract: KindContract) -> tuple[str, int]:
    return contract.kind, ORDER.index(contract.direction)
