"""What an ``upgrade`` callback sees and answers: the request, and plain HTTP or a 101."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from aiohttp import web
from multidict import CIMultiDict

__all__ = ("Acceptance", "UpgradeRequest", "UpgradeResponse")

WITH_DEFLATE: Final = "permessage-deflate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """How an upgrade is accepted."""

    headers: Mapping[str, str]
    protocols: tuple[str, ...]
    may_compress: bool
    user_data: Any


class UpgradeRequest:
    """The request that an ``upgrade`` callback decides on; what is absent is None."""

    __slots__ = ("request",)

    def __init__(self, request: web.Request) -> None:
        self.request = request

    def get_header(self, name: str) -> str | None:
        """A header, in any case; several lines of it are one list (RFC 9110, section 5.3)."""
        lines = self.request.headers.getall(name, None)
        return None if lines is None else ", ".join(lines)

    def get_query(self, name: str) -> str | None:
        """The first value of ``name`` in the query."""
        return self.request.query.get(name)

    def get_parameter(self, which: str | int) -> str | None:
        """The part of the path that a ``{name}`` of the pattern matched: by name, or by place from 0."""
        parameters = self.request.match_info
        if isinstance(which, str):
            return parameters.get(which)
        values = tuple(parameters.values())
        return values[which] if 0 <= which < len(values) else None

    def get_cookie(self, name: str) -> str | None:
        """The value of a cookie."""
        return self.request.cookies.get(name)

    def get_method(self) -> str:
        """The method: GET."""
        return self.request.method

    def get_url(self) -> str:
        """The path, decoded, without the query."""
        return self.request.path


class UpgradeResponse:
    """The answer that an ``upgrade`` callback gives: ``end`` for plain HTTP, or ``upgrade``.

    The first of the two decides; a second one raises RuntimeError. With neither the peer gets a 500.
    """

    __slots__ = ("_headers", "_reason", "_status", "acceptance", "refusal")

    def __init__(self) -> None:
        self._status = 200
        self._reason: str | None = None
        self._headers: CIMultiDict[str] = CIMultiDict()
        self.refusal: web.Response | None = None
        self.acceptance: Acceptance | None = None

    def write_status(self, status: int | str) -> Self:
        """Set the status of the plain answer: 403, or with a reason "403 Not You"."""
        code, _, reason = str(status).partition(" ")
        self._status, self._reason = int(code), reason or None
        return self

    def write_header(self, name: str, value: str) -> Self:
        """Add a header to the answer, whichever it will be."""
        self._headers.add(name, value)
        return self

    def end(self, body: str | bytes = "") -> None:
        """Do not upgrade: answer plain HTTP with status, headers and ``body``."""
        self._check_open()
        content = {"text": body} if isinstance(body, str) else {"body": body}
        self.refusal = web.Response(
            status=self._status, reason=self._reason, headers=self._headers, **cast(Any, content)
        )

    def upgrade(
        self,
        key: str | None = None,
        protocol: str | None = None,
        extensions: str | None = WITH_DEFLATE,
        socket_context: object = None,
        user_data: Any = None,
    ) -> None:
        """Upgrade; ``user_data`` is ``ws.user_data`` from `open` to `close`.

        ``protocol`` selects the subprotocol: one, or a list in which the first that the client prefers
        is taken; what the client did not offer is not. None leaves it to the route's ``protocols``.
        ``extensions``: nothing (None or "") turns compression off, otherwise it is negotiated with what
        the client offered. ``key`` and ``socket_context`` are taken as the request has them.
        """
        self._check_open()
        self.acceptance = Acceptance(
            headers=self._headers,
            protocols=_tokens(protocol),
            may_compress=bool(extensions),
            user_data=user_data,
        )

    def _check_open(self) -> None:
        if self.refusal is not None or self.acceptance is not None:
            raise RuntimeError("this upgrade is answered already: call end or upgrade, and once")


def _tokens(header: str | None) -> tuple[str, ...]:
    return tuple(token.strip() for token in (header or "").split(",") if token.strip())
