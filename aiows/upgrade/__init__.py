"""From an upgrade request to a connection: admission, handshake, the 101, the take-over from aiohttp."""

from .admission import admit
from .handshake import Handshake, check_origin, is_upgrade, negotiate
from .takeover import ServerEntry, forget_request
from .upgrade import TOPICS, SwitchingProtocols, upgrade

__all__ = (
    "TOPICS",
    "Handshake",
    "ServerEntry",
    "SwitchingProtocols",
    "admit",
    "check_origin",
    "forget_request",
    "is_upgrade",
    "negotiate",
    "upgrade",
)
