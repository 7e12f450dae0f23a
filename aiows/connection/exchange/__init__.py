"""Requests and answers of one connection, in both directions."""

from .exchange import Exchange
from .in_flight import InFlight, Stopped, Work, gone_on, run_cancellable

__all__ = ("Exchange", "InFlight", "Stopped", "Work", "gone_on", "run_cancellable")
