"""In go no values, out come the words of the wire form that belong to requests and their answers."""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = (
    "ANSWERS",
    "CANCEL",
    "END",
    "ERROR",
    "ITEM",
    "KIND",
    "REF",
    "REPLY",
    "RESERVED",
    "UNANSWERED",
    "Ref",
)

# keys
KIND: Final = "kind"
REF: Final = "ref"

# kinds; ``error`` is a key, too
REPLY: Final = "reply"
ITEM: Final = "item"
END: Final = "end"
ERROR: Final = "error"
CANCEL: Final = "cancel"

RESERVED: Final = frozenset({KIND, REF, ERROR})
"""The keys that are no names for fields."""

Ref: TypeAlias = str | int | None
"""What ties a reply to its request; None: no reply is wanted."""

# What one side answers the other with, or takes back a request with: never requests.
ANSWERS: Final = frozenset({REPLY, ITEM, END, ERROR, CANCEL})

# Never answered in any way: two peers could answer each other's errors for ever, and what takes a
# request back may cross its answer.
UNANSWERED: Final = frozenset({ERROR, CANCEL})
