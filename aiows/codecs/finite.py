"""In goes a plain value, out comes an error if it has a number that is none."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, cast

from msgspec import ValidationError

__all__ = ("check_finite",)


def check_finite(plain: Any, path: str = "$") -> None:
    """Refuse NaN and the infinities, which no handler expects of a number: JSON has neither.

    A NaN passes every check of the form ``if value > limit: raise``, and one that is a Decimal makes it
    raise what nobody expects. Raises `msgspec.ValidationError`.
    """
    if isinstance(plain, float | Decimal):
        if not (math.isfinite(plain) if isinstance(plain, float) else plain.is_finite()):
            raise ValidationError(f"Expected `finite number`, got `{plain}` - at `{path}`")
    elif isinstance(plain, dict):
        for key, each in cast("Any", plain).items():
            check_finite(key, path)
            check_finite(each, f"{path}.{key}")
    elif isinstance(plain, list | tuple):
        for index, each in enumerate(cast("list[Any]", plain)):
            check_finite(each, f"{path}[{index}]")
