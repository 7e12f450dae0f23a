"""The URL of an upgrade request: a ``str`` that knows its parts."""

from __future__ import annotations

from typing import Self

from yarl import URL

__all__ = ("WebSocketURL",)


class WebSocketURL(str):
    """The URL of an upgrade request, with scheme ws or wss: a ``str`` that knows its parts.

    The parts are as they stand in the URL, percent signs and all.
    """

    __slots__ = ("_parts",)

    _parts: URL

    def __new__(cls, url: URL) -> Self:
        self = super().__new__(cls, str(url))
        self._parts = url
        return self

    @property
    def scheme(self) -> str:
        return self._parts.scheme

    @property
    def is_secure(self) -> bool:
        return self.scheme == "wss"

    @property
    def netloc(self) -> str:
        return self._parts.raw_authority

    @property
    def host(self) -> str | None:
        return self._parts.raw_host

    hostname = host

    @property
    def port(self) -> int | None:
        """The port; 80 or 443 where the URL has none."""
        return self._parts.port

    @property
    def path(self) -> str:
        return self._parts.raw_path

    @property
    def query(self) -> str:
        return self._parts.raw_query_string

    @property
    def fragment(self) -> str:
        return self._parts.raw_fragment
