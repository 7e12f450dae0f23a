"""Chooses for each half that exists twice: the compiled one, or its pure twin where none was compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._native import core
from .connection_core import ConnectionCore
from .counters import Counters
from .flusher import Flusher
from .outbox_core import OutboxCore
from .protocol_core import ProtocolCore
from .pump_core import HooksCore, PumpCore
from .stepper import InContext, Stepper, first_step

if not TYPE_CHECKING and core is not None:
    Counters, Flusher, OutboxCore = core.Counters, core.Flusher, core.OutboxCore
    ConnectionCore, ProtocolCore = core.ConnectionCore, core.ProtocolCore
    HooksCore, PumpCore = core.HooksCore, core.PumpCore
    InContext, Stepper, first_step = core.InContext, core.Stepper, core.first_step

__all__ = (
    "ConnectionCore",
    "Counters",
    "Flusher",
    "HooksCore",
    "InContext",
    "OutboxCore",
    "ProtocolCore",
    "PumpCore",
    "Stepper",
    "first_step",
)
