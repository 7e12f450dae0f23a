"""In goes a model of pydantic, out come its fields, and the way back: without importing pydantic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from .hooks import Misfit, TypeHook

if TYPE_CHECKING:
    from .base import Codec

__all__ = ("PYDANTIC",)


class _PydanticModels:
    """Classes that have what pydantic's ``BaseModel`` has: pydantic validates and serialises them.

    In a text format as its JSON is, by the model's own configuration; in a binary one what is no text
    there stays none. Names are the fields' aliases.
    """

    def knows(self, type_: type, /) -> bool:
        return hasattr(type_, "__get_pydantic_core_schema__")

    def encode(self, value: Any, codec: Codec, /) -> Any:
        if not hasattr(value, "model_dump"):
            return str(value)  # what fields may hold besides: a URL, a secret
        return value.model_dump(mode="json" if codec.is_text else "python", by_alias=True)

    def decode(self, type_: Any, plain: Any, codec: Codec, /) -> Any:
        try:
            if codec.is_text:
                return type_.model_validate_json(msgspec.json.encode(plain))
            return type_.model_validate(plain)
        except ValueError as error:
            if not hasattr(error, "errors"):
                raise
            raise _misfit(error) from error

    def schema(self, type_: Any, /) -> dict[str, Any]:
        return cast("dict[str, Any]", type_.model_json_schema())


def _misfit(error: Any) -> Misfit:
    """Return the first of the errors in a ``pydantic.ValidationError``."""
    first = error.errors(include_url=False, include_context=False)[0]
    steps = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in first["loc"])
    return Misfit(first["msg"], "".join(steps))


PYDANTIC: Final[TypeHook] = _PydanticModels()
