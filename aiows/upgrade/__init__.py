"""From an upgrade request to a connection: admission, handshake, the 101, the take-over from aiohttp."""

from .admission import admit
from .handshake import Handshake, negotiate
from .origins import check_origin
from .proxies import trust_proxies
from .read_only import ReadOnlyTransport
from .refusing import and_close
from .takeover import ServerEntry, forget_request
from .upgrade import TOPICS, SwitchingProtocols, upgrade

__all__ = (
    "TOPICS",
    "Handshake",
    "ReadOnlyTransport",
    "ServerEntry",
    "SwitchingProtocols",
    "admit",
    "and_close",
    "check_origin",
    "forget_request",
    "negotiate",
    "trust_proxies",
    "upgrade",
)
