"""Negotiates permessage-deflate: answers a client's Sec-WebSocket-Extensions (RFC 7692, section 7.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from .compression import MAX_WINDOW_BITS, MIN_WINDOW_BITS, Compression

__all__ = ("DeflateParams", "negotiate_deflate")

EXTENSION: Final = "permessage-deflate"

_Offer: TypeAlias = dict[str, str | None]
# Names and values in the order in which they came. A list, because a name that comes twice is an error.
_Parameters: TypeAlias = list[tuple[str, str | None]]

# The grammar of RFC 6455, section 9.1, with the rules of RFC 2616: spaces are allowed in between, and list
# elements may be empty.
_SPACE: Final = r"[ \t]*"
_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PARAMETER: Final = rf"{_SPACE};{_SPACE}({_NAME})(?:{_SPACE}={_SPACE}({_NAME}|{_QUOTED}))?"
_EXTENSION: Final = rf"[ \t,]*({_NAME})((?:{_PARAMETER})*){_SPACE}(?:,[ \t,]*|\Z)"
_match_extension: Final = re.compile(_EXTENSION).match
_iter_parameters: Final = re.compile(_PARAMETER).finditer
_unescape: Final = re.compile(r"\\(.)").sub

# Section 7.1.2: 8 to 15, decimal, without a leading zero.
_WINDOW_BITS: Final = frozenset(map(str, range(8, MAX_WINDOW_BITS + 1)))

# Sections 7.1.1 and 7.1.2: the values that a parameter may have in an offer; None is no value.
_ALLOWED: Final[dict[str, frozenset[str | None]]] = {
    "server_no_context_takeover": frozenset({None}),
    "client_no_context_takeover": frozenset({None}),
    "server_max_window_bits": _WINDOW_BITS,
    "client_max_window_bits": _WINDOW_BITS | {None},
}

# zlib makes no raw stream with a window of 2 ** 8 bytes.
_IMPOSSIBLE: Final = "8"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeflateParams:
    """What both sides agreed on (RFC 7692, section 7.1).

    Window bits are 9 to 15; None: not in the answer, which means 15. ``client_may_disobey``: the client has
    not offered ``client_no_context_takeover``, and nobody knows whether it does what the answer says.
    """

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int | None = None
    client_max_window_bits: int | None = None
    client_may_disobey: bool = False

    def header(self) -> str:
        """Return the value of the server's Sec-WebSocket-Extensions."""
        parts = [EXTENSION]
        if self.server_no_context_takeover:
            parts.append("server_no_context_takeover")
        if self.client_no_context_takeover:
            parts.append("client_no_context_takeover")
        if self.server_max_window_bits is not None:
            parts.append(f"server_max_window_bits={self.server_max_window_bits}")
        if self.client_max_window_bits is not None:
            parts.append(f"client_max_window_bits={self.client_max_window_bits}")
        return "; ".join(parts)


def negotiate_deflate(
    header: str | None, compression: Compression, *, is_obedient: bool = False
) -> DeflateParams | None:
    """Return the answer to the first acceptable offer of permessage-deflate in ``header``.

    ``is_obedient``: the client is known to do what the answer says, also where it has not offered that.

    None: there is no such offer, ``compression`` is DISABLED, or ``header`` is malformed. An offer with an
    unknown, duplicate or invalid parameter is skipped (RFC 7692, section 7.1), and so is one that requires a
    window of 8 bits, which zlib cannot make.
    """
    if not header or compression is Compression.DISABLED:
        return None
    for parameters in _parse_offers(header):
        offer = dict(parameters)
        if len(offer) == len(parameters) and _is_acceptable(offer):
            return _answer(offer, compression, is_obedient=is_obedient)
    return None


def _parse_offers(header: str) -> list[_Parameters]:
    """Return the parameters of each permessage-deflate; an empty list if ``header`` is malformed."""
    offers: list[_Parameters] = []
    position = 0
    while position < len(header):
        extension = _match_extension(header, position)
        if extension is None:
            return []
        if extension[1] == EXTENSION:
            offers.append([_parameter(match) for match in _iter_parameters(extension[2])])
        position = extension.end()
    return offers


def _parameter(match: re.Match[str]) -> tuple[str, str | None]:
    name, value = match.groups()
    if value is not None and value.startswith('"'):
        value = _unescape(r"\1", value[1:-1])
    return name, value


def _is_acceptable(offer: _Offer) -> bool:
    return offer.get("server_max_window_bits") != _IMPOSSIBLE and all(
        value in _ALLOWED.get(name, ()) for name, value in offer.items()
    )


def _answer(offer: _Offer, compression: Compression, *, is_obedient: bool) -> DeflateParams:
    is_shared = not compression.is_dedicated
    has_offered = "client_no_context_takeover" in offer
    return DeflateParams(
        server_no_context_takeover=is_shared or "server_no_context_takeover" in offer,
        client_no_context_takeover=is_shared or has_offered,
        server_max_window_bits=_server_window(offer, compression),
        client_max_window_bits=None if is_shared else _client_window(offer, compression),
        client_may_disobey=is_shared and not has_offered and not is_obedient,
    )


def _server_window(offer: _Offer, compression: Compression) -> int | None:
    """Section 7.1.2.1: at most what the client requires; without that, told only if it is less than 15."""
    demanded = offer.get("server_max_window_bits")
    if demanded is not None:
        return min(int(demanded), compression.window_bits)
    return compression.window_bits if compression.window_bits < MAX_WINDOW_BITS else None


def _client_window(offer: _Offer, compression: Compression) -> int | None:
    """Section 7.1.2.2: only if offered, and at most the offered value; None leaves it to the client."""
    if "client_max_window_bits" not in offer:
        return None
    offered = offer["client_max_window_bits"] or MAX_WINDOW_BITS
    bits = min(int(offered), compression.window_bits)
    # For an offer of 8: zlib inflates with 9 or more, but the answer may not exceed the offer.
    return bits if MIN_WINDOW_BITS <= bits < MAX_WINDOW_BITS else None
