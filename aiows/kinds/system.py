"""The kinds that aiows itself handles: a client says hello, joins topics, asks for their history, and pings.

They are ordinary kinds of a router that a dispatcher includes where it is told who may subscribe to what.
Every name and number in them comes from a peer, and has a bound.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from ..connection import Joined, Peer, Topics, Wish, protocol_of
from ..errors import BackplaneError, KindError, TooManyTopics
from ..position import Position
from ..wire_form import KIND, LOST, PLACE, PONG, SYSTEM
from .declaring.table import KindTable
from .payload import Payload

__all__ = ("MaySubscribe", "system_kinds")

T = TypeVar("T")

MaySubscribe: TypeAlias = Callable[[Peer, str], bool | Awaitable[bool]]
"""``may_subscribe(ws, topic)``: whether a client may have a declared topic."""

VERSION: Final = 1
"""The version of the protocol between aiows and its clients."""

# Seconds without a message after which a client asks whether the server is there: a page sees no ping frames,
# and a laptop that was asleep has a socket that looks open. Proxies cut what is silent after 60.
IDLE: Final = 25

# Topics of one connection. Each is a row in tables of this node, and perhaps a read of the backplane: stops a
# client that joins everything that it can think of.
MAX_TOPICS: Final = 128

# Bytes of a topic's name: it is kept for as long as anybody is subscribed.
MAX_NAME: Final = 200

# Messages of a topic that a client gets at once; what is further back it asks for again.
MAX_LAST: Final = 1000

# Bytes of one answer with history: the messages are decoded and encoded again at once.
MAX_HISTORY: Final = 512 * 1024

# After so many seconds a client may ask again for a topic that cannot be had now.
RETRY_AFTER: Final = 1.0


def forbidden() -> KindError:
    return KindError("forbidden", "you may not subscribe to this topic")


def unavailable() -> KindError:
    return KindError(
        "unavailable", "the topic cannot be read just now", {"retry_after": RETRY_AFTER}
    )


def no_history() -> KindError:
    return KindError("no_history", "no messages of this topic are kept")


TOPIC_ERRORS: Final = (forbidden(), TooManyTopics(MAX_TOPICS), unavailable())

Epoch: TypeAlias = Annotated[str, Meta(max_length=64)]
Offset: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]  # what JavaScript has as an integer
Since: TypeAlias = tuple[Epoch, Offset] | None
Last: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_LAST)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_LAST)]
Session: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
At: TypeAlias = tuple[str, int]
Token: TypeAlias = Annotated[str, Meta(max_length=8192)]


class TopicWish(Struct):
    """What a client wants of a topic: what came after ``since``, or else the ``last`` messages."""

    since: Since = None
    last: Last = 0


class TopicRefusal(Struct, omit_defaults=True):
    """Why a topic was not joined; with ``retry_after`` in ``details`` the client may ask again."""

    code: str
    message: str
    details: Any = None


class TopicOutcome(Struct):
    """What came of one topic: ``error``, or else what a `TopicJoined` says."""

    position: At | UnsetType = UNSET
    recovered: bool | UnsetType = UNSET
    error: TopicRefusal | UnsetType = UNSET


class TopicJoined(Payload):
    """A topic is joined: what comes from ``position`` on is sent. ``recovered`` is there if ``since`` was."""

    position: At | UnsetType = UNSET
    recovered: bool | UnsetType = UNSET


class Welcome(Payload):
    """The answer to a hello; ``idle``: ask for a sign of life after so many seconds without a message."""

    v: int
    user: str | int | None
    idle: int
    topics: dict[str, TopicOutcome]


class TopicHistory(Payload):
    """Messages with their numbers, and where the log is. ``recovered`` is there if ``since`` was."""

    messages: list[tuple[int, Any]]
    position: At
    recovered: bool | UnsetType = UNSET


class Lost(Struct):
    """Messages of a topic are missing; it goes on behind ``position``, if it has a log."""

    place: tuple[str] = field(name=PLACE)
    position: At | UnsetType = UNSET


def system_kinds(may_subscribe: MaySubscribe) -> KindTable:
    """Return the router, for a dispatcher to include."""
    kinds = KindTable(is_system=True)
    kinds.sends(LOST, Lost)
    kinds.sends(PONG)
    access = _Access(may_subscribe)

    @kinds.on(SYSTEM + "hello")
    async def hello(
        ws: Peer,
        v: Annotated[int, Meta(ge=1)],
        session: Session,
        topics: dict[str, TopicWish] = {},  # noqa: B006 (it is only read)
        token: Token | None = None,
    ) -> Welcome:
        """Begin: join topics, all of them before the reply, and learn what the server knows."""
        user = ws.user_id
        return Welcome(
            v=min(v, VERSION),
            user=user if isinstance(user, str | int | None) else str(user),
            idle=IDLE,
            topics=await access.join(ws, topics),
        )

    @kinds.on(SYSTEM + "subscribe", errors=TOPIC_ERRORS)
    async def subscribe(ws: Peer, topic: str, since: Since = None, last: Last = 0) -> TopicJoined:
        """Join a topic: what was missed comes before the reply."""
        return await access.join_one(ws, topic, TopicWish(since, last))

    @kinds.on(SYSTEM + "unsubscribe")
    def unsubscribe(ws: Peer, topic: str) -> None:
        """Leave a topic."""
        if _hub(ws).is_declared(topic):
            ws.leave(topic)

    @kinds.on(SYSTEM + "history", errors=(*TOPIC_ERRORS, no_history()))
    async def history(
        ws: Peer, topic: str, since: Since = None, last: Last | None = None, limit: Limit = 100
    ) -> TopicHistory:
        """Read what is kept of a topic, without joining it."""
        return await access.history(ws, topic, since, last, limit)

    @kinds.on(SYSTEM + "ping")
    def ping(ws: Peer) -> None:
        """Ask whether the server is there; the answer is ``aiows.pong``."""
        ws.push({KIND: PONG})

    return kinds


class _Access:
    """Joins topics for clients, as far as they may."""

    def __init__(self, may_subscribe: MaySubscribe) -> None:
        self._may_subscribe = may_subscribe

    async def join_one(self, ws: Peer, topic: str, wish: TopicWish) -> TopicJoined:
        """Join one topic. Raises KindError."""
        joined = (await self._outcomes(ws, {topic: wish}))[topic]
        if isinstance(joined, Exception):
            raise _refusal(joined)
        return TopicJoined(position=_given(joined.position), recovered=_given(joined.recovered))

    async def join(self, ws: Peer, wishes: Mapping[str, TopicWish]) -> dict[str, TopicOutcome]:
        """Join topics in one turn, and return what came of each. Raises KindError if they are too many."""
        if len(wishes) > MAX_TOPICS:
            raise TooManyTopics(MAX_TOPICS)
        outcomes = await self._outcomes(ws, wishes)
        return {topic: _outcome_of(each) for topic, each in outcomes.items()}

    async def history(
        self, ws: Peer, topic: str, since: Since, last: int | None, limit: int
    ) -> TopicHistory:
        """Read what is kept. Raises KindError."""
        await self._check(ws, topic)
        hub = _hub(ws)
        if not hub.has_history(topic):
            raise no_history()
        try:
            page = await hub.history(
                topic, since=since, last=last, limit=limit, max_size=MAX_HISTORY
            )
        except BackplaneError as error:
            raise _refusal(error) from error
        return TopicHistory(
            messages=[*page.messages], position=page.position, recovered=_given(page.recovered)
        )

    async def _outcomes(
        self, ws: Peer, wishes: Mapping[str, TopicWish]
    ) -> Mapping[str, Joined | Exception]:
        hub = _hub(ws)
        limit, has = protocol_of(ws.connection).options.max_topics, ws.topics
        room = min(MAX_TOPICS - sum(map(hub.is_declared, has)), limit - len(has))
        outcomes: dict[str, Joined | Exception] = {}
        allowed: dict[str, Wish] = {}
        for topic, wish in wishes.items():
            try:
                await self._check(ws, topic)
                if topic not in has:
                    room -= 1
                    if room < 0:
                        raise TooManyTopics(min(MAX_TOPICS, limit))
            except KindError as error:
                outcomes[topic] = error
            else:
                since = None if wish.since is None else Position(*wish.since)
                allowed[topic] = Wish(since, wish.last)
        if allowed:
            outcomes |= await hub.join(ws.connection, allowed)
        return outcomes

    async def _check(self, ws: Peer, topic: str) -> None:
        """Raise KindError for a topic that this client cannot have."""
        if not topic or len(topic.encode()) > MAX_NAME:
            raise KindError("invalid", f"topic: a name has from 1 to {MAX_NAME} bytes")
        if not _hub(ws).is_declared(topic):
            raise forbidden()
        answer = self._may_subscribe(ws, topic)
        if isawaitable(answer):
            answer = await answer
        if answer is not True:  # nobody gets in by a hook that forgets to answer
            raise forbidden()


def _hub(ws: Peer) -> Topics:
    return protocol_of(ws.connection).required_hub()


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _outcome_of(joined: Joined | Exception) -> TopicOutcome:
    if isinstance(joined, Exception):
        refusal = _refusal(joined)
        error = TopicRefusal(refusal.code, refusal.message, refusal.details)
        return TopicOutcome(error=error)
    return TopicOutcome(position=_given(joined.position), recovered=_given(joined.recovered))


def _refusal(error: Exception) -> KindError:
    """Return the answer to what went wrong with one topic. Raises what is no fault of a topic."""
    if isinstance(error, BackplaneError):
        return unavailable()
    if isinstance(error, KindError):
        return error
    raise error
