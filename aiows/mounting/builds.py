"""Chooses for each half that exists twice: the compiled one, or its pure twin where none was compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._native import core
from .hooks_core import CallbackHooksCore, KindHooksCore, ViewHooksCore

if not TYPE_CHECKING and core is not None:
    CallbackHooksCore = core.CallbackHooksCore
    ViewHooksCore, KindHooksCore = core.ViewHooksCore, core.KindHooksCore

__all__ = ("CallbackHooksCore", "KindHooksCore", "ViewHooksCore")
