"""`upgrade` answers a request with 101 and makes a connection of its transport, however it was mounted."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from aiohttp import web

from .._wire import DeflateParams, MessageReader, make_deflater, make_inflater
from ..connection import CheckedConnection, Connection, Consumer, Topics, protocol_of
from ..settings import Settings
from .handshake import Handshake
from .takeover import ServerEntry, note_departure, take_over, transport_of

__all__ = ("TOPICS", "SwitchingProtocols", "upgrade")

TOPICS: Final = web.AppKey("aiows.topics", Topics)
"""Where ``setup(app)`` leaves the topics that every connection of the application gets."""


class SwitchingProtocols(web.StreamResponse):
    """The 101 of a connection that goes on by itself: when it is sent, aiohttp has nothing more to do.

    ``connection`` is there when it is sent.
    """

    connection: Connection

    def __init__(self) -> None:
        super().__init__(status=101)

    async def write_eof(self, data: bytes = b"") -> None:
        """The handler has returned: nothing follows, the connection is no longer HTTP."""


async def upgrade(
    request: web.BaseRequest,
    settings: Settings,
    consumer: Consumer,
    *,
    handshake: Handshake,
    response: web.StreamResponse,
    user_id: Any = None,
    user_data: Any = None,
) -> ServerEntry:
    """Send ``response`` as the 101 that ``handshake`` says, then take the connection over from aiohttp.

    Returns the entry of the new ``connection`` in the list of aiohttp's server. ``consumer`` takes its
    messages; ``user_id`` and ``user_data`` are the connection's from the start. Signals, cookies and headers
    of ``response`` work as with any response of aiohttp. Raises ConnectionResetError if the peer has gone.
    """

    def connect(transport: asyncio.Transport, entry: ServerEntry) -> Connection:
        connection = _connect(request, settings, consumer, handshake, transport, entry)
        connection.user_id, connection.user_data = user_id, user_data
        return connection

    try:
        await _send(response, request, handshake)
        entry = take_over(request, connect)
    except ConnectionError:
        note_departure(request)
        raise
    if (hub := protocol_of(entry.connection).hub) is not None:
        hub.attach(entry.connection)
    return entry


async def _send(
    response: web.StreamResponse, request: web.BaseRequest, handshake: Handshake
) -> None:
    transport_of(request)  # or it would be sent to nobody
    response.set_status(101)
    response.headers.update(handshake.headers)
    response.force_close()
    await web.StreamResponse.prepare(response, request)


def _connect(
    request: web.BaseRequest,
    settings: Settings,
    consumer: Consumer,
    handshake: Handshake,
    transport: asyncio.Transport,
    entry: ServerEntry,
) -> Connection:
    deflate = handshake.deflate
    loop = asyncio.get_running_loop()
    connection_type = CheckedConnection if loop.get_debug() else Connection
    return connection_type(
        transport,
        loop=loop,
        reader=_make_reader(settings, deflate),
        deflater=make_deflater(deflate, settings.compression) if deflate else None,
        options=settings,
        consumer=consumer,
        host=entry,
        app=request.app if isinstance(request, web.Request) else None,
        hub=_topics_of(request),
        codec=settings.codec_for(handshake.protocol),
    )


def _make_reader(settings: Settings, deflate: DeflateParams | None) -> MessageReader:
    return MessageReader(
        max_msg_size=settings.max_msg_size,
        inflater=make_inflater(deflate) if deflate else None,
        decode_text=settings.decode_text,
        require_mask=settings.strict_masking,
        takes_limit=settings.takes_limit,
    )


def _topics_of(request: web.BaseRequest) -> Topics | None:
    """What ``setup(app)`` left there; not for a mocked application, or a server without one."""
    app: object = request.app if isinstance(request, web.Request) else None
    if not isinstance(app, web.Application):
        return None
    return cast(web.Request, request).config_dict.get(TOPICS)
