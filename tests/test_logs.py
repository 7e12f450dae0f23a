"""No log record has what a peer sent as a credential."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from raw_client import RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

SECRET = "s3cr3t-t0k3n"
CREDENTIALS = {"Cookie": f"session={SECRET}", "Authorization": f"Bearer {SECRET}"}


def broken(ws: Any, text: str) -> None:
    raise LookupError("broken")


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({}, {}),
        ({"origins": "same"}, {"Origin": "http://evil.example"}),
        ({}, {"Sec-WebSocket-Version": SECRET}),
        ({}, {"Sec-WebSocket-Key": SECRET}),
        ({}, {"Sec-WebSocket-Extensions": f"permessage-deflate; {SECRET}"}),
        ({}, {"Upgrade": SECRET}),
    ],
    ids=["no subprotocol", "origin", "version", "key", "extensions", "upgrade"],
)
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
async def test_credentials_of_a_peer_are_in_no_log(
    face: Face,
    options: Mapping[str, Any],
    headers: Mapping[str, str],
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever is refused and whatever fails: subprotocols, the query, cookies and Authorization stay out."""
    caplog.set_level(logging.DEBUG, logger="aiows")
    caplog.set_level(logging.DEBUG, logger="aiohttp.server")
    app = face.serve(broken, face.options_of(options))
    port = await serve(app, access_log=None)
    client = await raw_client(
        port,
        f"/?token={SECRET}",
        subprotocols=f"bearer, {SECRET}",
        headers={**CREDENTIALS, **headers},
    )
    if client.status == 101:
        client.send_text("a")
        assert (await client.recv_frame()).close_code == 1011
    assert SECRET not in caplog.text


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
async def test_a_client_without_a_common_subprotocol_is_logged_by_how_many_it_offers(
    face: Face, serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """And what the server has: enough to find the mistake."""
    app = face.serve(lambda ws, text: None, {})
    assert (await raw_client(await serve(app), subprotocols="a, b")).status == 101
    (record,) = [each for each in caplog.records if each.name == "aiows.handshake"]
    assert "none of the 2 subprotocols that the client offers" in record.getMessage()
