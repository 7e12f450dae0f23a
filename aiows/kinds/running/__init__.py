"""What becomes of a request: its handler is called, and answered for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._native import core
from .pipeline import Pipeline

if not TYPE_CHECKING and core is not None:
    Pipeline = core.Pipeline

__all__ = ("Pipeline",)
