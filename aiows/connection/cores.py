"""The compiled halves of a connection where they were compiled, and their pure twins where not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._native import core
from .flusher import Flusher
from .outbox_core import OutboxCore
from .protocol_core import ProtocolCore
from .pump_core import PumpCore
from .stepper import first_step

if not TYPE_CHECKING and core is not None:
    Flusher, OutboxCore = core.Flusher, core.OutboxCore
    ProtocolCore, PumpCore = core.ProtocolCore, core.PumpCore
    first_step = core.first_step

__all__ = ("Flusher", "OutboxCore", "ProtocolCore", "PumpCore", "first_step")
