"""The names of the wire form: the keys and kinds that requests and their answers use."""

from __future__ import annotations

from typing import Final, TypeAlias, cast

__all__ = (
    "ANSWERS",
    "CANCEL",
    "END",
    "ERROR",
    "ITEM",
    "KIND",
    "LOST",
    "PLACE",
    "PONG",
    "REF",
    "REPLY",
    "RESERVED",
    "SYSTEM",
    "UNANSWERED",
    "Ref",
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

Ref: TypeAlias = str | int | None
"""The value that a reply shares with its request; None: no reply is wanted."""

# The kinds of answers, and the one that takes a request back: never those of a request.
ANSWERS: Final = frozenset({REPLY, ITEM, END, ERROR, CANCEL})

# These are never answered: two peers could answer each other's errors for ever, and a cancel may come when
# the answer to its request is on its way.
UNANSWERED: Final = frozenset({ERROR, CANCEL})


def kind_of(message: object) -> str | None:
    """Return the kind that a dict or a payload names, None where it names none."""
    if isinstance(message, dict):
        found: object = cast("dict[str, object]", message).get(KIND)
    else:
        found = getattr(message, KIND, None)
    return found if isinstance(found, str) else None
