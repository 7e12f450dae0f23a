"""Every option of a connection, declared once in `settings` and checked when the thing is made that has it.

`Settings` is one object for all connections that are set up alike. Each way to make a connection has an
`OptionSet`: which settings can be chosen there, under which names. A value that cannot be is a
RegistrationError, in the same words everywhere.
"""

from .checking import OptionSet
from .expected import BYTES, Expected, are, is_number, is_whole_number
from .faces import CALLBACK_OPTIONS, RESPONSE_OPTIONS, VIEW_OPTIONS, WEBSOCKET_OPTIONS
from .keepalive import DEAF_PERIODS, KeepAlivePolicy
from .origin import DEFAULT_PORTS, OPAQUE, SCHEMES_OF_PAGES, Origin
from .settings import Origins, ResponseOptions, Settings, ViewOptions, WebSocketOptions

__all__ = (
    "BYTES",
    "CALLBACK_OPTIONS",
    "DEAF_PERIODS",
    "DEFAULT_PORTS",
    "OPAQUE",
    "RESPONSE_OPTIONS",
    "SCHEMES_OF_PAGES",
    "VIEW_OPTIONS",
    "WEBSOCKET_OPTIONS",
    "Expected",
    "KeepAlivePolicy",
    "OptionSet",
    "Origin",
    "Origins",
    "ResponseOptions",
    "Settings",
    "ViewOptions",
    "WebSocketOptions",
    "are",
    "is_number",
    "is_whole_number",
)
