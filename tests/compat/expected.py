"""The tests of aiohttp's suite that pass with its class and not with ours, each with its reason.

Two kinds of reason: "private: reaches into X" (what such a test asserts publicly has a test of our
own), and "contradicts fix Y" (on the page of differences). An entry that passes is a failure.
"""

from __future__ import annotations

from typing import Final

WRITTEN_FOR: Final = "3.14.5"
"""aiohttp's version; with another one an entry may name a test that is not there."""

# private: reaches into ...
READER: Final = "private: reaches into ws._reader, to feed it messages"
READER_REPLACED: Final = "private: reaches into ws._reader, to replace it by a mock"
WRITER: Final = "private: reaches into ws._writer, to write past it"
WRITER_REPLACED: Final = "private: reaches into ws._writer, to replace it by a mock"
REQUEST: Final = "private: reaches into ws._req, to watch the transport's mock"
PARSER: Final = (
    "private: reaches into ws._parser and ws._reader, to see who owns the stalled parser"
)
HEARTBEAT: Final = "private: reaches into ws._reset_heartbeat and its neighbours"
LOG: Final = "private: reaches into a log record for its template; ours has another text"

# contradicts fix ...
TRANSPORT: Final = (
    "contradicts fix 'Nothing but frames reaches the wire': request.transport can only be read from"
)
ENCODER: Final = "contradicts fix 'One encoder, which can say a set'"
METHOD: Final = "contradicts fix 'Only a GET is an upgrade'"

_WEB_WEBSOCKET: Final = {
    "test_cancel_heartbeat_cancels_pending_heartbeat_reset_handle[pyloop]": HEARTBEAT,
    "test_close_after_closing[pyloop]": READER_REPLACED,
    "test_close_exc[pyloop]": WRITER_REPLACED,
    "test_close_idempotent[pyloop]": READER,
    "test_concurrent_receive[pyloop]": "private: reaches into ws._waiting",
    "test_get_extra_info[pyloop-None-default]": WRITER_REPLACED,
    "test_get_extra_info[pyloop-ws_transport0-existent]": WRITER_REPLACED,
    "test_get_extra_info[pyloop-ws_transport2-default]": WRITER_REPLACED,
    "test_heartbeat_timeout[pyloop]": REQUEST,
    "test_multiple_receive_on_close_connection[pyloop]": READER,
    "test_ping_closed[pyloop]": READER,
    "test_pong_closed[pyloop]": READER,
    "test_prepare_post_method_ok[pyloop]": METHOD,
    "test_raise_writer_limit[pyloop]": WRITER,
    "test_receive_close_but_left_open[pyloop]": READER_REPLACED,
    "test_receive_closing[pyloop]": READER_REPLACED,
    "test_receive_does_not_reset_heartbeat": READER_REPLACED,
    "test_receive_eofstream_in_reader[pyloop]": READER_REPLACED,
    "test_receive_exception_in_reader[pyloop]": READER_REPLACED,
    "test_receive_timeouterror[pyloop]": READER_REPLACED,
    "test_recv_bytes_closed[pyloop]": READER,
    "test_recv_str_closed[pyloop]": READER,
    "test_send_bytes_closed[pyloop]": READER,
    "test_send_frame_closed[pyloop]": READER,
    "test_send_json_bytes_closed[pyloop]": READER,
    "test_send_json_bytes_nonjson[pyloop]": READER,
    "test_send_json_closed[pyloop]": READER,
    "test_send_json_nonjson[pyloop]": ENCODER,
    "test_send_str_closed[pyloop]": READER,
    "test_send_with_per_message_deflate[pyloop]": WRITER_REPLACED,
    "test_write_eof_idempotent[pyloop]": READER,
}

_WEB_WEBSOCKET_FUNCTIONAL: Final = {
    "test_close_releases_parser[pyloop]": PARSER,
    "test_heartbeat_connection_closed[pyloop]": WRITER_REPLACED,
    "test_stalled_parser_outlives_connection_lost[pyloop]": PARSER,
    "test_stashed_frames_survive_connection_loss": PARSER,
}

_WEBSOCKET_HANDSHAKE: Final = {
    "test_handshake_protocol_unsupported": LOG,
}

_CLIENT_WS_FUNCTIONAL: Final = {
    "test_client_rejects_compressed_frame_without_negotiation[pyloop]": TRANSPORT,
    "test_heartbeat_does_not_timeout_while_receiving_large_frame[pyloop]": WRITER,
    "test_heartbeat_no_pong_concurrent_receive[pyloop]": READER_REPLACED,
    "test_peer_connection_lost[pyloop]": TRANSPORT,
    "test_recv_protocol_error[pyloop]": WRITER,
}

EXPECTED: Final = {
    f"tests/{file}::{test}": reason
    for file, tests in {
        "test_client_ws_functional.py": _CLIENT_WS_FUNCTIONAL,
        "test_web_websocket.py": _WEB_WEBSOCKET,
        "test_web_websocket_functional.py": _WEB_WEBSOCKET_FUNCTIONAL,
        "test_websocket_handshake.py": _WEBSOCKET_HANDSHAKE,
    }.items()
    for test, reason in tests.items()
}
