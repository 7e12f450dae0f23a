"""From an upgrade request to a connection of ours: the handshake, and the take-over from aiohttp."""

from .handshake import Handshake, Origins, check_origin, is_upgrade, negotiate
from .takeover import ServerEntry, take_over, transport_of

__all__ = (
    "Handshake",
    "Origins",
    "ServerEntry",
    "check_origin",
    "is_upgrade",
    "negotiate",
    "take_over",
    "transport_of",
)
