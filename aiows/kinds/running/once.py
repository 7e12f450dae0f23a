"""Requests that are handled at most once: one that is sent again gets the answer that was kept."""

from __future__ import annotations

from typing import Final

import msgspec

from ...codecs import Codec
from ...connection import Peer, PreparedMessage, Topics, protocol_of
from ...errors import BackplaneError, KindError
from ..payload import Ref
from ..reading.reader import Request

__all__ = ("Claim", "claim", "is_named")

# A ref that names a request beyond its connection has so many characters. Shorter ones, as 1, 2 and 3, are
# used anew on each connection.
SHORTEST_REF: Final = 16

# It is kept for some time; longer ones are only there to fill the memory.
LONGEST_REF: Final = 64

# Bytes of an answer that is kept: for a larger one it is only kept that the request is done.
MAX_ANSWER: Final = 64 * 1024

RETRY_AFTER: Final = 1.0


class Claim:
    """A request that is ours to handle; what is answered to it has to be settled, whatever it is."""

    __slots__ = ("_hub", "_key")

    def __init__(self, hub: Topics, key: str) -> None:
        self._hub = hub
        self._key = key

    def settle(self, answer: bytes, codec: Codec) -> None:
        """Keep ``answer`` for whoever sends the request again."""
        is_small = len(answer) <= MAX_ANSWER
        self._hub.settle(self._key, PreparedMessage.encoded(answer, codec) if is_small else None)


def is_named(ref: Ref) -> bool:
    """Whether ``ref`` names a request beyond its connection."""
    return isinstance(ref, str) and len(ref) >= SHORTEST_REF


async def claim(ws: Peer, request: Request) -> Claim | PreparedMessage:
    """Take ``request``, or return the answer that it has got already.

    Raises KindError where it is at work, where its answer is not kept, and where that cannot be known now;
    HubMissing without ``setup(app)``.
    """
    assert isinstance(request.ref, str)
    if len(request.ref) > LONGEST_REF:
        raise KindError("invalid", f"ref: expected at most {LONGEST_REF} characters")
    hub = protocol_of(ws.connection).required_hub()
    key = _key_of(ws, request)
    try:
        known = await hub.claim(key)
    except BackplaneError as error:
        details = {"retry_after": RETRY_AFTER}
        problem = "whether the request was handled before cannot be known just now"
        raise KindError("unavailable", problem, details) from error
    if known is None:
        return Claim(hub, key)
    if not known.is_done:
        raise KindError("in_progress", "the request is at work: ask again for its answer")
    if known.answer is None:
        raise KindError("done", "the request was handled, but its answer is not kept")
    return known.answer


def _key_of(ws: Peer, request: Request) -> str:
    """Return what names a request; a client without a user id has a ref that nobody else can guess."""
    owner = None if ws.user_id is None else str(ws.user_id)
    return msgspec.json.encode((owner, request.kind, request.ref)).decode()
