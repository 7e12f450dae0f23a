"""`client_js`: serves the browser's client from an application; a page needs no build step."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from aiohttp import ETag, hdrs, web

from ..errors import RegistrationError

__all__ = ("BrowserClient", "client_js")

NAME: Final = "aiows-client-js"
"""The name of the route whose path has the hash."""

A_DAY: Final = "public, max-age=86400"
FOR_EVER: Final = "public, max-age=31536000, immutable"  # its path changes with it


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file in memory, also compressed. ``hash`` says which version it is."""

    body: bytes
    compressed: bytes
    content_type: str
    hash: str

    def answer(self, request: web.Request, cache_control: str) -> web.Response:
        """Answer a GET: 304 to a browser that has it already."""
        headers = {hdrs.CACHE_CONTROL: cache_control, hdrs.VARY: hdrs.ACCEPT_ENCODING}
        known = request.if_none_match or ()
        if any(each.value in ("*", self.hash) for each in known):
            response = web.Response(status=304, headers=headers)
        elif "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            response = web.Response(body=self.compressed, headers=headers)
        else:
            response = web.Response(body=self.body, headers=headers)
        response.content_type, response.charset = self.content_type, "utf-8"
        # Weak: the same whether it is compressed or not (RFC 9110, section 8.8.3).
        response.etag = ETag(self.hash, is_weak=True)
        return response


@cache
def _read(name: str, content_type: str) -> StaticFile:
    body = files("aiows").joinpath("client", "static", name).read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:16]
    return StaticFile(body, gzip.compress(body, mtime=0), content_type, digest)


class BrowserClient:
    """The client for browsers: one ES module, and its TypeScript types.

    ``app.add_routes(client_js())`` serves it to ``import { connect } from "/aiows.js"``.
    """

    def __call__(self, prefix: str = "") -> list[web.RouteDef]:
        """Return the routes: ``/aiows.js``, ``/aiows.d.ts``, and the module under a path with its hash.

        ``prefix`` comes before each of them, such as ``"/static"``. A browser keeps the first two for a day
        and then asks whether they have changed. What has the hash in its path never does.
        """
        module, types = self._module(), _read("aiows.d.ts", "text/plain")

        async def serve_module(request: web.Request) -> web.Response:
            return module.answer(request, A_DAY)

        async def serve_types(request: web.Request) -> web.Response:
            return types.answer(request, A_DAY)

        async def serve_for_ever(request: web.Request) -> web.Response:
            return module.answer(request, FOR_EVER)

        return [
            web.get(f"{prefix}/aiows.js", serve_module),
            web.get(f"{prefix}/aiows.d.ts", serve_types),
            web.get(f"{prefix}/aiows.{module.hash}.js", serve_for_ever, name=NAME),
        ]

    def __iter__(self) -> Iterator[web.RouteDef]:
        """Raise RegistrationError: ``add_routes(client_js)`` lacks a call."""
        raise RegistrationError("client_js is called: app.add_routes(client_js())")

    def path(self, app: web.Application) -> str:
        """Return the path with the hash, for a template.

        Raises RegistrationError if ``app`` does not serve it.
        """
        if NAME not in app.router:
            raise RegistrationError("client_js.path(app): app.add_routes(client_js()) comes first")
        return app.router[NAME].url_for().path

    def _module(self) -> StaticFile:
        return _read("aiows.js", "text/javascript")


client_js: Final = BrowserClient()
