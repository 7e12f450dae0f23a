"""A third party on the other side: the client of `websockets`, sans-I/O as well."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame
from websockets.headers import build_extension, parse_extension
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from aiows._wire import (
    Compression,
    DeflateParams,
    Inflater,
    Message,
    Opcode,
    build_close,
    make_deflater,
    negotiate_deflate,
)
from builds import Build
from raw_client import BINARY, CLOSE, PING, PONG, TEXT
from wire.streams import binary, cut, payloads, read, text

OFFERS = {
    "as browsers": ClientPerMessageDeflateFactory(client_max_window_bits=True),
    "plain": ClientPerMessageDeflateFactory(client_max_window_bits=None),
    "no takeover": ClientPerMessageDeflateFactory(
        server_no_context_takeover=True, client_no_context_takeover=True
    ),
    "small windows": ClientPerMessageDeflateFactory(
        server_max_window_bits=9, client_max_window_bits=9
    ),
    "mixed": ClientPerMessageDeflateFactory(
        server_max_window_bits=12, client_no_context_takeover=True
    ),
}
MODES = [Compression.SHARED, Compression.DEDICATED_3KB, Compression.DEDICATED_256KB]

messages_to_send = st.lists(st.one_of(st.text(max_size=200), payloads), max_size=6)


def client_of(
    offer: ClientPerMessageDeflateFactory | None = None, params: DeflateParams | None = None
) -> ClientProtocol:
    """A client after the handshake, with what was agreed on."""
    client = ClientProtocol(parse_uri("ws://localhost"), state=OPEN, max_size=None)
    if offer is not None and params is not None:
        ((_, parameters),) = parse_extension(params.header())
        client.extensions = [offer.process_response_params(parameters, [])]
    return client


def frames_of(client: ClientProtocol) -> list[Frame]:
    """What the client received; it must have had no reason to complain."""
    assert client.parser_exc is None
    return [event for event in client.events_received() if isinstance(event, Frame)]


def as_message(data: str | bytes) -> Message:
    return text(data) if isinstance(data, str) else binary(data)


def negotiated(offer: ClientPerMessageDeflateFactory, mode: Compression) -> DeflateParams:
    header = build_extension([(offer.name, list(offer.get_request_params()))])
    params = negotiate_deflate(header, mode)
    assert params is not None
    return params


def send(client: ClientProtocol, data: str | bytes, *, fragment: bool) -> None:
    payload = data.encode() if isinstance(data, str) else data
    begin = client.send_text if isinstance(data, str) else client.send_binary
    half = len(payload) // 2
    begin(payload[:half] if fragment else payload, fin=not fragment)
    if fragment:
        client.send_ping(b"between")
        client.send_continuation(payload[half:], fin=True)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@settings(deadline=None, max_examples=10)
@given(
    messages=messages_to_send,
    fragment=st.booleans(),
    places=st.lists(st.integers(0, 3000), max_size=5),
)
def test_compressed_messages_of_websockets_are_read(
    build: Build,
    mode: Compression,
    offer: ClientPerMessageDeflateFactory,
    messages: list[str | bytes],
    fragment: bool,
    places: list[int],
) -> None:
    """With every agreement that can come about, in fragments and cut anywhere."""
    params = negotiated(offer, mode)
    client = client_of(offer, params)
    for data in messages:
        send(client, data, fragment=fragment)
    outcome = read(
        build.MessageReader(inflater=Inflater(params)), cut(b"".join(client.data_to_send()), places)
    )
    assert outcome.error is None
    received = [message for message in outcome.messages if message.opcode != PING]
    assert received == [as_message(data) for data in messages]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
@settings(deadline=None, max_examples=10)
@given(messages=st.lists(st.tuples(payloads, st.booleans()), max_size=6))
def test_websockets_reads_compressed_messages(
    build: Build,
    mode: Compression,
    offer: ClientPerMessageDeflateFactory,
    messages: list[tuple[bytes, bool]],
) -> None:
    """With every agreement that can come about, each message compressed or not."""
    params = negotiated(offer, mode)
    client = client_of(offer, params)
    deflater = make_deflater(params, mode)
    for data, compress in messages:
        payload = deflater.compress(data) if compress else data
        client.receive_data(build.build_frame(Opcode.BINARY, payload, rsv1=compress))
    assert [bytes(frame.data) for frame in frames_of(client)] == [data for data, _ in messages]


@settings(deadline=None, max_examples=30)
@given(messages=messages_to_send, fragment=st.booleans())
def test_plain_messages_of_websockets_are_read(
    build: Build, messages: list[str | bytes], fragment: bool
) -> None:
    """Masked with keys of its own choice."""
    client = client_of()
    for data in messages:
        send(client, data, fragment=fragment)
    outcome = read(build.MessageReader(), [b"".join(client.data_to_send())])
    assert outcome.error is None
    received = [message for message in outcome.messages if message.opcode != PING]
    assert received == [as_message(data) for data in messages]


def test_control_frames_of_websockets_are_read(build: Build) -> None:
    """Ping, pong and the close with its code."""
    client = client_of()
    client.send_ping(b"a")
    client.send_pong(b"b")
    client.send_close(4001, "schön")
    assert read(build.MessageReader(), [b"".join(client.data_to_send())]).messages == [
        Message(PING, b"a", "", 1),
        Message(PONG, b"b", "", 1),
        Message(CLOSE, 4001, "schön", 8),
    ]


def test_websockets_reads_frames_of_every_kind(build: Build) -> None:
    """Text and binary whole, in fragments, control frames between them, and the close."""
    client = client_of()
    for built in (
        build.build_frame(Opcode.TEXT, b"whole"),
        build.build_frame(Opcode.BINARY, b"in ", fin=False),
        build.build_frame(Opcode.PING, b"between"),
        build.build_frame(Opcode.CONTINUATION, b"parts"),
        build.build_frame(Opcode.CLOSE, build_close(4001, "schön")),
    ):
        client.receive_data(built)
    frames = frames_of(client)
    assert [(int(frame.opcode), bytes(frame.data)) for frame in frames[:-1]] == [
        (TEXT, b"whole"),
        (BINARY, b"in "),
        (PING, b"between"),
        (0, b"parts"),
    ]
    assert client.close_rcvd is not None
    assert (client.close_rcvd.code, client.close_rcvd.reason) == (4001, "schön")
