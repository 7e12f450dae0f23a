"""Refuses what may not open a WebSocket, before anything of the application runs."""

from __future__ import annotations

from aiohttp import hdrs, web

from ..settings import Origins
from .handshake import check_origin, is_upgrade

__all__ = ("admit",)


def admit(request: web.Request, origins: Origins) -> None:
    """Refuse what is not for the route of a WebSocket.

    ``origins``: see `check_origin`. Raises web.HTTPMethodNotAllowed, web.HTTPUpgradeRequired for what asks
    for no WebSocket, web.HTTPForbidden for a foreign origin.
    """
    if request.method != hdrs.METH_GET:
        raise web.HTTPMethodNotAllowed(request.method, [hdrs.METH_GET])
    if not is_upgrade(request):
        raise web.HTTPUpgradeRequired(headers={hdrs.UPGRADE: "websocket"})
    check_origin(request, origins)
