"""The opening handshake of RFC 6455, section 4.2: checks a request, and says what its 101 has to say."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from multidict import CIMultiDict

from .._wire import Compression, DeflateParams, negotiate_deflate
from .browsers import is_browser
from .refusing import and_close, quoted

__all__ = ("Handshake", "check_method", "is_upgrade", "negotiate")

logger = logging.getLogger("aiows.handshake")

WEBSOCKET: Final = "websocket"
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
VERSIONS: Final = ("13", "8", "7")  # those that aiohttp accepts; they differ in the handshake alone

# 16 bytes in base64 (section 4.1). What is left of the last character is not looked at, as by decoders.
_VALID_KEY: Final = re.compile("[A-Za-z0-9+/]{22}==")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What both sides agreed on."""

    headers: CIMultiDict[str]
    protocol: str | None
    deflate: DeflateParams | None


def is_upgrade(request: web.BaseRequest) -> bool:
    """Whether ``request`` asks for a WebSocket at all."""
    # Not in lower case before it is ASCII: the sign of Kelvin becomes a "k".
    return any(
        token.isascii() and token.lower() == WEBSOCKET for token in _tokens(request, hdrs.UPGRADE)
    )


def check_method(request: web.BaseRequest) -> None:
    """Raise web.HTTPMethodNotAllowed for what is no GET (RFC 6455, section 4.1)."""
    if request.method != hdrs.METH_GET:
        raise and_close(web.HTTPMethodNotAllowed(request.method, [hdrs.METH_GET]))


def negotiate(
    request: web.BaseRequest, *, protocols: Iterable[str], compression: Compression
) -> Handshake:
    """Check an upgrade request and decide on subprotocol and compression.

    Raises web.HTTPMethodNotAllowed, and web.HTTPBadRequest, with what is wrong, for anything else that RFC
    6455, section 4.2.1 does not allow.
    """
    check_method(request)
    _check_upgrade(request)
    _check_body(request)
    _check_version(request)
    key = _checked_key(request)
    headers = CIMultiDict(
        {
            hdrs.UPGRADE: WEBSOCKET,
            hdrs.CONNECTION: "upgrade",
            hdrs.SEC_WEBSOCKET_ACCEPT: _accept_value(key),
        }
    )
    protocol = _choose_protocol(request, tuple(protocols))
    if protocol is not None:
        headers[hdrs.SEC_WEBSOCKET_PROTOCOL] = protocol
    deflate = negotiate_deflate(
        _joined(request, hdrs.SEC_WEBSOCKET_EXTENSIONS),
        compression,
        is_obedient=is_browser(request),
    )
    if deflate is not None:
        headers[hdrs.SEC_WEBSOCKET_EXTENSIONS] = deflate.header()
    return Handshake(headers, protocol, deflate)


def _check_upgrade(request: web.BaseRequest) -> None:
    if request.version < HttpVersion11:  # RFC 9110, section 7.8: its Upgrade is to be ignored
        raise _refusal(
            "A WebSocket needs HTTP/1.1: a proxy in front may have to be told (nginx: proxy_http_version)"
        )
    if not is_upgrade(request):
        raise _refusal(f"Upgrade has to be websocket, not {_quoted_header(request, hdrs.UPGRADE)}")
    if "upgrade" not in map(str.lower, _tokens(request, hdrs.CONNECTION)):
        came = _quoted_header(request, hdrs.CONNECTION)
        raise _refusal(f"Connection has to be upgrade, not {came}")


def _check_body(request: web.BaseRequest) -> None:
    # A body behind an upgrade would be read as frames by us and as a body by a proxy in front: smuggling.
    has_length = request.headers.get(hdrs.CONTENT_LENGTH, "0").strip() != "0"
    if has_length or hdrs.TRANSFER_ENCODING in request.headers:
        raise _refusal("An upgrade request must not have a body")


def _check_version(request: web.BaseRequest) -> None:
    version = _only(request, hdrs.SEC_WEBSOCKET_VERSION)
    if version not in VERSIONS:
        refusal = _refusal(f"Sec-WebSocket-Version has to be {VERSIONS[0]}, not {quoted(version)}")
        refusal.headers[hdrs.SEC_WEBSOCKET_VERSION] = VERSIONS[0]  # RFC 6455, section 4.4
        raise refusal


def _checked_key(request: web.BaseRequest) -> str:
    key = _only(request, hdrs.SEC_WEBSOCKET_KEY)
    if _VALID_KEY.fullmatch(key) is None:
        raise _refusal(f"Sec-WebSocket-Key is 16 bytes in base64, not {quoted(key)}")
    return key


def _accept_value(key: str) -> str:
    """Section 4.2.2, 5.4: shows that the server has read the key as one of a WebSocket."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def _choose_protocol(request: web.BaseRequest, protocols: tuple[str, ...]) -> str | None:
    """The first of the client's subprotocols that is ours (RFC 6455, section 4.2.2)."""
    offered = _tokens(request, hdrs.SEC_WEBSOCKET_PROTOCOL)
    if not offered:
        return None
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


def _only(request: web.BaseRequest, name: str) -> str:
    """The value of a header that may come once, "" if it did not come (RFC 6455, section 11.3)."""
    values = request.headers.getall(name, ("",))
    if len(values) > 1:
        raise _refusal(f"{name} came {len(values)} times")
    return values[0]


def _joined(request: web.BaseRequest, name: str) -> str | None:
    """A header that may come in several lines is one list (RFC 9110, section 5.3)."""
    values = request.headers.getall(name, None)
    return None if values is None else ", ".join(values)


def _tokens(request: web.BaseRequest, name: str) -> list[str]:
    """The elements of such a list; empty ones do not count (section 5.6.1)."""
    return [token for part in (_joined(request, name) or "").split(",") if (token := part.strip())]


def _quoted_header(request: web.BaseRequest, name: str) -> str:
    came = _joined(request, name)
    return "nothing" if came is None else quoted(came)


def _refusal(text: str) -> web.HTTPBadRequest:
    return and_close(web.HTTPBadRequest(text=text))
