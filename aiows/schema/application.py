"""Finds the channels of an application: the routes whose endpoints serve kinds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from ..codecs import Codec
from ..inject import innermost
from ..kinds import KindContract, KindDispatcher
from ..mounting.view import WebSocketView
from ..wire_form import is_ours
from .names import Names
from .speaks import kinds_of

__all__ = ("SYSTEM_CHANNEL", "Channel", "read_channels")

SYSTEM_CHANNEL: Final = "aiows"

ORDER: Final = ("in", "out", "ask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One path and the kinds that are served there.

    ``name`` is unique in its application: the name of the route, or one that is made from the path.
    ``parameters`` are the names in the path, in their order. ``codecs``: the formats of messages, the default
    first. ``has_topics``: clients can join declared topics here, with the kinds of the channel that is
    called `SYSTEM_CHANNEL` and has no address; ``carries``: the kinds that come on some of them.
    """

    name: str
    address: str | None
    parameters: tuple[str, ...]
    contracts: tuple[KindContract, ...]
    payload_key: str | None
    codecs: tuple[Codec, ...]
    has_topics: bool = False
    carries: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    summary: str = ""
    description: str = ""


def read_channels(app: web.Application) -> tuple[Channel, ...]:
    """Return the channels of ``app`` and its sub-applications, sorted by path.

    Endpoints that serve no kinds are left out. The kinds of aiows itself, which are the same everywhere, have
    a channel of their own, the last.
    """
    names = Names([SYSTEM_CHANNEL])
    found = sorted(_endpoints(app), key=lambda each: each[0].canonical)
    channels = tuple(_channel(*each, names) for each in found)
    with_topics = [kinds for _, _, kinds in found if any(map(_is_system, kinds.contracts()))]
    return (*channels, _system_channel(with_topics[0])) if with_topics else channels


def _is_system(contract: KindContract) -> bool:
    return is_ours(contract.kind)


def _system_channel(kinds: KindDispatcher) -> Channel:
    contracts = filter(_is_system, kinds.contracts())
    return Channel(
        name=SYSTEM_CHANNEL,
        address=None,
        parameters=(),
        contracts=tuple(sorted(contracts, key=_sort_key)),
        payload_key=None,
        codecs=kinds.codecs,
        summary="What aiows itself understands wherever clients can join topics.",
        description="Where fields are under a key of their own, those of these kinds are, too.",
    )


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
    contracts = [each for each in kinds.contracts() if not _is_system(each)]
    return Channel(
        name=names.take(resource.name or _name_of(resource.canonical)),
        address=resource.canonical,
        parameters=() if pattern is None else tuple(pattern.groupindex),
        contracts=tuple(sorted(contracts, key=_sort_key)),
        payload_key=kinds.payload_key,
        codecs=kinds.codecs,
        has_topics=len(contracts) < len(kinds.contracts()),
        carries=_carried(endpoint),
        summary=summary,
        description=description.strip(),
    )


def _carried(endpoint: Callable[..., Any]) -> dict[str, tuple[str, ...]]:
    """Return the kinds that a view says to come on each topic."""
    if not (isinstance(endpoint, type) and issubclass(endpoint, WebSocketView)):
        return {}
    return {
        topic: tuple(payload.kind for payload in payloads)
        for topic, payloads in endpoint.carries.items()
    }


def _own_doc(endpoint: Callable[..., Any]) -> str:
    """Return the endpoint's docstring; a class's own, not its base's."""
    documented = endpoint if isinstance(endpoint, type) else innermost(endpoint)
    return inspect.cleandoc(documented.__doc__ or "")


def _name_of(path: str) -> str:
    return ".".join(re.findall(r"[\w-]+", path)) or "root"


def _sort_key(contract: KindContract) -> tuple[str, int]:
    return contract.kind, ORDER.index(contract.direction)
