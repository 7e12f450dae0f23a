"""Refuses what may not open a WebSocket, before anything of the application runs."""

from __future__ import annotations

from aiohttp import hdrs, web

from ..settings import Origins
from .handshake import check_method, is_upgrade
from .origins import check_origin
from .refusing import and_close

__all__ = ("admit",)


def admit(request: web.Request, origins: Origins) -> None:
    """Refuse what is not for the route of a WebSocket.

    ``origins``: see `check_origin`. Raises web.HTTPMethodNotAllowed, web.HTTPUpgradeRequired for what asks
    for no WebSocket, web.HTTPForbidden for a foreign origin.
    """
    check_method(request)
    if not is_upgrade(request):
        raise and_close(
            web.HTTPUpgradeRequired(
                headers={hdrs.UPGRADE: "websocket"},
                text="Here is a WebSocket. A proxy in front has to pass Upgrade and Connection on.",
            )
        )
    check_origin(request, origins)
