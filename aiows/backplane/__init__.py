"""What connects the nodes: a message that one node publishes on a topic reaches all that subscribe to it.

- `base` is the contract of every engine, with what each of them guarantees.
- `memory` is the engine for the hubs of one process.
- `envelope` is the form of a message between nodes.
"""

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
