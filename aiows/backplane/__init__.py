"""In goes a message on a topic on one node, out it comes on every other node that subscribed."""

from .base import Backplane, Confirmation, Deliver, Node
from .envelope import decode, encode
from .memory import MemoryBackplane

__all__ = (
    "Backplane",
    "Confirmation",
    "Deliver",
    "MemoryBackplane",
    "Node",
    "decode",
    "encode",
)
