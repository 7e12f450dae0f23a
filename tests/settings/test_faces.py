"""Each option is checked, and acts, in each face: the same everywhere."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, get_type_hints

import pytest

from aiows import Compression, RegistrationError, WebSocketResponse, WebSocketView, setup
from aiows.codecs import JSON, MSGPACK
from aiows.errors import TooManyTopics
from aiows.settings import (
    RESPONSE_OPTIONS,
    WEBSOCKET_OPTIONS,
    ResponseOptions,
    Settings,
    ViewOptions,
    WebSocketOptions,
)
from aiows.settings.settings import EXPECTED
from raw_client import BINARY, CLOSE, PING, TEXT, RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

DEFLATE: Final = "permessage-deflate"

NOT_SIZES: Final = ("4MB", 1.5, -1, True, None, 2**70, [4])
NOT_TIMES: Final = ("soon", "10", -1, -0.5, True, float("nan"), float("inf"), [4])
NOT_BOOLS: Final[tuple[object, ...]] = ("yes", 1.5, [])
NOT_NAMES: Final = (
    5,
    None,
    [5],
    ["chat", None],
    [["chat"]],
    b"chat",
    ["a, b"],
    [""],
    ["a\r\nX: b"],
)

# For each setting what it cannot be, anywhere.
WRONG: Final[Mapping[str, tuple[object, ...]]] = {
    "max_msg_size": NOT_SIZES,
    "max_backpressure": (*NOT_SIZES, 0),
    "max_unsent": (*(each for each in NOT_SIZES if each is not None), 0, 2**31),
    "max_topics": ("many", 1.5, 0, -1, True, None, [4]),
    "writer_limit": NOT_SIZES,
    "compress_threshold": tuple(each for each in NOT_SIZES if each is not None),
    "idle_timeout": (*NOT_TIMES, None),
    "close_timeout": (*NOT_TIMES, None),
    "receive_timeout": NOT_TIMES,
    "heartbeat": NOT_TIMES,
    "protocols": NOT_NAMES,
    "codecs": (JSON, [None], ["json"], "json"),
    "compress": (*NOT_BOOLS, None, "dedicated"),
    "origins": (
        "https://a.example",
        5,
        [80],
        True,
        ["*"],
        ["a.example"],
        ["https://*.example"],
        ["https://a.example/chat"],
        ["https://"],
        ["https://a.example:99999"],
        ["https://[::1"],
        ["wss://a.example"],
        ["https://ada@a.example"],
    ),
    "autoclose": NOT_BOOLS,
    "autoping": NOT_BOOLS,
    "decode_text": NOT_BOOLS,
    "control_messages": (*NOT_BOOLS, 1),
    "strict_masking": (*NOT_BOOLS, 1),
}


def test_it_is_known_of_every_option_what_it_cannot_be() -> None:
    """A new option has a line above."""
    assert WRONG.keys() == EXPECTED.keys()


@pytest.mark.parametrize(
    ("face", "setting", "value"),
    [
        pytest.param(face, setting, value, id=f"{face.name}-{option}-{value!r}")
        for face in FACES
        for option, setting in face.options.names.items()
        for value in WRONG[setting]
    ],
)
def test_a_value_that_cannot_be_is_refused_when_the_thing_is_made(
    face: Face, setting: str, value: object
) -> None:
    """With the name of the option, what it is, and what was given; it is a TypeError, too."""
    options = face.options_of({setting: value})
    problem = f"{next(iter(options))} is {EXPECTED[setting].words}, not "
    with pytest.raises(RegistrationError, match=re.escape(problem)) as refused:
        face.make(options)
    assert isinstance(refused.value, TypeError)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_the_error_says_where(face: Face) -> None:
    """The class, or the path."""
    places = {"WebSocketView": "View.", "WebSocketResponse": "WebSocketResponse: "}
    place = places.get(face.name, "WebSocket: " if face.name == "WebSocket" else "the route '/': ")
    with pytest.raises(RegistrationError, match=f"^{re.escape(place)}idle_timeout is "):
        face.make({"idle_timeout": "soon"})


@pytest.mark.parametrize(
    "face", [face for face in FACES if face.name != "WebSocketView"], ids=lambda face: face.name
)
def test_an_option_that_does_not_exist_is_refused(face: Face) -> None:
    """A class may have attributes of its own, all others have options alone."""
    with pytest.raises(RegistrationError, match="max_size"):
        face.make({"max_size": 5})


@pytest.mark.parametrize(
    "face",
    [face for face in FACES if "protocols" in face.options.names],
    ids=lambda each: each.name,
)
def test_one_name_is_no_collection_of_names_but_for_aiohttps_class(face: Face) -> None:
    """``protocols="chat"`` works with aiohttp."""
    if face.name == "WebSocketResponse":
        face.make({"protocols": "chat"})
        return
    with pytest.raises(RegistrationError, match="protocols is a collection of names, not 'chat'"):
        face.make({"protocols": "chat"})


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_an_async_function_cannot_decide_on_origins(face: Face) -> None:
    """What it returns is true, whatever it would say: every page would be accepted."""

    async def decide(request: object, origin: str) -> bool:
        return False

    with pytest.raises(RegistrationError, match="origins is "):
        face.make({"origins": staticmethod(decide) if face.name == "WebSocketView" else decide})


async def test_a_single_subprotocol_may_be_a_str_in_the_drop_in(
    serve: Serve, raw_client: Connect
) -> None:
    """It is one name, not its letters or a part of it."""
    face = FACES[0]
    port = await serve(face.serve(lambda ws, text: None, {"protocols": "chat"}))
    chosen = await raw_client(port, subprotocols="c, hat, chat")
    assert chosen.headers["sec-websocket-protocol"] == "chat"


@pytest.mark.parametrize(
    "options",
    [
        {"compress": 0, "autoping": 1, "autoclose": 1, "decode_text": 1},
        {"protocols": iter(["chat"]), "codecs": iter([MSGPACK])},
        {"protocols": {"chat": 1}, "max_msg_size": 0, "receive_timeout": 0, "heartbeat": 0},
        {"timeout": 60 * 60 * 24 * 365, "max_msg_size": sys.maxsize, "writer_limit": sys.maxsize},
    ],
)
def test_the_drop_in_takes_what_works_with_aiohttps_class(options: dict[str, Any]) -> None:
    """As programs say it."""
    assert WebSocketResponse(**options).compress is ("compress" not in options)


# what type checkers and readers see is what there is


def test_the_options_are_the_same_to_a_type_checker() -> None:
    """The typed forms have the names, and the types, of the settings."""
    types = get_type_hints(Settings)
    for typed, options in (
        (WebSocketOptions, WEBSOCKET_OPTIONS),
        (ResponseOptions, RESPONSE_OPTIONS),
    ):
        said = get_type_hints(typed)
        assert said.keys() == options.names.keys()
        plain = {name: type_ for name, type_ in said.items() if name not in ("codecs", "protocols")}
        assert plain == {name: types[options.names[name]] for name in plain}


def test_the_attributes_of_a_view_have_the_defaults_of_the_settings() -> None:
    """`ViewOptions` says them once more, for type checkers."""
    view = next(face for face in FACES if face.name == "WebSocketView")
    said = {name: getattr(WebSocketView, name) for name in ViewOptions.__annotations__}
    assert said == view.options.default_values


def test_help_shows_the_options_with_their_defaults() -> None:
    """As if they were parameters one by one; an instance's own come first."""
    parameters = inspect.signature(WebSocketResponse).parameters
    assert {name: each.default for name, each in parameters.items()} == (
        RESPONSE_OPTIONS.default_values
    )


