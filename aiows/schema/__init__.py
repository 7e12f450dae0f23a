"""The schema of an application: an AsyncAPI 3 document and TypeScript types of its messages.

Both are made from one description: the channels are the routes whose endpoints serve kinds, the messages are
those of `KindDispatcher.contracts`. ``python -m aiows`` writes them.
"""

from .asyncapi import INFO, Info, asyncapi
from .served import serve_schema
from .speaks import speaks
from .typescript import typescript

__all__ = ("INFO", "Info", "asyncapi", "serve_schema", "speaks", "typescript")
