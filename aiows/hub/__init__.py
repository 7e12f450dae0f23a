"""Who gets a message: a user, the subscribers of a topic, or everybody, here and on the other nodes.

- `hub` is what an application has one of: it joins the rest, and everything is sent with it.
- `registry` has the tables of this node: which connections each user has, who subscribes to what.
- `delivery` gives one message to many connections and lets the event loop turn in between.
- `link` is the hub's end of the backplane: what this node subscribes to there, and hands over.

Each of them imports from those below it only: hub, link, registry, delivery.
"""

from .hub import Hub
from .registry import ConnectionRegistry

__all__ = ("ConnectionRegistry", "Hub")
