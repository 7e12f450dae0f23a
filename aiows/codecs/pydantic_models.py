"""The hook for pydantic's models. It does not import pydantic."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from .base import Codec, Misfit, TypeHook

__all__ = ("PYDANTIC",)

# pydantic finds all that is wrong with a value, and tells of the first only together with all others: for a
# million bad items that took 10 seconds. 100 take 0.1 ms.
MOST_ERRORS: Final = 100


class _PydanticModels:
    """Lets pydantic validate and serialise its models, recognised by a method of ``BaseModel``.

    In a text format a model is encoded as pydantic's JSON, with the model's own configuration; in a binary
    format bytes, dates and the like are not made text. Fields are named by their aliases.
    """

    def knows(self, type_: type, /) -> bool:
        return hasattr(type_, "__get_pydantic_core_schema__")

    def encode(self, value: Any, codec: Codec, /) -> Any:
        if not hasattr(value, "model_dump"):
            return str(value)  # pydantic's other types, in a model's field: a URL, a secret
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
    """Return the first error of a ``pydantic.ValidationError``; where there are very many, how many."""
    count = error.error_count()
    if count > MOST_ERRORS:
        return Misfit(f"{count} values do not fit")
    first = error.errors(include_url=False, include_context=False)[0]
    steps = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in first["loc"])
    return Misfit(first["msg"], "".join(steps))


PYDANTIC: Final[TypeHook] = _PydanticModels()
