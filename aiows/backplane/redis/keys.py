"""The names of keys and channels at Redis.

Of a topic all have the same hash tag, as Redis Cluster wants it for scripts. ``<T>`` is the name of the topic
as the hub has it: ``topic:room:a``, ``user:7``.

===================  =========================================================================================
``aiows:{<T>}``      the channel
``aiows:{<T>}:s``    the log, a stream: entry ``<offset>-0`` has ``d``, the message, ``n``, its name, so that
                     one that is appended twice is recognised, and ``t``, the time in milliseconds
``aiows:{<T>}:m``    a hash: ``epoch``, ``offset``, ``fence`` (which server has written it), ``seconds``
``aiows:{once:<K>}`` a request that is handled once: who is at work, or its answer
===================  =========================================================================================
"""

from __future__ import annotations

__all__ = ("Keys",)


class Keys:
    """The names that begin with ``prefix``."""

    def __init__(self, prefix: str) -> None:
        self._start = f"{prefix}:{{".encode()

    def channel(self, topic: str) -> bytes:
        return self._start + topic.encode("utf-8", "surrogatepass") + b"}"

    def topic(self, channel: bytes) -> str:
        return channel[len(self._start) : -1].decode("utf-8", "surrogatepass")

    def log(self, topic: str) -> tuple[bytes, bytes]:
        channel = self.channel(topic)
        return channel + b":s", channel + b":m"

    def once(self, key: str) -> bytes:
        return self.channel(f"once:{key}")
