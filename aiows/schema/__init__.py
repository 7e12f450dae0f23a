"""In goes an application, out comes what its two ends agree on: an AsyncAPI 3 document, TypeScript types.

Both are made of the same description: the channels are the routes whose endpoints serve kinds, the
messages are what `KindDispatcher.contracts` says of them. `python -m aiows` writes them.
"""

from .asyncapi import INFO, Info, asyncapi
from .served import serve_schema
from .speaks import speaks
from .typescript import typescript

__all__ = ("INFO", "Info", "asyncapi", "serve_schema", "speaks", "typescript")
