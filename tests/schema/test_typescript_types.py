"""The TypeScript types of JSON Schemas."""

from __future__ import annotations

from typing import Any

import pytest

from aiows.schema.typescript_types import comment, type_of

ITEM = {"$ref": "#/components/schemas/Item"}
TUPLE = [{"type": "integer"}, {"type": "string"}]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, "unknown"),
        ({"type": "integer"}, "number"),
        ({"type": "null"}, "null"),
        ({"type": ["string", "integer"]}, "string | number"),
        ({"const": 'a"b'}, '"a\\"b"'),
        ({"enum": ["ü", 1, None, True]}, '"ü" | 1 | null | true'),
        ({"anyOf": [ITEM, {"type": "null"}]}, "Thing | null"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "number"),
        ({"anyOf": [{"enum": [1, 2]}, {"type": ["null", "string"]}]}, "1 | 2 | null | string"),
        ({"oneOf": [ITEM, {}]}, "unknown"),
        ({"allOf": [ITEM, {"enum": [1, 2]}]}, "Thing & (1 | 2)"),
        ({"type": "array"}, "Array<unknown>"),
        ({"type": "array", "items": {"enum": [1, 2]}}, "Array<1 | 2>"),
        ({"type": "array", "items": TUPLE, "minItems": 2, "maxItems": 2}, "[number, string]"),
        (
            {"type": "array", "items": TUPLE, "minItems": 1},
            "[number, (string)?, ...Array<unknown>]",
        ),
        (
            {"type": "array", "items": TUPLE, "minItems": 2, "additionalItems": False},
            "[number, string]",
        ),
        ({"type": "object"}, "{\n  [key: string]: unknown;\n}"),
        ({"type": "object", "properties": {}}, "{}"),
        (
            {"type": "object", "properties": {"a-b": {}, "c": ITEM}, "required": ["c"]},
            '{\n  "a-b"?: unknown;\n  c: Thing;\n}',
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": ["string", "integer"]}},
                "additionalProperties": {"type": "integer"},
            },
            "{\n  a?: string | number;\n  [key: string]: number | string | undefined;\n}",
        ),
    ],
)
def test_a_schema_is_a_type(schema: dict[str, Any], expected: str) -> None:
    """Every keyword that says of which type a value is."""
    assert type_of(schema, {"Item": "Thing"}) == expected


def test_a_comment_ends_where_it_should() -> None:
    """One line or several, none if there is nothing to say, and no end of a comment within."""
    assert comment("", "") == []
    assert comment("One */ line.") == ["/** One *\\/ line. */"]
    assert comment("One.", "", "Two.\nThree.") == [
        "/**",
        " * One.",
        " *",
        " * Two.",
        " * Three.",
        " */",
    ]
