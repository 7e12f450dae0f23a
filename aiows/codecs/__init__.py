"""The formats of messages: JSON, MessagePack, or one that the application adds.

A codec encodes objects as messages and decodes them again. The subprotocol chooses it (RFC 6455, section
1.9): a client that offers ``aiows.msgpack`` to a view with ``codecs = (JSON, MSGPACK)`` gets MessagePack,
one that offers nothing gets the first of them. The same handlers serve them all.

===========================  ==========================  ==========================================
what                         `JSON`                      `MSGPACK`
===========================  ==========================  ==========================================
messages                     TEXT                        BINARY
integers over 64 bits        numbers                     extension 0, the digits as a str
bytes                        text, base64                bin
a datetime with an offset    text, RFC 3339              timestamp: the same instant, in UTC
other dates, UUID, Decimal   text                        text
NaN and infinity, received   refused                     refused
NaN and infinity, sent       null                        as they are
===========================  ==========================  ==========================================

msgspec decodes both, from the bytes to the typed object in one pass. For another format derive from
`ObjectCodec`; for classes of values that msgspec does not know add a `TypeHook`.
"""

from .base import Codec, Document, Misfit, Parts, TypeHook, add_type_hook, hook_for
from .bounding import MOST_VALUES
from .finite import check_finite
from .json import JSON, JsonCodec
from .msgpack import MSGPACK, MsgpackCodec
from .objects import ObjectCodec
from .pydantic_models import PYDANTIC
from .types import types_in

__all__ = (
    "JSON",
    "MOST_VALUES",
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
    "types_in",
)

add_type_hook(PYDANTIC)
