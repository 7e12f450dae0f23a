"""Serves the AsyncAPI document of an application at a path."""

from __future__ import annotations

from aiohttp import hdrs, web

from .asyncapi import JSON_TYPE, asyncapi_text

__all__ = ("serve_schema",)


def serve_schema(
    app: web.Application, path: str = "/asyncapi.json", *, name: str | None = None
) -> web.AbstractRoute:
    """Serve the AsyncAPI document of ``app`` and its sub-applications at ``path``.

    It is made when the application starts, which raises RegistrationError for a payload or a reply whose
    type has no schema. Everybody can read it: protect it with a middleware if that is not wanted. Returns
    the route; ``name`` is for ``url_for``.
    """
    made: list[str] = []

    async def make(app: web.Application) -> None:
        made.append(asyncapi_text(app))

    async def serve(request: web.Request) -> web.Response:
        return web.Response(text=made[-1], content_type=JSON_TYPE)

    app.on_startup.append(make)
    return app.router.add_route(hdrs.METH_GET, path, serve, name=name)
