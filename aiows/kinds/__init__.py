"""Messages with a kind: each goes to the handler of its kind, checked and converted, and gets a reply.

On the wire a message is flat JSON, or the same object in another format of `aiows.codecs`. ``ref``, a string
or an integer, asks for a reply, which has the same ``ref``. Without one, or with ``null``, what the handler
returns is not sent. ::

    {"kind": "chat.send", "room": "a", "text": "hi", "ref": 7}
    {"kind": "reply", "ref": 7, "ok": true}
    {"kind": "item", "ref": 7, "n": 1}
    {"kind": "end", "ref": 7}
    {"kind": "error", "ref": 7, "error": {"code": "invalid", "message": "...", "details": {...}}}
    {"kind": "cancel", "ref": 7}

An async generator answers with a series of items and an end. ``cancel`` takes a request back and is not
answered. Both directions have the same forms: see `Connection.ask`.

An error reply is always sent, with the ``ref`` if it could be read. Its ``code`` is one of these, or that of
the `KindError` of a handler or a guard; the guards of aiows use ``unauthenticated``, ``forbidden`` and
``rate_limited``:

==============  ===================================================================================
bad_json        the text is not JSON, or nested too deeply
bad_binary      a BINARY message that the connection's codec could not read
bad_text        a TEXT message that the connection's codec, one other than JSON, could not read
not_object      the message is not an object
missing_kind    it has no ``kind``
bad_kind        its ``kind`` is not a string
unknown_kind    its ``kind`` has no handler
invalid         a field, or ``ref``, is missing, wrong or unknown
timeout         the handler took too long
superseded      a later message was handled instead of this one (`Latest`)
not_text        a BINARY message came to `KindDispatcher.serve` where the codec is text
not_binary      a TEXT message came to it where the codec is binary
internal        the handler failed; the reason is in the log (logger ``aiows.kinds``), not in the reply
==============  ===================================================================================

A kind that is ``once`` has four more: ``in_progress`` (ask again for its answer), ``done`` (its answer is not
kept), ``cancelled`` (the peer took it back while it was at work) and ``unavailable`` (it is not known whether
it was handled; this message did not do it).

Where one field is wrong, ``details`` has its path as ``field`` (``items[2].price``), what was ``expected``,
and what was ``got``: a type, ``nothing``, or the value if it has the right type.
"""

from .concurrency import Concurrency, InOrder, Latest, OnePerKey, Parallel
from .declaring.calls import Guard, KindCall, Middleware, Next
from .declaring.contract import Direction, KindContract
from .declaring.marked import is_marked, on, register_marked
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
    "is_marked",
    "on",
    "rate_limit",
    "register_marked",
    "role",
)
