"""`WebSocketView`: hooks to override, in one object for each connection, without a task while it is idle."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Final, Self, TypeAlias, cast
from weakref import WeakValueDictionary

from aiohttp import WSMessage, WSMsgType, hdrs, web

from ..connection import Connection, Hooks, Peer, PreparedMessage, Pump, protocol_of
from ..errors import NoSuchMember, RegistrationError, RequestReleased
from ..hub.hub import Hub
from ..inject import Factory, Use
from ..kinds import Guard, KindDispatcher, Middleware, Payload, on, register_marked
from ..response.receiver import MESSAGE_TYPES
from ..settings import (
    VIEW_OPTIONS,
    Expected,
    OptionSet,
    Settings,
    ViewOptions,
    are,
    is_number,
    is_whole_number,
)
from ..upgrade import admit, and_close, forget_request
from ..user_id import UserId, check_user_id
from .builds import KindHooksCore, ViewHooksCore
from .hooked import result_of, upgrade_for_hooks
from .http_methods import answers_to, method_for
from .members import FALLBACK, check_members

__all__ = ("WebSocketView", "on")

Router: TypeAlias = KindDispatcher | tuple[str, KindDispatcher]

NOT_OPEN: Final = (
    "there is a connection from on_open on. authenticate returns the user id, or raises a response such as "
    "web.HTTPUnauthorized(); the hub is request.config_dict[HUB]"
)


class _ViewEvents(Hooks):
    """A connection's events as calls of its view's methods."""

    __slots__ = ()

    def open(self, owner: WebSocketView, ws: Connection) -> Any:
        return owner.take_connection(ws)

    def drain(self, owner: WebSocketView, ws: Connection) -> Any:
        return owner.on_drain()

    def dropped(self, owner: WebSocketView, ws: Connection, message: PreparedMessage) -> Any:
        if type(owner).on_dropped is WebSocketView.on_dropped:  # nor is a text decoded
            return None
        return owner.on_dropped(message.data, MESSAGE_TYPES[message.opcode])

    def close(self, owner: WebSocketView, ws: Connection, code: int, reason: str) -> Any:
        return owner.on_close(code, reason)


class _ViewHooks(_ViewEvents, ViewHooksCore):
    """Those of views, which get each message."""

    __slots__ = ()


class _KindHooks(_ViewEvents, KindHooksCore):
    """Those of views with handlers of kinds, which get each message first."""

    __slots__ = ()


class WebSocketView(ViewOptions, web.View):
    """An endpoint to subclass: mount it with ``app.router.add_view(path, View)``.

    Hooks may be plain or ``async``. `authenticate` comes before the 101, then `on_open`, then messages
    one after the other, at the end `on_close`, exactly once. `on_drain` and `on_dropped` do not wait for a
    message that is being handled, and neither does `on_close` when our own side closes. A hook that raises
    closes the connection with 1011.

    Methods marked with `on` handle kinds, and so do those of ``routers``: `KindDispatcher` objects, or
    pairs of a prefix and one. ``on_unknown_kind(self, kind, fields)``, if the class has one, handles the
    other kinds. A class that has `may_subscribe` lets clients join declared topics, with the kinds of aiows
    itself. ``sends`` are the `Payload` types that the view sends, for the contract, and
    ``carries`` those that come on topics: ``{"room:*": [Said]}``. A subclass inherits all of it. ``kinds`` is
    the `KindDispatcher` that comes of it, None if nothing does.

    It is an aiohttp view as any other: `get` answers an upgrade, and a coroutine method ``post(self)`` or
    ``options(self)``, if the class has one, answers such requests. `authenticate` is not asked for them.

    Class attributes are options: ``max_msg_size`` (4 MiB), ``max_backpressure`` (1 MiB) and ``max_unsent``
    (None; see `WebSocketResponse`), all in bytes; ``max_topics`` (4096, that one connection may be
    subscribed to), ``idle_timeout`` (120 seconds without a sign of life
    until the peer is given up; 0: never), ``protocols`` (none), ``codecs`` (JSON alone; see `aiows.codecs`:
    their subprotocols are offered after ``protocols``, and a connection speaks the one that was chosen, or
    else the first), ``compress`` (True), ``compress_threshold`` (None; see `WebSocketResponse`),
    ``origins`` ("same", which behind a proxy that speaks TLS wants to be named; see
    `aiows.upgrade.check_origin`), ``keep_request`` (False), ``payload_key``, ``max_bad_messages``,
    ``in_flight`` and ``kind_timeout`` (see `KindDispatcher`, there ``timeout``), ``guards`` and
    ``middleware`` (none; around every kind), ``dependencies`` (none; for the view's methods). One that
    cannot be is a RegistrationError when the class is made.
    """

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
    carries: ClassVar[Mapping[str, Sequence[type[Payload]]]] = {}
    kinds: ClassVar[KindDispatcher | None] = None

    _handles_kinds: ClassVar[bool] = False
    _hooks: ClassVar[Hooks] = _ViewHooks(WSMessage, MESSAGE_TYPES)

    ws: Connection
    """The connection, from `on_open` on. `authenticate` comes before, and gets NoSuchMember."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_attributes(cls)
        check_members(cls, WebSocketView, ATTRIBUTES)
        kinds = _dispatcher_of(cls)
        cls._handles_kinds = _declare_handled(cls, kinds)
        kinds.sends(*_inherited(cls, "sends"))
        for payloads in cls.carries.values():
            kinds.sends(*payloads)
        cls.kinds = kinds if kinds.contracts() or cls._handles_kinds else None
        if cls._handles_kinds:
            cls._hooks = _KindHooks(kinds, WSMessage, MESSAGE_TYPES)

    def __init__(self, request: web.Request) -> None:
        super().__init__(request)
        self.app: web.Application = request.app
        self._match = _Match(request.match_info)

    # hooks

    async def authenticate(self, request: web.Request) -> UserId | None:
        """Return the user id, None for nobody; raise web.HTTPForbidden or the like to refuse.

        What cannot be a user id, such as a response that is returned, is refused with 500 and InvalidUserId
        in the log.
        """
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

    def on_dropped(self, message: str | bytes, opcode: WSMsgType) -> Any:
        """There was no room for a message to this peer, pushed or published: it is not sent.

        ``message`` is ``str`` for TEXT, ``bytes`` for BINARY. It is called before `push` has returned. What
        is dropped while it runs is not told again.
        """

    def on_close(self, code: int, reason: str) -> Any:
        """It is over; nothing can be sent."""

    def may_subscribe(self, topic: str) -> bool | Awaitable[bool]:
        """Return True if this client may have the declared topic; a view that has this lets clients join."""
        return False

    # what a hook reads

    @property
    def user_id(self) -> Any:
        """What `authenticate` answered: the ``user_id`` of the connection, from `on_open` on."""
        return self.ws.user_id

    @property
    def request(self) -> web.Request:
        """The upgrade request. Raises RequestReleased after `on_open`, unless ``keep_request``."""
        request = cast("web.Request | None", super().request)
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

    async def get(self) -> web.StreamResponse:
        """Answer an upgrade. Overridden to answer other requests, too, it is what those that remain go to."""
        return await self._upgrade(self.request)

    def __await__(self) -> Generator[None, None, web.StreamResponse]:
        return self._answer(self.request.method).__await__()

    async def _answer(self, http_method: str) -> web.StreamResponse:
        """Answer as any view of aiohttp does, with the method that has the HTTP method's name."""
        method = method_for(self, http_method)
        if method is None and http_method == hdrs.METH_GET:
            return await self._upgrade(self.request)  # ``get`` is something else in this class
        if method is None:
            allowed = answers_to(self) | {hdrs.METH_GET}
            raise and_close(web.HTTPMethodNotAllowed(http_method, allowed))
        return await method()

    async def _upgrade(self, request: web.Request) -> web.StreamResponse:
        admit(request, type(self).origins)  # a function there is no method of the view
        user_id = await self._authenticated(request)
        options = KIND_VIEW_OPTIONS if self._handles_kinds else VIEW_OPTIONS
        return await upgrade_for_hooks(
            request, _settings_of(self, options), self._hooks, self, user_id=user_id
        )

    async def _authenticated(self, request: web.Request) -> Any:
        """Return what may be a user id. Raises InvalidUserId, NoSuchMember where the hook reads ``ws``."""
        place = f"{type(self).__qualname__}.authenticate"
        try:
            user_id = await result_of(self.authenticate(request))
        except AttributeError as error:
            if error.obj is self and error.name == "ws":
                raise NoSuchMember(f"ws in {place}", NOT_OPEN) from error
            raise
        check_user_id(user_id, place)
        return user_id

    async def take_connection(self, ws: Connection) -> None:
        """Take what was accepted, and run `on_open`."""
        self.ws = ws
        self._register()
        try:
            await result_of(self.on_open())
        finally:
            if not self.keep_request:
                forget_request(self)
                self._match = _Match.shared(self.match_info)

    def _register(self) -> None:
        """The connection is its user's from here on, until it ends."""
        if self.user_id is not None and protocol_of(self.ws).hub is not None:
            self.hub.registry.add(self.user_id, self.ws)


def _settings_of(view: WebSocketView, options: OptionSet) -> Settings:
    """What the class and the object say, which may know more when it has authenticated."""
    given = {name: getattr(view, name) for name in options.names if name != "origins"}
    return options.read(given, f"{type(view).__qualname__}.")


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


def _are_carried(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(topic, str) and "*" not in topic[:-1] and are(_is_payload_type)(payloads)
        for topic, payloads in cast("Mapping[object, object]", value).items()
    )


# Kinds are read from the bytes of a message.
KIND_VIEW_OPTIONS: Final = VIEW_OPTIONS.with_defaults(decode_text=False)

# What each class attribute must be.
ATTRIBUTES: Final[Mapping[str, Expected]] = {
    **VIEW_OPTIONS.expected,
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
    "carries": Expected(
        _are_carried,
        "a dict of topics, each with a sequence of Payload types; a * can only be at a topic's end",
    ),
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
            may_subscribe=_may_subscribe if _lets_subscribe(view) else None,
        )
    except (ValueError, RegistrationError) as error:
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
    return has_methods or bool(routers) or fallback is not None or _lets_subscribe(view)


def _lets_subscribe(view: type[WebSocketView]) -> bool:
    return view.may_subscribe is not WebSocketView.may_subscribe


def _may_subscribe(ws: Peer, topic: str) -> bool | Awaitable[bool]:
    """Ask the view of a connection."""
    pump = cast("Pump", protocol_of(ws.connection).application)
    return cast("WebSocketView", pump.owner).may_subscribe(topic)


def _inherited(view: type[WebSocketView], name: str) -> list[Any]:
    """Return what the class and its bases list under ``name``."""
    return [each for base in reversed(view.__mro__) for each in vars(base).get(name, ())]
