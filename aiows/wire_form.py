"""The wire form: the keys and kinds that requests and answers use, and how long a kind and a ref may be."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias, TypeGuard, cast

from msgspec import Meta

__all__ = (
    "ANSWERS",
    "CANCEL",
    "END",
    "ERROR",
    "ITEM",
    "KIND",
    "LONGEST_KIND",
    "LONGEST_REF",
    "LOST",
    "PLACE",
    "PONG",
    "REF",
    "REPLY",
    "RESERVED",
    "SYSTEM",
    "UNANSWERED",
    "Ref",
    "is_ours",
    "is_ref",
    "kind_of",
)

# Keys.
KIND: Final = "kind"
REF: Final = "ref"
PLACE: Final = "@"
"""Where a message of a declared topic belongs: ``[topic]``, with history ``[topic, offset]``."""

# Kinds; ``error`` is also a key.
REPLY: Final = "reply"
ITEM: Final = "item"
END: Final = "end"
ERROR: Final = "error"
CANCEL: Final = "cancel"

SYSTEM: Final = "aiows."
"""What the kinds begin with that aiows itself handles and sends."""
LOST: Final = "aiows.lost"
PONG: Final = "aiows.pong"

RESERVED: Final = frozenset({KIND, REF, ERROR})
"""The keys that no field may have as its name."""

# Characters of a ref, four times those of a UUID. It is in every answer: without a bound a stream of 50 items
# would send a ref of 4 MB back 50 times. An integer has as many digits as Python converts, 4300.
LONGEST_REF: Final = 128

# Characters of a kind. A handler of all other kinds, the log and those who observe are given what a peer has
# called its message.
LONGEST_KIND: Final = 128

Ref: TypeAlias = Annotated[str, Meta(max_length=LONGEST_REF)] | int | None
"""The value that a reply shares with its request; None: no reply is wanted."""

# The kinds of answers, and the one that takes a request back: never those of a request.
ANSWERS: Final = frozenset({REPLY, ITEM, END, ERROR, CANCEL})

# These are never answered: two peers could answer each other's errors for ever, and a cancel may come when
# the answer to its request is on its way.
UNANSWERED: Final = frozenset({ERROR, CANCEL})


def is_ref(value: object) -> TypeGuard[str | int]:
    """Whether a peer's ``value`` can be the ref of a request."""
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= LONGEST_REF)


def is_ours(kind: object) -> bool:
    """Whether ``kind`` is one of aiows itself: no application handles, declares or sees it."""
    return isinstance(kind, str) and kind.startswith(SYSTEM)


def kind_of(message: object) -> str | None:
    """Return the kind that a dict or a payload names, None where it names none."""
    if isinstance(message, dict):
        found: object = cast("dict[str, object]", message).get(KIND)
    else:
        found = getattr(message, KIND, None)
    return found if isinstance(found, str) else None
