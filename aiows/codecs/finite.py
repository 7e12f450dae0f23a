"""Refuses NaN and the infinities in values that a peer has sent."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, cast

from msgspec import ValidationError

__all__ = ("check_finite",)


def check_finite(plain: Any, path: str = "$") -> None:
    """Raise `msgspec.ValidationError` for NaN and the infinities, which no handler expects: JSON has neither.

    A NaN passes every check of the form ``if value > limit: raise``; a NaN that is a Decimal makes the
    comparison itself raise.
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
