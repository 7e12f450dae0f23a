"""Which pages may open a WebSocket: compares the Origin of a request with what an endpoint accepts."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web

from ..settings import OPAQUE, Origin, Origins
from .refusing import and_close, quoted

__all__ = ("check_origin",)

logger: Final = logging.getLogger("aiows.handshake")


def check_origin(request: web.BaseRequest, origins: Origins) -> None:
    """Refuse a page of another site: a browser sends its cookies along, whoever opens the socket.

    ``origins``: None or "*" accept all; "same" accepts the request's own scheme, host and port; a
    collection accepts those named, with or without the port that is the scheme's own, and an
    international host in either form; a function decides. A request without an Origin is no browser's
    and passes. What is refused is logged. Raises web.HTTPForbidden (RFC 6455, section 10.2).
    """
    came = request.headers.getall(hdrs.ORIGIN, None)
    if came is None or origins is None or origins == "*":
        return
    origin = ", ".join(came)  # more than one are none
    if not _accepts(origins, request, origin):
        logger.warning(
            "%s: the Origin %s is not accepted, %s is. If the page is your own and a proxy is in front, "
            "see 'The scheme and the host' in docs/how-to/deploy.md",
            request.remote,
            quoted(origin),
            _expected(origins, request),
        )
        raise and_close(web.HTTPForbidden(text=f"Origin {quoted(origin)} is not accepted"))


def _accepts(origins: Origins, request: web.BaseRequest, origin: str) -> bool:
    page = _parsed(origin)
    if page is None and origin != OPAQUE:
        return False
    if callable(origins):
        return origins(request, origin)
    if origins == "same":
        return page is not None and page == _origin_of(request)
    return (page or OPAQUE) in {_parsed(each) or each for each in origins or ()}


def _expected(origins: Origins, request: web.BaseRequest) -> str:
    """What would be accepted, in words."""
    if callable(origins):
        return f"what {getattr(origins, '__qualname__', origins)!r} says"
    if origins == "same":
        return f"{_origin_of(request) or quoted(request.host)}, which was asked for,"
    return _in_words(origins or ())


def _in_words(origins: Collection[str]) -> str:
    return " or ".join(str(_parsed(each) or each) for each in origins) or "none"


def _origin_of(request: web.BaseRequest) -> Origin | None:
    """The origin of the server's own pages; None where the ``Host`` of the request cannot be read."""
    try:
        return Origin.of_server(request.scheme, request.host)
    except ValueError:
        return None


def _parsed(text: str) -> Origin | None:
    try:
        return Origin.parse(text)
    except ValueError:
        return None
