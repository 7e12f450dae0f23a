"""`setup` gives an aiohttp application its hub, which starts and stops with the application.

It may be called before or after routes and sub-applications are added. A request to a sub-application
finds the hub of the nearest application around it that has one, as ``request.config_dict[HUB]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from aiohttp import web

from .backplane import Backplane
from .errors import RegistrationError
from .hub.hub import Hub
from .hub.registry import ConnectionRegistry
from .hub.topics import Topic
from .mounting.view import WebSocketView
from .upgrade import TOPICS

__all__ = ("HUB", "setup")


class _HubKey(web.AppKey[Hub]):
    """A key that names the fix: the KeyError of an application without it shows no more than the key."""

    def __repr__(self) -> str:
        return (
            "<HUB: call aiows.setup(app) before the application starts; in a sub-application the hub of "
            "the one around it is request.config_dict[HUB], in a view self.hub>"
        )


HUB: Final = _HubKey("HUB", Hub)
"""Where `setup` leaves the hub: ``app[HUB]``."""


def setup(
    app: web.Application,
    *,
    backplane: Backplane | None = None,
    registry: ConnectionRegistry | None = None,
    topics: Iterable[Topic] = (),
) -> Hub:
    """Give ``app`` a hub: users, topics and everybody, from ``app[HUB]`` and every connection.

    ``backplane`` connects the hub with other nodes (default: this process alone). ``registry`` is for
    a `ConnectionRegistry` that you have already. ``topics`` are declared topics: the messages of those say
    where they belong, may be kept, and clients may subscribe to them where an endpoint lets them.

    The hub starts before any other start-up handler. When the application shuts down, its ``on_shutdown``
    handlers still reach every connection; then all connections are closed with 1001 at once, and the hub
    leaves the backplane.

    Raises RuntimeError if ``app`` has a hub, has started, or has been added to a parent, RegistrationError
    for topics that cannot be, and for an ``app`` that is none. A view whose ``carries`` has a topic that is
    not declared is a RegistrationError when the application starts.
    """
    if not isinstance(app, web.Application):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"setup(app) takes the web.Application, not {app!r}")
    if HUB in app:
        raise RuntimeError("aiows.setup(app) was called before for this application")
    if app.on_startup.frozen:
        raise RuntimeError(
            "aiows.setup(app) comes before the application starts or is added to a parent"
        )
    hub = app[HUB] = app[TOPICS] = Hub(registry, backplane, topics)
    app.on_startup.insert(0, _start)
    app.on_shutdown.append(_retire)
    app.on_cleanup.append(_stop)
    return hub


async def _start(app: web.Application) -> None:
    for view in _views_in(app):
        _check_carried(view, app[HUB])
    await app[HUB].start()


def _views_in(app: web.Application) -> Iterator[type[WebSocketView]]:
    """Yield the views that find the hub of ``app``."""
    for resource in app.router.resources():
        inner = resource.get_info().get("app")
        if inner is not None:
            if HUB not in inner:
                yield from _views_in(inner)
            continue
        for route in resource:
            if isinstance(route.handler, type) and issubclass(route.handler, WebSocketView):
                yield route.handler


def _check_carried(view: type[WebSocketView], hub: Hub) -> None:
    for topic in view.carries:
        if not hub.covers(topic):
            raise RegistrationError(
                f"{view.__qualname__}.carries: the topic {topic!r} is not declared: "
                f"setup(app, topics=[Topic({topic!r})])"
            )


async def _retire(app: web.Application) -> None:
    app[HUB].retire()


async def _stop(app: web.Application) -> None:
    hub = app[HUB]
    hub.close_all()
    await hub.stop()
