"""What `docs/how-to/deploy` says of nginx, with a real one in front of the application."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from aiohttp import web

from aiows import WebSocketView, trust_proxies
from nginx import NEEDS_NGINX, Nginx, has_nginx
from raw_client import RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Proxy = Callable[..., Awaitable[Nginx]]

PAGE: Final = Path(__file__).parents[1] / "docs" / "how-to" / "deploy.md"
ONE_PROXY, SECOND_PROXY = re.findall(
    r"^```nginx\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
)
OLD_RECIPE: Final = ONE_PROXY.replace("$http_host", "$host")

pytestmark = pytest.mark.skipif(not has_nginx(), reason=NEEDS_NGINX)

every_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)


@dataclass(frozen=True)
class Tls:
    """A certificate for 127.0.0.1, and who trusts it."""

    certificate: Path
    trusting: ssl.SSLContext


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(path)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return Tls(path, trusting)


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    """Start an nginx with a recipe of the page in front of a port."""
    started: list[Nginx] = []

    async def start(recipe: str, port: int, certificate: Path | None = None) -> Nginx:
        content = recipe.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("/ws", "/")
        started.append(await Nginx.start(tmp_path / str(len(started)), content, certificate))
        return started[-1]

    yield start
    for each in started:
        assert "[emerg]" not in await each.stop()


def echoing(face: Face, **trusted: Any) -> web.Application:
    app = face.serve(lambda ws, text: ws.push(text), {"origins": "same"})
    app.middlewares.append(trust_proxies(**trusted))
    return app


async def check(connect: Connect, port: int, scheme: str, context: ssl.SSLContext | None) -> None:
    """The page of this server may talk; pages of others, of another scheme and of another port may not."""
    own = f"{scheme}://127.0.0.1:{port}"
    client = await connect(port, ssl=context, headers={"Origin": own})
    assert client.status == 101
    client.send_text("hello")
    assert (await client.recv_frame()).text == "hello"
    other = {"http": "https", "https": "http"}[scheme]
    for origin in (
        f"{other}://127.0.0.1:{port}",
        f"{scheme}://127.0.0.1",
        f"{scheme}://evil.example:{port}",
    ):
        refused = await connect(port, ssl=context, headers={"Origin": origin})
        assert refused.status == 403


@every_face
async def test_own_pages_connect_through_nginx_that_speaks_tls(
    face: Face, serve: Serve, proxy: Proxy, raw_client: Connect, tls: Tls
) -> None:
    """On a port that is not the default, and no other pages do."""
    nginx = await proxy(ONE_PROXY, await serve(echoing(face, hops=1)), tls.certificate)
    await check(raw_client, nginx.port, "https", tls.trusting)


async def test_own_pages_connect_through_nginx_without_tls(
    serve: Serve, proxy: Proxy, raw_client: Connect
) -> None:
    """The same recipe serves both."""
    nginx = await proxy(ONE_PROXY, await serve(echoing(FACES[1], hops=1)))
    await check(raw_client, nginx.port, "http", None)


@pytest.mark.parametrize(
    "trusted",
    [
        {"hops": 2},
        {"networks": ["127.0.0.0/8"]},
    ],
    ids=str,
)
async def test_own_pages_connect_through_two_proxies(
    serve: Serve, proxy: Proxy, raw_client: Connect, tls: Tls, trusted: dict[str, Any]
) -> None:
    """The outer one speaks TLS, the inner one passes on what it says."""
    inner = await proxy(SECOND_PROXY, await serve(echoing(FACES[1], **trusted)))
    outer = await proxy(ONE_PROXY, inner.port, tls.certificate)
    await check(raw_client, outer.port, "https", tls.trusting)


@pytest.mark.parametrize("recipes", [[ONE_PROXY], [SECOND_PROXY, ONE_PROXY]], ids=["one", "two"])
async def test_a_client_cannot_say_who_it_is(
    serve: Serve, proxy: Proxy, raw_client: Connect, recipes: list[str]
) -> None:
    """What it says itself of its address and its scheme is not believed."""
    seen: asyncio.Future[tuple[str | None, str]] = asyncio.get_running_loop().create_future()

    class View(WebSocketView):
        def on_open(self) -> None:
            seen.set_result((self.request.remote, self.request.scheme))

    app = web.Application(middlewares=[trust_proxies(hops=len(recipes))])
    app.router.add_view("/", View)
    port = await serve(app)
    for recipe in recipes:
        port = (await proxy(recipe, port)).port
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "wss", "Forwarded": "for=6.6.6.6"}
    assert (await raw_client(port, headers=lies)).status == 101
    assert await seen == ("127.0.0.1", "http")


async def test_the_often_seen_recipe_refuses_a_page_of_another_port_and_the_log_says_why(
    serve: Serve, proxy: Proxy, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """``$host`` drops the port: this is why the page has ``$http_host``."""
    nginx = await proxy(OLD_RECIPE, await serve(echoing(FACES[1], hops=1)))
    client = await raw_client(nginx.port, headers={"Origin": f"http://127.0.0.1:{nginx.port}"})
    assert client.status == 403
    assert f"the Origin 'http://127.0.0.1:{nginx.port}'" in caplog.text
    assert "http://127.0.0.1, which was asked for, is" in caplog.text
