"""Who gets a message: users, topics and everybody, on this node and on all others."""

from .hub import Hub
from .registry import ConnectionRegistry

__all__ = ("ConnectionRegistry", "Hub")
