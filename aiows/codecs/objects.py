"""The base of codecs for other formats, such as Protobuf and CBOR, written as two methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from functools import partial, reduce
from operator import getitem
from typing import Any, ClassVar, cast

import msgspec

from .base import Codec, Document, Parts
from .finite import check_finite
from .unsayable import refusal

__all__ = ("ObjectCodec",)


class ObjectCodec(Codec):
    """A format written as two methods: `loads` turns a message into dicts and lists, `dumps` turns them back.

    A message is a dict with ``kind``, ``ref`` and its fields, as it would be in JSON. ``is_text``: messages
    are TEXT (default False: BINARY). A subclass sets ``name``.
    """

    name = "the message's format"
    empty: ClassVar[Document] = {}

    native_types: ClassVar[tuple[type, ...]] = (bytes,)
    """The types that `dumps` takes besides None, bool, int, float, str, list, and dict with str as keys."""

    def __init__(self, subprotocol: str, *, is_text: bool = False) -> None:
        super().__init__(subprotocol, is_text=is_text)

    @abstractmethod
    def loads(self, data: bytes, /) -> Any:
        """Decode a message to plain values; an exception becomes an error reply."""

    @abstractmethod
    def dumps(self, plain: Any, /) -> bytes:
        """Encode plain values as a message; an exception becomes a TypeError."""

    def encode(self, value: Any, /) -> bytes:
        try:
            return self._encode(value)
        except Exception as error:
            raise refusal(self.name, value, error, self._encode) from error

    def _encode(self, value: Any) -> bytes:
        return self.dumps(self._builtins(value))

    def _builtins(self, value: Any) -> Any:
        return msgspec.to_builtins(
            value, builtin_types=self.native_types, str_keys=True, enc_hook=self._encode_hook
        )

    def encode_tagged(self, field: str, tag: str, value: Any, /) -> bytes:
        return self.encode({field: tag, **self.plain(value)})

    def open(self, data: str | bytes, /) -> Document:
        plain = self.loads(data.encode() if isinstance(data, str) else data)
        check_finite(plain)
        return plain

    def decoder(self, type_: Any, /) -> Callable[[Document], Any]:
        return partial(msgspec.convert, type=type_, str_keys=True, dec_hook=self._decode_hook)

    def part_at(self, document: Document, path: Iterable[str | int], /) -> Document | None:
        return reduce(getitem, path, document)

    def splitter(self, *keys: str) -> Callable[[Document], Parts]:
        convert: Any = partial(msgspec.convert, type=dict[str, Any])

        def split(document: Document) -> Parts:
            fields = cast("dict[str, Any]", convert(document))
            return tuple(fields.get(key) for key in keys)

        return split
