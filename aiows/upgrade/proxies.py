"""`trust_proxies`: a middleware that takes from trusted proxies who the client is and what it asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, Literal, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ..errors import RegistrationError
from ..settings import DEFAULT_PORTS, SCHEMES_OF_PAGES, Origin, is_whole_number
from .refusing import and_close, quoted

__all__ = ("ForwardedHeader", "trust_proxies")

ForwardedHeader: TypeAlias = Literal[
    "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded"
]
Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

Said: TypeAlias = Mapping[str, Sequence[str | None]]
"""What the proxies say, by the words of RFC 7239; the nearest one last. None: that one does not say it."""

CountTrusted: TypeAlias = Callable[[web.Request, Said], int]
"""How many of the proxies that say something are trusted, counted from the nearest."""

STANDARD: Final = "Forwarded"
# The word of RFC 7239 for what each of the older headers says; it has none for the port.
WORDS: Final[Mapping[str, str]] = {
    "X-Forwarded-For": "for",
    "X-Forwarded-Proto": "proto",
    "X-Forwarded-Host": "host",
    "X-Forwarded-Port": "port",
}
USUAL: Final[tuple[ForwardedHeader, ...]] = ("X-Forwarded-For", "X-Forwarded-Proto")

# RFC 7239, section 4. A token may have a colon here: some proxies do not quote a host with a port.
_match_pair: Final = re.compile(
    r"""[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z:-]+)|"((?:[^"\\]|\\.)*)")[ \t]*"""
).match
_match_separator: Final = re.compile(r"[ \t]*([;,]|\Z)").match
_unescape: Final = re.compile(r"\\(.)").sub

# An address with a port (or a name in its place), as in "[2001:db8::1]:4711" and "192.0.2.1:4711".
_match_node: Final = re.compile(r"(?:\[([^\]]+)\]|([0-9.]+))(?::[\w.-]+)?").fullmatch
_has_port: Final = re.compile(r":[0-9]+\Z").search
_is_port: Final = re.compile("[0-9]{1,5}").fullmatch


def trust_proxies(
    *,
    hops: int | None = None,
    networks: Collection[str | Network] | None = None,
    headers: Collection[ForwardedHeader] = USUAL,
) -> Middleware:
    """Make a middleware that puts what trusted proxies say into the request, for all that comes after it.

    ``request.remote`` becomes the client's address, ``request.scheme`` and ``request.host`` what the
    client has used, so that ``origins="same"`` compares with those. Trusted are either as many proxies
    as ``hops`` says, counted from this server on; or those whose address is in one of ``networks``, such
    as "10.0.0.0/8". With ``hops`` every request has to come through the proxies. With ``networks`` one
    that comes from elsewhere stays as it is.

    ``headers`` are those that your proxies set, and the only ones that are looked at, as others come from
    the client: "X-Forwarded-For" and "X-Forwarded-Proto" unless said otherwise, "X-Forwarded-Host" and
    "X-Forwarded-Port", or in the place of all of them "Forwarded" (RFC 7239).

    The middleware answers 400 to what it cannot read. Raises RegistrationError for what cannot be.
    """
    read = _reader_of(headers)
    count_trusted = _counter_of(hops, networks)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        said = read(request)
        trusted = count_trusted(request, said)
        changes = _changes(request, said, trusted) if trusted else {}
        return await handler(request.clone(**changes) if changes else request)

    return middleware


def _changes(request: web.Request, said: Said, trusted: int) -> dict[str, Any]:
    """What the request is in the words of the outermost trusted proxy."""
    changes: dict[str, Any] = {}
    address = _address(_outermost(said, "for", trusted))
    if address is not None:
        changes["remote"] = str(address)
    proto = _outermost(said, "proto", trusted)
    if proto is not None:
        changes["scheme"] = _scheme(proto)
    host, port = _outermost(said, "host", trusted), _outermost(said, "port", trusted)
    if host is not None or port is not None:
        scheme = changes.get("scheme", request.scheme)
        changes["host"] = _host(host or request.host, port, scheme)
    return changes


def _outermost(said: Said, word: str, trusted: int) -> str | None:
    """What is said by the outermost of the trusted proxies that say it.

    A list may be shorter than the way: some proxies add to a header, others replace it.
    """
    return next((value for value in said.get(word, ())[-trusted:] if value is not None), None)


