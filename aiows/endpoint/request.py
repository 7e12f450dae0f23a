"""What an upgrade request says: its URL, headers and parameters, also as the scope of ASGI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from aiohttp import hdrs, web
from multidict import CIMultiDictProxy, MultiMapping

from ..connection import Topics
from ..errors import HubMissing
from ..upgrade import TOPICS
from .url import WebSocketURL

__all__ = ("Address", "Upgrade")


class Address(NamedTuple):
    """Where a peer is."""

    host: str
    port: int


class Upgrade(Mapping[str, Any]):
    """The half of a `WebSocket` that is there before anything is sent.

    As a mapping it is what ASGI calls a scope: ``ws["path"]``. It is hashed and compared by identity.
    """

    def __init__(self, request: web.Request) -> None:
        self.request = request
        self._scope: dict[str, Any] | None = None
        # Once it is accepted, the transport is not aiohttp's any more, and the request forgets it.
        self._port = _port_of(request.get_extra_info("peername"), request.remote)

    @property
    def app(self) -> Any:
        """The application that the route belongs to."""
        return self.request.app

    @property
    def url(self) -> WebSocketURL:
        """The URL asked for, with scheme ``ws`` or ``wss``."""
        scheme = "wss" if self.request.secure else "ws"
        return WebSocketURL(self.request.url.with_scheme(scheme))

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The request's headers; names in any case."""
        return self.request.headers

    @property
    def cookies(self) -> Mapping[str, str]:
        """The request's cookies."""
        return self.request.cookies

    @property
    def query_params(self) -> MultiMapping[str]:
        """The parameters of the query, each with one or several values."""
        return self.request.query

    @property
    def path_params(self) -> dict[str, str]:
        """What stands in the path where the route's pattern has names."""
        return dict(self.request.match_info)

    @property
    def subprotocols(self) -> list[str]:
        """The subprotocols that the client offers, the best first."""
        offers = self.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ())
        return [name for offer in offers for each in offer.split(",") if (name := each.strip())]

    @property
    def client(self) -> Address | None:
        """The peer's address; None where the transport has none (a Unix socket).

        Behind trusted proxies it is the client's, and the port, which they do not say, is 0.
        """
        return None if self._port is None else Address(self.request.remote or "", self._port)

    def required_hub(self) -> Topics:
        """What ``setup(app)`` gives to connections. Raises HubMissing without it."""
        hub = self.request.config_dict.get(TOPICS)
        if hub is None:
            raise HubMissing
        return hub

    # the mapping

    def __getitem__(self, key: str) -> Any:
        return self._as_scope()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._as_scope())

    def __len__(self) -> int:
        return len(self._as_scope())

    # A connection is a key of tables, whatever its request says.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def _as_scope(self) -> dict[str, Any]:
        if self._scope is None:
            self._scope = self._make_scope()
        return self._scope

    def _make_scope(self) -> dict[str, Any]:
        request, url = self.request, self.url
        return {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": f"{request.version.major}.{request.version.minor}",
            "scheme": url.scheme,
            "path": request.path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.raw_headers],
            "client": self.client,
            "server": Address(url.host or "", url.port or 0),
            "subprotocols": self.subprotocols,
            "extensions": {"websocket.http.response": {}},
            "path_params": self.path_params,
            "app": self.app,
        }


def _port_of(peername: Any, remote: str | None) -> int | None:
    if not isinstance(peername, tuple):  # a Unix socket's is a str
        return None
    host, port, *_ = cast("tuple[str, int]", peername)
    return port if host == remote else 0
