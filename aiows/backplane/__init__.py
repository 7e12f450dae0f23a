"""What connects the nodes: a message that one node publishes on a topic reaches all that subscribe to it.

- `base` is the contract of every engine, with what each of them guarantees.
- `memory` is the engine for the hubs of one process; `memory_logs` are its logs, `memory_claims` what it
  knows of requests that are handled once.
- `redis` is the engine for many processes and machines; it is imported by those who use it.
- `envelope` is the form of a message between nodes.
"""

from .base import (
    Backplane,
    Claim,
    Confirmation,
    Ear,
    Entry,
    Keep,
    Loss,
    Node,
    Page,
)
from .envelope import Envelope, decode, encode
from .memory import MemoryBackplane

__all__ = (
    "Backplane",
    "Claim",
    "Confirmation",
    "Ear",
    "Entry",
    "Envelope",
    "Keep",
    "Loss",
    "MemoryBackplane",
    "Node",
    "Page",
    "decode",
    "encode",
)
