"""The base of codecs whose format msgspec decodes itself: from bytes to typed objects in one pass."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from msgspec import Raw, defstruct

from .base import Codec, Document, Parts
from .bounding import MOST_VALUES, too_many_values
from .types import has_untyped

__all__ = ("EncodedCodec",)

# In bytes. What is larger is passed over once, for a key of the whole message, and not looked into further:
# for an item of an array there is an object for each, and a path of 500 keys would read 4 MiB as often.
LARGEST_SEARCHED: Final = 64 * 1024


class EncodedCodec(Codec):
    """A codec whose documents are the bytes of the message, and whose parts are slices of them."""

    shows_text = True
    opens_as_is = True

    def open(self, data: str | bytes, /) -> Document:
        return data

    def reader(self, type_: Any, /) -> Callable[[str | bytes], Any]:
        return self._decoder(type_)

    def decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        decode = self._decoder(type_)
        if not has_untyped(type_):
            return decode

        def decode_bounded(document: Document) -> Any:
            self._check_values(document, "of which not all types are declared")
            return decode(document)

        return decode_bounded

    @abstractmethod
    def _decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        """Return a decoder of ``type_`` that takes any number of values."""

    @abstractmethod
    def _count(self, data: bytes, most: int) -> int:
        """Return how many values are in ``data``; it may stop when there are more than ``most``."""

    def _check_values(self, document: Document, which: str) -> None:
        """Raise `msgspec.ValidationError` for more than `MOST_VALUES`; ``which``: why they are bounded."""
        if len(document) <= MOST_VALUES:
            return
        data = document.encode() if isinstance(document, str) else bytes(document)
        if self._count(data, MOST_VALUES) > MOST_VALUES:
            raise too_many_values(which)

    def part_at(self, document: Document, path: Iterable[str | int], /) -> Document | None:
        for depth, step in enumerate(path):
            is_key = isinstance(step, str)
            if len(document) > LARGEST_SEARCHED and (depth or not is_key):
                return None
            document = self._part(document, step)
        return document

    def _part(self, document: Document, step: str | int) -> Document:
        if isinstance(step, str):
            return _splitter(self, step)(document)[0]
        return self._raw_decoder(list[Raw])(document)[step]

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
        return self._decoder(type_)


@lru_cache(maxsize=256)
def _splitter(codec: EncodedCodec, key: str) -> Callable[[Document], Parts]:
    """Return a splitter for the name of a field, as errors have it: there are few of them."""
    return codec.splitter(key)
