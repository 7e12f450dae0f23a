"""Running handlers: a request's handler is called, and its result or error is sent as the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._native import core
from .pipeline import Pipeline

if not TYPE_CHECKING and core is not None:
    Pipeline = core.Pipeline

__all__ = ("Pipeline",)
