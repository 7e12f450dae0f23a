"""In go objects, out come messages in the format that both ends speak, and the way back.

A codec is chosen by subprotocol (RFC 6455, section 1.9): a client that offers ``aiows.msgpack`` to a
view with ``codecs = (JSON, MSGPACK)`` gets MessagePack, one that offers nothing the first of them. The
same handlers serve them all.

===========================  ==========================  ==========================================
what                         `JSON`                      `MSGPACK`
===========================  ==========================  ==========================================
messages                     TEXT                        BINARY
integers over 64 bits        numbers                     extension 0, the digits as a str
bytes                        text, base64                bin
a datetime with an offset    text, RFC 3339              timestamp: the same instant, in UTC
other dates, UUID, Decimal   text                        text
NaN and the infinities       refused; null on their way  refused; as they are on their way out
                             out
===========================  ==========================  ==========================================

Both are read by msgspec, from the bytes to the typed object in one pass. An `ObjectCodec` is any other
format, by what turns its bytes into dicts and lists and back; a `TypeHook` any other class of values.
"""

from .base import Codec, Document, Parts
from .finite import check_finite
from .hooks import Misfit, TypeHook, add_type_hook, hook_for
from .json import JSON, JsonCodec
from .msgpack import MSGPACK, MsgpackCodec
from .objects import ObjectCodec
from .pydantic_models import PYDANTIC

__all__ = (
    "JSON",
    "MSGPACK",
    "Codec",
    "Document",
    "JsonCodec",
    "Misfit",
    "MsgpackCodec",
    "ObjectCodec",
    "Parts",
    "TypeHook",
    "add_type_hook",
    "check_finite",
    "hook_for",
)

add_type_hook(PYDANTIC)
