"""The kinds that aiows itself handles: a client says hello, joins topics, asks for their history, and pings.

They are ordinary kinds of a table that each dispatcher has beside its own: a client can say hello and ping
wherever kinds are handled, and join topics where the dispatcher is told who may. Every name and number in
them comes from a peer, and has a bound.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from ..connection import Joined, Peer, Topics, Wish, is_cancelled, protocol_of
from ..errors import BackplaneError, KindError, TooManyTopics
from ..position import Position
from ..wire_form import KIND, LOST, PLACE, PONG, SYSTEM
from .declaring.calls import Guard, Middleware
from .declaring.table import KindTable
from .payload import Payload
from .reading.refusals import INTERNAL, quote

__all__ = ("MaySubscribe", "system_kinds")

logger: Final = logging.getLogger("aiows.kinds")

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

# Topics that are not declared and are told in the log, of one endpoint: stops clients that ask for whatever
# they can think of from filling it.
MAX_UNDECLARED: Final = 8

# After so many seconds a client may ask again for a topic that cannot be had now.
RETRY_AFTER: Final = 1.0


def forbidden() -> KindError:
    return KindError("forbidden", "you may not subscribe to this topic")


def no_topics() -> KindError:
    return KindError("forbidden", "nobody may subscribe here: the endpoint has no may_subscribe")


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
    """The answer to a hello; ``idle``: ask for a sign of life after so many seconds without a message.

    ``once``: the kinds that are handled at most once, so that a client sends no other one again.
    """

    v: int
    user: str | int | None
    idle: int
    once: tuple[str, ...]
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


def system_kinds(
    handled_once: Callable[[], tuple[str, ...]],
    may_subscribe: MaySubscribe | None = None,
    *,
    middleware: Iterable[Middleware] = (),
    guards: Iterable[Guard] = (),
    timeout: float | None = None,
) -> KindTable:
    """Return the table for one dispatcher; ``handled_once`` returns which of its kinds are.

    Without ``may_subscribe`` every topic is refused. The others are as those of a `KindTable`.
    """
    kinds = KindTable(middleware=middleware, guards=guards, timeout=timeout, is_system=True)
    kinds.sends(LOST, Lost)
    kinds.sends(PONG)
    access = _Access(may_subscribe)

    @kinds.on(SYSTEM + "hello")
    async def hello(
        ws: Peer,
        v: Annotated[int, Meta(ge=1)],
        session: Session,
        topics: dict[str, TopicWish] = {},  # noqa: B006 (it is only read)
    ) -> Welcome:
        """Begin: join topics, all of them before the reply, and learn what the server knows."""
        user = ws.user_id
        return Welcome(
            v=min(v, VERSION),
            user=user if isinstance(user, str | int | None) else str(user),
            idle=IDLE,
            once=handled_once(),
            topics=await access.join(ws, topics),
        )

    @kinds.on(SYSTEM + "subscribe", errors=TOPIC_ERRORS)
    async def subscribe(ws: Peer, topic: str, since: Since = None, last: Last = 0) -> TopicJoined:
        """Join a topic: what was missed comes before the reply."""
        return await access.join_one(ws, topic, TopicWish(since, last))

    @kinds.on(SYSTEM + "unsubscribe")
    def unsubscribe(ws: Peer, topic: str) -> None:
        """Leave a topic."""
        if topic in ws.topics and _hub(ws).is_declared(topic):
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

    def __init__(self, may_subscribe: MaySubscribe | None) -> None:
        self._may_subscribe = may_subscribe
        self._undeclared: set[str] = set()

    async def join_one(self, ws: Peer, topic: str, wish: TopicWish) -> TopicJoined:
        """Join one topic. Raises KindError."""
        joined = (await self._outcomes(ws, {topic: wish}))[topic]
        if isinstance(joined, BaseException):
            raise _refusal(joined) or joined
        return TopicJoined(position=_given(joined.position), recovered=_given(joined.recovered))

    async def join(self, ws: Peer, wishes: Mapping[str, TopicWish]) -> dict[str, TopicOutcome]:
        """Join topics in one turn, and return what came of each. Raises KindError if they are too many."""
        if len(wishes) > MAX_TOPICS:
            raise TooManyTopics(MAX_TOPICS)
        outcomes = await self._outcomes(ws, wishes)
        return {topic: _outcome_of(ws, topic, each) for topic, each in outcomes.items()}

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
            raise unavailable() from error
        return TopicHistory(
            messages=[*page.messages], position=page.position, recovered=_given(page.recovered)
        )

    async def _outcomes(
        self, ws: Peer, wishes: Mapping[str, TopicWish]
    ) -> Mapping[str, Joined | BaseException]:
        """Join what may be joined. What goes wrong with one topic is the outcome of that one alone."""
        outcomes: dict[str, Joined | BaseException] = {}
        allowed: dict[str, Wish] = {}
        for topic, wish in wishes.items():
            try:
                await self._check(ws, topic)
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled(error) or protocol_of(ws.connection).is_departure(error):
                    raise
                outcomes[topic] = error
            else:
                since = None if wish.since is None else Position(*wish.since)
                allowed[topic] = Wish(since, wish.last)
        if not allowed:
            return outcomes
        limit, has, hub = protocol_of(ws.connection).options.max_topics, ws.topics, _hub(ws)
        room = min(MAX_TOPICS - sum(map(hub.is_declared, has)), limit - len(has))
        for topic in [each for each in allowed if each not in has][max(room, 0) :]:
            del allowed[topic]
            outcomes[topic] = TooManyTopics(min(MAX_TOPICS, limit))
        return {**outcomes, **await hub.join(ws.connection, allowed)} if allowed else outcomes

    async def _check(self, ws: Peer, topic: str) -> None:
        """Raise KindError for a topic that this client cannot have."""
        if self._may_subscribe is None:
            raise no_topics()
        if not topic or len(topic.encode()) > MAX_NAME:
            raise KindError("invalid", f"topic: a name has from 1 to {MAX_NAME} bytes")
        if not _hub(ws).is_declared(topic):
            self._tell_undeclared(topic)
            raise forbidden()
        answer = self._may_subscribe(ws, topic)
        if isawaitable(answer):
            answer = await answer
        if answer is not True:  # nobody gets in by a hook that forgets to answer
            raise forbidden()

    def _tell_undeclared(self, topic: str) -> None:
        """Log what a client has asked for, a few times: mostly it was forgotten in ``setup``."""
        if topic not in self._undeclared and len(self._undeclared) < MAX_UNDECLARED:
            self._undeclared.add(topic)
            logger.warning(
                "a client cannot join the topic %r, which is not declared: "
                "setup(app, topics=[Topic(%r)])",
                topic,
                topic,
            )


def _hub(ws: Peer) -> Topics:
    return protocol_of(ws.connection).required_hub()


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def _outcome_of(ws: Peer, topic: str, joined: Joined | BaseException) -> TopicOutcome:
    if not isinstance(joined, BaseException):
        return TopicOutcome(position=_given(joined.position), recovered=_given(joined.recovered))
    refusal = _refusal(joined)
    if refusal is None:
        protocol_of(ws.connection).failed_in(f"to join {quote(topic)}", joined, logger)
        refusal = INTERNAL
    error = TopicRefusal(refusal.code, refusal.message, refusal.details)
    return TopicOutcome(error=error)


def _refusal(error: BaseException) -> KindError | None:
    """Return the answer to what went wrong with one topic; None if that is for the log."""
    if isinstance(error, BackplaneError):
        return unavailable()
    return error if isinstance(error, KindError) else None
