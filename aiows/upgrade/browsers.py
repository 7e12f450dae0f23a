"""Tells browsers from other clients, by headers that every browser sends with an upgrade."""

from __future__ import annotations

from aiohttp import hdrs, web

__all__ = ("is_browser",)


def is_browser(request: web.BaseRequest) -> bool:
    """Whether the client is a browser. One that is not sure to be one is none.

    RFC 6455, section 4.1: browsers name the page's ``Origin``. Their ``User-Agent`` begins with "Mozilla/".
    And the WebSockets Standard has them ask with the cache mode "no-store", for which the Fetch Standard
    sends ``Cache-Control: no-cache``. Whoever sends all three has to compress as browsers do.
    """
    headers = request.headers
    return (
        hdrs.ORIGIN in headers
        and headers.get(hdrs.USER_AGENT, "").startswith("Mozilla/")
        and "no-cache" in headers.get(hdrs.CACHE_CONTROL, "").lower()
    )
