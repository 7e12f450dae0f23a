"""In goes an upgrade request, out come hooks to override: one object per connection, no task while idle."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final, Self, TypeAlias, cast
from weakref import WeakValueDictionary

from aiohttp import WSMessage, web

from .._wire import Compression
from ..codecs import JSON, Codec
from ..connection import Connection, Hooks, protocol_of
from ..errors import RegistrationError, RequestReleased
from ..hub.hub import Hub
from ..inject import Factory, Use
from ..kinds import Guard, KindDispatcher, Middleware, Payload, on, register_marked
from ..response.receiver import MESSAGE_TYPES
from ..settings import (
    BYTES,
    BYTES_OR_NO_LIMIT,
    COMPRESSION,
    COMPRESSION_THRESHOLD,
    NAMES,
    ORIGINS,
    SECONDS_OR_NEVER,
    Expected,
    are,
    is_number,
    is_whole_number,
)
from ..upgrade.handshake import Origins
from .attended import AttendedResponse, admit, result_of
from .cores import KindHooksCore, ViewHooksCore

__all__ = ("WebSocketView", "on")

Router: TypeAlias = KindDispatcher | tuple[str, KindDispatcher]

FALLBACK: Final = "on_unknown_kind"


class _ViewEvents(Hooks):
    """A connection's events as calls of its view's methods."""

    __slots__ = ()

    def open(self, owner: WebSocketView, ws: Connection) -> Any:
        return owner.take_connection(ws)

    def drain(self, owner: WebSocketView, ws: Connection) -> Any:
        return owner.on_drain()

    def close(self, owner: WebSocketView, ws: Connection, code: int, reason: str) -> Any:
        return owner.on_close(code, reason)


class _ViewHooks(_ViewEvents, ViewHooksCore):
    """Those of views, which get each message."""

    __slots__ = ()


class _KindHooks(_ViewEvents, KindHooksCore):
    """Those of views with handlers of kinds, which get each message first."""

    __slots__ = ()


class WebSocketView(web.View):
    """An endpoint to subclass: mount it with ``app.router.add_view(path, View)``.

    Hooks may be plain or ``async``. `authenticate` comes before the 101, then `on_open`, then messages
    one after the other, at the end `on_close`, exactly once. `on_drain` does not wait for a message that
    is being handled, and neither does `on_close` when our own side closes. A hook that raises closes the
    connection with 1011.

    Methods marked with `on` handle kinds, and so do those of ``routers``: `KindDispatcher` objects, or
    pairs of a prefix and one. ``on_unknown_kind(self, kind, fields)``, if the class has one, handles the
    other kinds. ``sends`` are the `Payload` types that the view sends, for the contract. A subclass inherits
    all of it. ``kinds`` is the `KindDispatcher` that comes of it, None if nothing does.

    Class attributes are options: ``max_msg_size`` (4 MiB), ``max_backpressure`` (1 MiB), both in bytes;
    ``idle_timeout`` (120 seconds without a sign of life until the peer is given up; 0: never),
    ``protocols`` (none), ``codecs`` (JSON alone; see `aiows.codecs`: their subprotocols are offered after
    ``protocols``, and a connection speaks the one that was chosen, or else the first), ``compress``
    (True), ``compress_threshold`` (None; see `WebSocketResponse`), ``origins`` ("same", which behind a
    proxy that speaks TLS wants to be named; see `aiows.handshake.check_origin`), ``keep_request``
    (False), ``payload_key``, ``max_bad_messages``, ``in_flight`` and ``kind_timeout`` (see
    `KindDispatcher`, there ``timeout``), ``guards`` and ``middleware`` (none; around every kind),
    ``dependencies`` (none; for the view's methods). One that cannot be is a RegistrationError when the class
    is made.
    """

    max_msg_size: ClassVar[int] = 4 * 1024 * 1024
    max_backpressure: ClassVar[int] = 1024 * 1024
    idle_timeout: ClassVar[float] = 120.0
    protocols: ClassVar[Collection[str]] = ()
    codecs: ClassVar[Sequence[Codec]] = (JSON,)
    compress: ClassVar[bool | Compression] = True
    compress_threshold: ClassVar[int | None] = None
    origins: Origins = "same"
    keep_request: ClassVar[bool] = False
    payload_key: ClassVar[str | None] = None
    max_bad_messages: ClassVar[int] = 20
    in_flight: ClassVar[int] = 16
    kind_timeout: ClassVar[float | None] = None
    guards: ClassVar[Sequence[Guard]] = ()
    middleware: ClassVar[Sequence[Middleware]] = ()
    dependencies: ClassVar[Sequence[Factory]] = ()
    routers: ClassVar[Sequence[Router]] = ()
    sends: ClassVar[Sequence[type[Payload]]] = ()
    kinds: ClassVar[KindDispatcher | None] = None

    _handles_kinds: ClassVar[bool] = False
    _hooks: ClassVar[Hooks] = _ViewHooks(WSMessage, MESSAGE_TYPES)

    ws: Connection
    """The connection, from `on_open` on."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_attributes(cls)
        kinds = _dispatcher_of(cls)
        cls._handles_kinds = _declare_handled(cls, kinds)
        kinds.sends(*_inherited(cls, "sends"))
        cls.kinds = kinds if kinds.contracts() or cls._handles_kinds else None
        if cls._handles_kinds:
            cls._hooks = _KindHooks(kinds, WSMessage, MESSAGE_TYPES)

    def __init__(self, request: web.Request) -> None:
        super().__init__(request)
        self.app: web.Application = request.app
        self._match = _Match(request.match_info)

    # hooks

    async def authenticate(self, request: web.Request) -> Any:
        """Return the user id, None for nobody; raise web.HTTPForbidden or the like to refuse."""
        return None

    def on_open(self) -> Any:
        """The 101 is sent; no message is seen before this has finished."""

    def on_message(self, msg: WSMessage) -> Any:
        """A message that no kind handler took: all of them where the view has no handlers of kinds.

        Where it has some, what comes here is of the other type than the connection's codec makes; unless this
        is overridden that is answered with an error.
        """
        if self._handles_kinds and self.kinds is not None:
            return self.kinds.refuse_type(self.ws)
        return None

    def on_drain(self) -> Any:
        """The outbox was fuller than its limit and is not any more."""

    def on_close(self, code: int, reason: str) -> Any:
        """It is over; nothing can be sent."""

    # what a hook reads

    @property
    def user_id(self) -> Any:
        """What `authenticate` answered: the ``user_id`` of the connection, from `on_open` on."""
        return self.ws.user_id

    @property
    def request(self) -> web.Request:
        """The upgrade request. Raises RequestReleased after `on_open`, unless ``keep_request``."""
        request = cast("web.Request | None", self._request)
        if request is None:
            raise RequestReleased
        return request

    @property
    def match_info(self) -> web.UrlMappingMatchInfo:
        """What the path matched: its parameters by name."""
        return self._match.info

    @property
    def hub(self) -> Hub:
        """The application's hub. Raises HubMissing without ``setup(app)``."""
        return cast(Hub, protocol_of(self.ws).required_hub())

    # how it runs

    async def _iter(self) -> web.StreamResponse:
        request = self.request
        admit(request, type(self).origins)  # a function there is no method of the view
        user_id = await result_of(self.authenticate(request))
        response = AttendedResponse(
            self._hooks,
            self,
            protocols=self.protocols,
            compress=self.compress,
            compress_threshold=self.compress_threshold,
            max_msg_size=self.max_msg_size,
            max_backpressure=self.max_backpressure,
            idle_timeout=self.idle_timeout,
            codecs=self.codecs,
            decode_text=not self._handles_kinds,  # they are read from the bytes
        )
        await response.attend(request, user_id=user_id)
        return response

    async def take_connection(self, ws: Connection) -> None:
        """Take what was accepted, and run `on_open`."""
        self.ws = ws
        self._register()
        try:
            await result_of(self.on_open())
        finally:
            if not self.keep_request:
                self._request = None  # type: ignore[assignment]  # aiohttp's View keeps it for good
                self._match = _Match.shared(self.match_info)

    def _register(self) -> None:
        """The connection is its user's from here on, until it ends."""
        if self.user_id is not None and protocol_of(self.ws).hub is not None:
            self.hub.registry.add(self.user_id, self.ws)


class _Match:
    """What the path of a request matched."""

    __slots__ = ("__weakref__", "info")

    def __init__(self, info: web.UrlMappingMatchInfo) -> None:
        self.info = info

    @classmethod
    def shared(cls, info: web.UrlMappingMatchInfo) -> Self:
        """Return one for all connections of a path without parameters: they match alike."""
        if info:
            return cls(info)
        return cast(Self, _matches.setdefault((info.route, *info.apps), cls(info)))


# It goes with the last view that has it.
_matches: Final[WeakValueDictionary[Hashable, _Match]] = WeakValueDictionary()


def _is_factory(value: object) -> bool:
    return callable(value) or isinstance(value, Use | web.AppKey)


def _is_router(value: object) -> bool:
    match value:
        case KindDispatcher() | (str(), KindDispatcher()):
            return True
        case _:
            return False


def _is_payload_type(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Payload)


# What each class attribute should be.
ATTRIBUTES: Final[Mapping[str, Expected]] = {
    "max_msg_size": BYTES_OR_NO_LIMIT,
    "max_backpressure": BYTES,
    "idle_timeout": SECONDS_OR_NEVER,
    "protocols": NAMES,
    "codecs": Expected(are(lambda each: isinstance(each, Codec)), "a sequence of codecs"),
    "compress": COMPRESSION,
    "compress_threshold": COMPRESSION_THRESHOLD,
    "origins": ORIGINS,
    "keep_request": Expected(lambda value: isinstance(value, bool), "a bool"),
    "payload_key": Expected(lambda value: isinstance(value, str | None), "a key, or None"),
    "max_bad_messages": Expected(is_whole_number, "a number of messages, or 0 for no limit"),
    "in_flight": Expected(is_whole_number, "a number of handlers"),
    "kind_timeout": Expected(
        lambda value: value is None or (is_number(value) and value > 0),
        "more than 0 seconds, or None",
    ),
    "guards": Expected(are(callable), "a sequence of guards"),
    "middleware": Expected(are(callable), "a sequence of middleware"),
    "dependencies": Expected(are(_is_factory), "a sequence of factories, or use() of them"),
    "routers": Expected(
        are(_is_router), "a sequence of KindDispatcher objects, or pairs of a prefix and one"
    ),
    "sends": Expected(are(_is_payload_type), "a sequence of Payload types"),
}


COLLECTED: Final = ("routers", "sends")
"""Those of all bases count, not only the first that is found."""


def _check_attributes(view: type[WebSocketView]) -> None:
    """Raise RegistrationError for what is not as it should be, in whichever class it is found.

    What an instance says, by a property, is known only there.
    """
    for name, expected in ATTRIBUTES.items():
        bases = [base for base in view.__mro__ if name in vars(base)]
        for base in bases if name in COLLECTED else bases[:1]:
            if not isinstance(vars(base)[name], property | cached_property):
                expected.check(f"{base.__qualname__}.{name}", getattr(base, name))


def _dispatcher_of(view: type[WebSocketView]) -> KindDispatcher:
    try:
        return KindDispatcher(
            payload_key=view.payload_key,
            max_bad_messages=view.max_bad_messages,
            codecs=view.codecs,
            in_flight=view.in_flight,
            timeout=view.kind_timeout,
            middleware=view.middleware,
            guards=view.guards,
            dependencies=view.dependencies,
        )
    except ValueError as error:
        raise RegistrationError(f"{view.__qualname__}: {error}") from error


def _declare_handled(view: type[WebSocketView], kinds: KindDispatcher) -> bool:
    """Register what the class and its bases handle; return whether that is anything."""
    has_methods = register_marked(view, kinds)
    routers: list[Router] = _inherited(view, "routers")
    for router in routers:
        prefix, included = ("", router) if isinstance(router, KindDispatcher) else router
        kinds.include(included, prefix)
    fallback = getattr(view, FALLBACK, None)
    if fallback is not None:
        kinds.fallback(fallback, method=True)
    return has_methods or bool(routers) or fallback is not None


def _inherited(view: type[WebSocketView], name: str) -> list[Any]:
    """Return what the class and its bases list under ``name``."""
    return [each for base in reversed(view.__mro__) for each in vars(base).get(name, ())]
