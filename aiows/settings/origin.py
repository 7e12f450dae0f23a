"""`Origin`: where a page is from, compared as browsers compare it: scheme, host and port (RFC 6454)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final, Self

from yarl import URL

__all__ = ("DEFAULT_PORTS", "OPAQUE", "SCHEMES_OF_PAGES", "Origin")

OPAQUE: Final = "null"
"""What a browser sends where it does not want to say the origin (RFC 6454, section 7.1)."""

# A host is ASCII as in a name of DNS, or not ASCII at all, or an address of IPv6 in brackets.
_ORIGIN: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~\-\x80-\U0010ffff]*)"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)

# RFC 1035, section 2.3.4. Peers send hosts: without a limit those that are not ASCII would cost much time.
LONGEST_HOST: Final = 253
LARGEST_PORT: Final = 65535

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# The page that opens wss://example.com is at https://example.com, and so says its Origin.
SCHEMES_OF_PAGES: Final = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Origin:
    """``host`` is in lower case and in its ASCII form; ``port`` is None where the scheme has none."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``scheme://host`` or ``scheme://host:port``. Raises ValueError for what is no origin."""
        found = _ORIGIN.fullmatch(text)
        if found is None or len(found["host"]) > LONGEST_HOST:
            raise ValueError(f"{text!r} is no origin")
        scheme = found["scheme"].lower()
        if not found["host"] and scheme in DEFAULT_PORTS:
            raise ValueError(f"{text!r} has no host")
        port = int(found["port"]) if found["port"] else DEFAULT_PORTS.get(scheme)
        if port is not None and port > LARGEST_PORT:
            raise ValueError(f"{text!r} has no port of TCP")
        return cls(scheme, _ascii_host(found["host"]), port)

    @classmethod
    def of_server(cls, scheme: str, host: str) -> Self:
        """The origin of pages on the server that is asked by ``scheme`` and by the ``Host`` ``host``.

        Raises ValueError for a malformed ``host``.
        """
        scheme = scheme.lower()
        return cls.parse(f"{SCHEMES_OF_PAGES.get(scheme, scheme)}://{host}")

    def __str__(self) -> str:
        is_default = self.port in (None, DEFAULT_PORTS.get(self.scheme))
        return f"{self.scheme}://{self.host}" + ("" if is_default else f":{self.port}")


def _ascii_host(host: str) -> str:
    if host.startswith("["):
        return f"[{IPv6Address(host[1:-1])}]"
    if host.isascii():
        return host.lower()
    return URL.build(scheme="http", host=host).raw_host or ""
