"""The kinds that aiows itself handles: a client says hello, joins topics, asks for their history, and pings.

They are ordinary kinds of a router that a dispatcher includes where it is told who may subscribe to what.
Every name and number in them comes from a peer, and has a bound.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct

from ..connection import Joined, Peer, Topics, Wish, protocol_of
from ..errors import BackplaneError, KindError
from ..position import Position
from ..wire_form import SYSTEM
from .declaring.table import KindTable

__all__ = ("MaySubscribe", "system_kinds")

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

Epoch: TypeAlias = Annotated[str, Meta(max_length=64)]
Offset: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]  # what JavaScript has as an integer
Since: TypeAlias = tuple[Epoch, Offset] | None
Last: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_LAST)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_LAST)]
Session: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Token: TypeAlias = Annotated[str, Meta(max_length=8192)]


class TopicWish(Struct):
    """What a client wants of a topic: what came after ``since``, or else the ``last`` messages."""

    since: Since = None
    last: Last = 0


def system_kinds(may_subscribe: MaySubscribe) -> KindTable:
    """Return the router, for a dispatcher to include."""
    kinds = KindTable(is_system=True)
    access = _Access(may_subscribe)

    @kinds.on(SYSTEM + "hello")
    async def hello(
        ws: Peer,
        v: Annotated[int, Meta(ge=1)],
        session: Session,
        topics: dict[str, TopicWish] = {},  # noqa: B006 (it is only read)
        token: Token | None = None,
    ) -> dict[str, Any]:
        """Begin: join topics, all of them before the reply, and learn what the server knows."""
        user = ws.user_id
        return {
            "v": min(v, VERSION),
            "user": user if isinstance(user, str | int | None) else str(user),
            "idle": IDLE,
            "topics": await access.join(ws, topics),
        }

    @kinds.on(SYSTEM + "subscribe")
    async def subscribe(
        ws: Peer, topic: str, since: Since = None, last: Last = 0
    ) -> dict[str, Any]:
        """Join a topic: what was missed comes before the reply."""
        return await access.join_one(ws, topic, TopicWish(since, last))

    @kinds.on(SYSTEM + "unsubscribe")
    def unsubscribe(ws: Peer, topic: str) -> None:
        """Leave a topic."""
        if _hub(ws).is_declared(topic):
            ws.leave(topic)

    @kinds.on(SYSTEM + "history")
    async def history(
        ws: Peer, topic: str, since: Since = None, last: Last | None = None, limit: Limit = 100
    ) -> dict[str, Any]:
        """Read what is kept of a topic, without joining it."""
        return await access.history(ws, topic, since, last, limit)

    @kinds.on(SYSTEM + "ping")
    def ping(ws: Peer) -> None:
        """Ask whether the server is there; the answer is ``aiows.pong``."""
        ws.push({"kind": SYSTEM + "pong"})

    return kinds


class _Access:
    """Joins topics for clients, as far as they may."""

    def __init__(self, may_subscribe: MaySubscribe) -> None:
        self._may_subscribe = may_subscribe

    async def join_one(self, ws: Peer, topic: str, wish: TopicWish) -> dict[str, Any]:
        """Join one topic and return the fields of the answer. Raises KindError."""
        joined = (await self._outcomes(ws, {topic: wish}))[topic]
        if isinstance(joined, Exception):
            raise _refusal(joined)
        return _fields_of(joined)

    async def join(self, ws: Peer, wishes: Mapping[str, TopicWish]) -> dict[str, Any]:
        """Join topics in one turn, and return what came of each."""
        if len(wishes) > MAX_TOPICS:
            raise too_many()
        return {
            topic: {"error": _error_of(each)} if isinstance(each, Exception) else _fields_of(each)
            for topic, each in (await self._outcomes(ws, wishes)).items()
        }

    async def history(
        self, ws: Peer, topic: str, since: Since, last: int | None, limit: int
    ) -> dict[str, Any]:
        """Return the fields of an answer with history. Raises KindError."""
        await self._check(ws, topic)
        hub = _hub(ws)
        if not hub.has_history(topic):
            raise KindError("no_history", "no messages of this topic are kept")
        try:
            page = await hub.history(
                topic, since=since, last=last, limit=limit, max_size=MAX_HISTORY
            )
        except BackplaneError as error:
            raise _refusal(error) from error
        fields = {
            "messages": [[number, message] for number, message in page.messages],
            "position": [*page.position],
        }
        return fields if page.recovered is None else {**fields, "recovered": page.recovered}

    async def _outcomes(
        self, ws: Peer, wishes: Mapping[str, TopicWish]
    ) -> Mapping[str, Joined | Exception]:
        hub = _hub(ws)
        room = MAX_TOPICS - sum(map(hub.is_declared, ws.topics))
        outcomes: dict[str, Joined | Exception] = {}
        allowed: dict[str, Wish] = {}
        for topic, wish in wishes.items():
            try:
                await self._check(ws, topic)
                if not ws.is_subscribed(topic):
                    room -= 1
                    if room < 0:
                        raise too_many()
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


def _fields_of(joined: Joined) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if joined.position is not None:
        fields["position"] = [*joined.position]
    if joined.recovered is not None:
        fields["recovered"] = joined.recovered
    return fields


def _error_of(error: Exception) -> dict[str, Any]:
    refusal = _refusal(error)
    fields = {"code": refusal.code, "message": refusal.message}
    return fields if refusal.details is None else {**fields, "details": refusal.details}


def _refusal(error: Exception) -> KindError:
    """Return the answer to what went wrong with one topic. Raises what is no fault of a topic."""
    if isinstance(error, BackplaneError):
        details = {"retry_after": RETRY_AFTER}
        return KindError("unavailable", "the topic cannot be joined just now", details)
    if isinstance(error, KindError):
        return error
    raise error


def forbidden() -> KindError:
    return KindError("forbidden", "you may not subscribe to this topic")


def too_many() -> KindError:
    return KindError("too_many", f"a connection has at most {MAX_TOPICS} topics")
