"""A route from a dict of callbacks and options: they are called for the events of its connections."""

from .behaviour import Behaviour
from .route import CallbackRoute
from .upgrade import UpgradeRequest, UpgradeResponse

__all__ = ("Behaviour", "CallbackRoute", "UpgradeRequest", "UpgradeResponse")
