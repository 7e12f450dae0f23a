"""The opening handshake of RFC 6455, section 4.2: checks a request, and says what its 101 has to say."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from .._wire import Compression, DeflateParams, negotiate_deflate
from ..settings import Origins

__all__ = ("Handshake", "check_origin", "is_upgrade", "negotiate")

logger = logging.getLogger("aiows.handshake")

GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
VERSIONS: Final = ("13", "8", "7")  # those that aiohttp accepts; they differ in the handshake alone

# A peer's text in a log line: enough to recognise it, too little to fill a disk.
LOGGED_TEXT: Final = 128


@dataclass(frozen=True, slots=True)
class Handshake:
    """What both sides agreed on."""

    headers: CIMultiDict[str]
    protocol: str | None
    deflate: DeflateParams | None


def is_upgrade(request: web.BaseRequest) -> bool:
    """Whether ``request`` asks for a WebSocket at all."""
    return request.headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket"


def negotiate(
    request: web.BaseRequest, *, protocols: Iterable[str], compression: Compression
) -> Handshake:
    """Check an upgrade request and decide on subprotocol and compression.

    Raises web.HTTPBadRequest, with what is wrong, for anything that RFC 6455, section 4.2.1 forbids.
    """
    _check_upgrade(request)
    _check_version(request)
    headers = CIMultiDict(
        {
            hdrs.UPGRADE: "websocket",
            hdrs.CONNECTION: "upgrade",
            hdrs.SEC_WEBSOCKET_ACCEPT: _accept_value(request),
        }
    )
    protocol = _choose_protocol(request, tuple(protocols))
    if protocol is not None:
        headers[hdrs.SEC_WEBSOCKET_PROTOCOL] = protocol
    deflate = negotiate_deflate(_joined(request, hdrs.SEC_WEBSOCKET_EXTENSIONS), compression)
    if deflate is not None:
        headers[hdrs.SEC_WEBSOCKET_EXTENSIONS] = deflate.header()
    return Handshake(headers, protocol, deflate)


def check_origin(request: web.BaseRequest, origins: Origins) -> None:
    """Refuse a page of another site: a browser sends its cookies along, whoever opens the socket.

    ``origins``: None or "*" accept all; "same" accepts the request's own scheme, host and port; a
    collection accepts those named; a function decides. A request without an Origin is no browser's
    and passes. Raises web.HTTPForbidden (RFC 6455, section 10.2).
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or origins is None or origins == "*":
        return
    if not _accepts(origins, request, origin):
        raise web.HTTPForbidden(text=f"Origin {origin[:LOGGED_TEXT]!r} is not accepted")


def _accepts(origins: Origins, request: web.BaseRequest, origin: str) -> bool:
    if callable(origins):
        return origins(request, origin)
    if origins == "same":
        return _same_origin(origin, request.url)
    assert origins is not None
    return origin.lower() in {accepted.lower().rstrip("/") for accepted in origins}


def _same_origin(origin: str, url: URL) -> bool:
    try:
        return URL(origin).origin() == url.origin()
    except ValueError:  # "null", or no origin at all
        return False


def _check_upgrade(request: web.BaseRequest) -> None:
    upgrade = request.headers.get(hdrs.UPGRADE)
    if not is_upgrade(request):
        raise web.HTTPBadRequest(
            text=f'No WebSocket UPGRADE hdr: {upgrade}\n Can "Upgrade" only to "WebSocket".'
        )
    connection = _joined(request, hdrs.CONNECTION)
    if "upgrade" not in _tokens((connection or "").lower()):
        raise web.HTTPBadRequest(text=f"No CONNECTION upgrade hdr: {connection}")
    # A body behind an upgrade would be read as frames by us and as a body by a proxy in front: smuggling.
    has_length = request.headers.get(hdrs.CONTENT_LENGTH, "0").strip() != "0"
    if has_length or hdrs.TRANSFER_ENCODING in request.headers:
        raise web.HTTPBadRequest(text="An upgrade request must not have a body")


def _check_version(request: web.BaseRequest) -> None:
    version = request.headers.get(hdrs.SEC_WEBSOCKET_VERSION, "")
    if version not in VERSIONS:
        raise web.HTTPBadRequest(
            text=f"Unsupported version: {version}",
            headers={hdrs.SEC_WEBSOCKET_VERSION: VERSIONS[0]},  # RFC 6455, section 4.4
        )


def _accept_value(request: web.BaseRequest) -> str:
    key = request.headers.get(hdrs.SEC_WEBSOCKET_KEY, "")
    try:
        nonce = base64.b64decode(key)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) != 16:
        raise web.HTTPBadRequest(text=f"Handshake error: {key!r}")
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def _choose_protocol(request: web.BaseRequest, protocols: tuple[str, ...]) -> str | None:
    """The first of the client's subprotocols that is ours (RFC 6455, section 4.2.2)."""
    offer = _joined(request, hdrs.SEC_WEBSOCKET_PROTOCOL)
    if offer is None:
        return None
    offered = _tokens(offer)
    for protocol in offered:
        if protocol in protocols:
            return protocol
    # Without the client's: browsers send tokens as subprotocols, as they cannot set a header.
    logger.warning(
        "%s: none of the %d subprotocols that the client offers is one of %r",
        request.remote,
        len(offered),
        protocols,
    )
    return None


def _joined(request: web.BaseRequest, name: str) -> str | None:
    """A header that may come in several lines is one list (RFC 9110, section 5.3)."""
    values = request.headers.getall(name, None)
    return None if values is None else ", ".join(values)


def _tokens(header: str) -> list[str]:
    return [token for part in header.split(",") if (token := part.strip())]
