"""The browser's client from the package: what is answered to a browser, and what it keeps."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import aiows
from aiows import RegistrationError, client_js

STATIC = files("aiows").joinpath("client", "static")
MODULE = STATIC.joinpath("aiows.js").read_bytes()

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def app() -> web.Application:
    app = web.Application()
    app.add_routes(client_js())
    return app


@pytest.fixture
async def client(app: web.Application) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_page_gets_the_module_as_javascript(client: Client) -> None:
    """Browsers refuse to run a module of any other type."""
    async with client.get("/aiows.js") as response:
        assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert await response.read() == MODULE
        assert response.headers["Cache-Control"] == "public, max-age=86400"


async def test_an_editor_gets_the_types(client: Client) -> None:
    """Beside the module, where TypeScript looks for them."""
    async with client.get("/aiows.d.ts") as response:
        assert await response.read() == STATIC.joinpath("aiows.d.ts").read_bytes()


async def test_what_a_browser_has_is_not_sent_again(client: Client) -> None:
    """304 as long as it is the same, and the whole file for any other tag."""
    async with client.get("/aiows.js") as response:
        tag = response.headers["ETag"]
    async with client.get("/aiows.js", headers={"If-None-Match": tag}) as response:
        assert (response.status, await response.read()) == (304, b"")
        assert response.headers["ETag"] == tag
    async with client.get("/aiows.js", headers={"If-None-Match": '"other"'}) as response:
        assert (response.status, await response.read()) == (200, MODULE)


async def test_it_is_compressed_for_whoever_can_read_that(client: Client) -> None:
    """And not for others; caches between are told that there are two forms."""
    for accepted, encoding in (("gzip, br", "gzip"), ("identity", None)):
        async with client.get("/aiows.js", headers={"Accept-Encoding": accepted}) as response:
            assert response.headers.get("Content-Encoding") == encoding
            assert response.headers["Vary"] == "Accept-Encoding"
            assert await response.read() == MODULE


async def test_a_path_with_its_hash_is_kept_for_ever(app: web.Application, client: Client) -> None:
    """A template asks for the path, which is another one as soon as the module is."""
    path = client_js.path(app)
    assert re.fullmatch(r"/aiows\.[0-9a-f]{16}\.js", path)
    async with client.get(path) as response:
        assert await response.read() == MODULE
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_it_may_be_served_below_a_prefix() -> None:
    """Its own, and that of a sub-application."""
    inner, outer = web.Application(), web.Application()
    inner.add_routes(client_js("/static"))
    outer.add_subapp("/shop", inner)
    assert aiows.client_js.path(inner).startswith("/shop/static/aiows.")


def test_an_application_that_does_not_serve_it_has_no_path() -> None:
    """The error says what to do."""
    with pytest.raises(RegistrationError, match=r"add_routes\(client_js\(\)\) comes first"):
        client_js.path(web.Application())


def test_routes_that_lack_a_call_say_so() -> None:
    """`client_js` makes them, and is none itself."""
    with pytest.raises(RegistrationError, match=r"app\.add_routes\(client_js\(\)\)"):
        web.Application().add_routes(client_js)
