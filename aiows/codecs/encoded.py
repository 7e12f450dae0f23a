"""The base of codecs whose format msgspec decodes itself: from bytes to typed objects in one pass."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec import Raw, defstruct

from .base import Codec, Document, Parts

__all__ = ("EncodedCodec",)


class EncodedCodec(Codec):
    """A codec whose documents are the bytes of the message, and whose parts are slices of them."""

    shows_text = True

    def open(self, data: str | bytes, /) -> Document:
        return data

    def reader(self, type_: Any, /) -> Callable[[str | bytes], Any]:
        return self.decoder(type_)

    def splitter(self, *keys: str) -> Callable[[Document], Parts]:
        names = {f"part{index}": key for index, key in enumerate(keys)}
        fields = [(name, Raw, Raw()) for name in names]
        decode = self._raw_decoder(defstruct("Parts", fields, rename=names))
        values = [attrgetter(name) for name in names]

        def split(document: Document) -> Parts:
            parts = decode(document)
            return tuple(value(parts) or None for value in values)

        return split

    def _raw_decoder(self, type_: Any) -> Callable[[Document], Any]:
        """Return a decoder that checks no more than ``type_`` asks for."""
        return self.decoder(type_)
