"""In go messages that carry a kind, each goes to the handler of its kind, out come replies.

On the wire a message is flat JSON, or the same object in another of `aiows.codecs`. ``ref``, a string or
an integer, asks for a reply and comes back with it; what a handler returns is sent only then. ``null`` is
no ref. ::

    {"kind": "chat.send", "room": "a", "text": "hi", "ref": 7}
    {"kind": "reply", "ref": 7, "ok": true}
    {"kind": "item", "ref": 7, "n": 1}
    {"kind": "end", "ref": 7}
    {"kind": "error", "ref": 7, "error": {"code": "invalid", "message": "...", "details": {...}}}
    {"kind": "cancel", "ref": 7}

An async generator answers with a series of items and an end. Whoever asked takes a request back with
``cancel``, which is not answered. The same forms serve both directions: see `Connection.ask`.

An error reply is always sent, with the ``ref`` if one was readable. Its ``code`` is one of
these, or what the `KindError` of a handler or a guard says; the guards that are there say
``unauthenticated``, ``forbidden`` and ``rate_limited``:

==============  ===================================================================================
bad_json        the text is no JSON, or nested too deeply
bad_binary      a BINARY message that the connection's codec could not read
bad_text        the same of TEXT, where it is not JSON that is spoken
not_object      it is JSON, or what else is spoken, but no object
missing_kind    it has no ``kind``
bad_kind        its ``kind`` is no string
unknown_kind    nobody handles its ``kind``
invalid         a field, or ``ref``, is missing, wrong or not known
timeout         the handler took longer than it may
superseded      a later message was handled in the place of this one (`Latest`)
not_text        a BINARY message came to `KindDispatcher.serve` where the codec is text
not_binary      a TEXT message came to it where the codec is binary
internal        the handler failed; the log says how (logger ``aiows.kinds``), the peer is not told
==============  ===================================================================================

Where one field is to blame ``details`` has its path as ``field`` (``items[2].price``), what was
``expected`` and what was ``got``: a type, ``nothing``, or the value where its type was right.
"""

from .concurrency import Concurrency, InOrder, Latest, OnePerKey, Parallel
from .declaring.calls import Guard, KindCall, Middleware, Next
from .declaring.contract import Direction, KindContract
from .declaring.marked import on, register_marked
from .declaring.settings import KindOptions, PossibleError
from .dispatcher import KindDispatcher
from .guards import Roles, authenticated, rate_limit, role
from .payload import Payload

__all__ = (
    "Concurrency",
    "Direction",
    "Guard",
    "InOrder",
    "KindCall",
    "KindContract",
    "KindDispatcher",
    "KindOptions",
    "Latest",
    "Middleware",
    "Next",
    "OnePerKey",
    "Parallel",
    "Payload",
    "PossibleError",
    "Roles",
    "authenticated",
    "on",
    "rate_limit",
    "register_marked",
    "role",
)
