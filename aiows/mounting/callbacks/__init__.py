"""In goes a dict of callbacks and options, out comes the handler of a route whose events call them."""

from .behaviour import Behaviour
from .route import CallbackRoute
from .upgrade import UpgradeRequest, UpgradeResponse

__all__ = ("Behaviour", "CallbackRoute", "UpgradeRequest", "UpgradeResponse")