def _scheme(proto: str) -> str:
    """Some proxies say the scheme of the socket, ``wss``, others that of the page, ``https``."""
    scheme = SCHEMES_OF_PAGES.get(proto.lower(), proto.lower())
    if scheme not in DEFAULT_PORTS:
        raise _unreadable("scheme", proto)
    return scheme


def _host(host: str, port: str | None, scheme: str) -> str:
    """``host`` with ``port``, unless it has one or ``port`` is the scheme's own."""
    if port is not None and _is_port(port) is None:
        raise _unreadable("port", port)
    if port is not None and not _has_port(host) and int(port) != DEFAULT_PORTS.get(scheme):
        host = f"{host}:{port}"
    try:
        Origin.of_server(scheme, host)
    except ValueError:
        raise _unreadable("host", host) from None
    return host


def _address(node: str | None) -> Address | None:
    """None for a client that a proxy does not name, or does not know (RFC 7239, section 6.2 and 6.3)."""
    found = _match_node(node or "")
    text = (found[1] or found[2]) if found else node
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    # How a socket that listens for both versions writes the address of a peer of version 4.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _unreadable(what: str, came: str) -> web.HTTPBadRequest:
    text = f"The {what} that a proxy has forwarded cannot be read: {quoted(came)}"
    return and_close(web.HTTPBadRequest(text=text))


# who is trusted


def _counter_of(hops: int | None, networks: Collection[str | Network] | None) -> CountTrusted:
    if (hops is None) is (networks is None):
        raise RegistrationError("trust_proxies: give either hops or networks")
    if networks is not None:
        return _by_networks(_checked(networks))
    if hops is None or not is_whole_number(hops) or hops < 1:
        raise RegistrationError(
            f"trust_proxies: hops is a number of proxies from 1 on, not {hops!r}"
        )
    return lambda request, said: hops


def _by_networks(networks: Sequence[Network]) -> CountTrusted:
    def is_trusted(node: str | None) -> bool:
        address = _address(node)
        return address is not None and any(address in network for network in networks)

    def count(request: web.Request, said: Said) -> int:
        nodes = [request.remote, *reversed(said.get("for", ()))]
        return next((i for i, node in enumerate(nodes) if not is_trusted(node)), len(nodes))

    return count


def _checked(networks: Collection[str | Network]) -> list[Network]:
    if isinstance(networks, str):
        raise RegistrationError(f"trust_proxies: networks is a collection, not {networks!r}")
    try:
        return [ip_network(each) for each in networks]
    except ValueError as error:
        raise RegistrationError(f"trust_proxies: networks: {error}") from error


# what is said


def _reader_of(headers: Collection[ForwardedHeader]) -> Callable[[web.Request], Said]:
    names = () if isinstance(headers, str) else tuple(headers)
    if names == (STANDARD,):
        return _standard
    if not names or not WORDS.keys() >= set(names):
        known = ", ".join(WORDS)
        raise RegistrationError(
            f"trust_proxies: headers is a collection of {known}, or of {STANDARD} alone, not {headers!r}"
        )
    return lambda request: {WORDS[name]: _list_in(request, name) for name in names}


def _list_in(request: web.Request, name: str) -> list[str]:
    """The elements of a header, which may have several lines (RFC 9110, section 5.3)."""
    lines = request.headers.getall(name, ())
    return [element for line in lines for part in line.split(",") if (element := part.strip())]


def _standard(request: web.Request) -> Said:
    elements = _elements_of(", ".join(request.headers.getall(STANDARD, ())))
    return {word: [each.get(word) for each in elements] for word in ("for", "proto", "host")}


def _elements_of(header: str) -> list[dict[str, str]]:
    """The elements of a ``Forwarded``, each as its pairs.

    What is malformed is no element that could be left out: a client may send a quote that never ends, and
    what a proxy adds would be taken for the rest of it.
    """
    elements: list[dict[str, str]] = [{}]
    position = 0
    while position < len(header):
        if pair := _match_pair(header, position):
            name, token, text = pair.groups()
            if name.lower() in elements[-1]:
                raise _unreadable("header Forwarded", header)
            elements[-1][name.lower()] = token if text is None else _unescape(r"\1", text)
            position = pair.end()
        separator = _match_separator(header, position)
        if separator is None:
            raise _unreadable("header Forwarded", header)
        if separator[1] == ",":
            elements.append({})
        position = separator.end()
    return [each for each in elements if each]
