"""The one error: what a reader of the table, or who runs it, has to be told.

BenchError
"""

from __future__ import annotations

__all__ = ("BenchError",)


class BenchError(Exception):
    """Something cannot be measured; its text is the reason."""
