"""`check_finite`: NaN and the infinities are found wherever they are in a value, and named by their path."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from aiows.codecs import check_finite


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("-Inf")])
def test_a_number_that_is_not_finite_is_refused(number: Any) -> None:
    """As a float and as a Decimal, with what it is."""
    with pytest.raises(msgspec.ValidationError, match=f"got `{number}` - at `\\$`"):
        check_finite(number)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, {"b": math.nan}]}, r"\$\.a\[1\]\.b"),
        ((1, 2, math.inf), r"\$\[2\]"),
        ({math.nan: 1}, r"\$"),
    ],
)
def test_the_error_has_the_path_to_the_number(value: Any, path: str) -> None:
    """A key has the path of its dict."""
    with pytest.raises(msgspec.ValidationError, match=f"at `{path}`"):
        check_finite(value)


@pytest.mark.parametrize("value", [None, True, 10**400, 1.5, Decimal("1e400"), "nan", b"", [], {}])
def test_everything_else_passes(value: Any) -> None:
    """Also integers that no float can hold, and text that only looks like it."""
    check_finite([value, {"a": value}])