# each option acts


def with_option(setting: str) -> pytest.MarkDecorator:
    faces = [face for face in FACES if setting in face.options.names.values()]
    return pytest.mark.parametrize("face", faces, ids=lambda face: face.name)


def echo(ws: Any, text: str) -> None:
    ws.push(text)


async def connect(face: Face, serve: Serve, raw_client: Connect, **settings: Any) -> RawClient:
    """Connect to an echo with these settings, and ask for compression."""
    port = await serve(face.serve(echo, face.options_of(settings)))
    return await raw_client(port, extensions=DEFLATE)


@with_option("max_msg_size")
async def test_max_msg_size_acts(face: Face, serve: Serve, raw_client: Connect) -> None:
    """A larger message closes with 1009; where aiohttp's interface is, one that reaches it does, too."""
    client = await connect(face, serve, raw_client, max_msg_size=10)
    client.send_text("123456789")
    assert (await client.recv_frame()).text == "123456789"
    client.send_text("1234567890")
    frame = await client.recv_frame()
    if face.name != "WebSocketResponse":
        assert frame.text == "1234567890"
        client.send_text("12345678901")
        frame = await client.recv_frame()
    assert (frame.opcode, frame.close_code) == (CLOSE, 1009)


@with_option("max_backpressure")
async def test_max_backpressure_acts(face: Face, serve: Serve, raw_client: Connect) -> None:
    """So much waits for a peer that does not read, and no more."""
    part = bytes(16 * 1024)
    amounts = dict.fromkeys((4 * len(part), 40 * len(part)), 0)
    for limit in amounts:

        def fill(ws: Any, text: str, limit: int = limit) -> None:
            while ws.push(part):
                pass
            amounts[limit] = ws.buffered_amount

        options = face.options_of({"max_backpressure": limit})
        client = await raw_client(await serve(face.serve(fill, options)), receive_buffer=4096)
        client.send_text("fill")
        await client.recv_frame()
    for limit, amount in amounts.items():
        assert limit - 2 * len(part) <= amount <= limit + 2 * len(part)


@with_option("max_unsent")
async def test_max_unsent_acts(face: Face, serve: Serve, raw_client: Connect) -> None:
    """The kernel keeps so much for a peer that does not read, beside what fits in the peer's own buffer."""
    part = bytes(4 * 1024)
    taken: dict[int | None, int] = {4 * 1024: 0, None: 0}
    for limit in taken:

        def fill(ws: Any, text: str, limit: int | None = limit) -> None:
            while ws.push(part):
                taken[limit] += len(part)
            taken[limit] -= ws.buffered_amount

        options = face.options_of({"max_unsent": limit})
        client = await raw_client(await serve(face.serve(fill, options)), receive_buffer=4096)
        client.send_text("fill")
        await client.recv_frame()
    assert taken[4 * 1024] < 64 * 1024
    assert taken[None] > 256 * 1024


@with_option("max_topics")
async def test_max_topics_acts(face: Face, serve: Serve, raw_client: Connect) -> None:
    """So many topics a connection may have; it may leave one for another."""
    told: list[object] = []

    def subscribe(ws: Any, text: str) -> None:
        for topic in "aabc":
            try:
                ws.subscribe(topic)
            except TooManyTopics as error:
                told.append(str(error))
        ws.unsubscribe("a")
        told.extend((ws.subscribe("c"), sorted(ws.topics)))
        ws.push("done")

    app = face.serve(subscribe, face.options_of({"max_topics": 2}))
    setup(app)
    client = await raw_client(await serve(app))
    client.send_text("subscribe")
    await client.recv_frame()
    assert told == [
        "a connection has at most 2 topics: its max_topics says how many",
        True,
        ["b", "c"],
    ]


@with_option("idle_timeout")
async def test_idle_timeout_acts(face: Face, serve: Serve, raw_client: Connect) -> None:
    """A silent peer gets a ping."""
    client = await connect(face, serve, raw_client, idle_timeout=0.06)
    assert (await client.recv_frame()).opcode == PING


@with_option("compress")
@pytest.mark.parametrize(
    ("compress", "answer"),
    [(False, None), (True, "server_no_context"), (Compression.DEDICATED_8KB, "bits=10")],
)
async def test_compress_acts(
    face: Face, serve: Serve, raw_client: Connect, compress: Any, answer: str | None
) -> None:
    """Not at all, each message by itself, or with a window."""
    client = await connect(face, serve, raw_client, compress=compress)
    said = client.headers.get("sec-websocket-extensions")
    assert said is None if answer is None else answer in str(said)


@with_option("compress_threshold")
async def test_compress_threshold_acts(face: Face, serve: Serve, raw_client: Connect) -> None:
    """From so many bytes on."""
    client = await connect(face, serve, raw_client, compress_threshold=40)
    for text, is_compressed in (("a" * 39, False), ("a" * 40, True)):
        client.send_text(text)
        frame = await client.recv_frame()
        assert frame.rsv1 is is_compressed


@with_option("protocols")
async def test_protocols_act(face: Face, serve: Serve, raw_client: Connect) -> None:
    """The client's first that is one of them."""
    port = await serve(face.serve(echo, {"protocols": ["b", "a"]}))
    client = await raw_client(port, subprotocols="x, a, b")
    assert client.headers["sec-websocket-protocol"] == "a"


@with_option("codecs")
async def test_codecs_act(face: Face, serve: Serve, raw_client: Connect) -> None:
    """Objects are sent in the one that the client chooses, or the first."""
    port = await serve(face.serve(lambda ws, text: ws.push({}), {"codecs": [JSON, MSGPACK]}))
    for chosen, opcode in ((None, TEXT), (MSGPACK.subprotocol, BINARY)):
        client = await raw_client(port, subprotocols=chosen)
        assert client.headers.get("sec-websocket-protocol") == chosen
        client.send_text("an object, please")
        assert (await client.recv_frame()).opcode == opcode


@with_option("origins")
@pytest.mark.parametrize(
    "origins",
    [["https://A.example/"], {"https://a.example"}, staticmethod(lambda _, it: "a." in it)],
    ids=["a list", "a set", "a function"],
)
async def test_origins_act(face: Face, serve: Serve, raw_client: Connect, origins: Any) -> None:
    """A page of another site gets no 101."""
    if face.name != "WebSocketView" and isinstance(origins, staticmethod):
        origins = origins.__func__
    port = await serve(face.serve(echo, {"origins": origins}))
    for origin, status in (("https://a.example", 101), ("https://b.example", 403)):
        client = await raw_client(port, headers={"Origin": origin})
        assert client.status == status
