"""`CheckedOutbox`: the outbox of a connection whose event loop is in debug mode."""

from __future__ import annotations

import asyncio
from typing import Any

from .loop_check import in_its_loop
from .outbox import Outbox

__all__ = ("CheckedOutbox",)


class CheckedOutbox(Outbox):
    """An `Outbox` that takes nothing from another thread or loop: it raises WrongEventLoop.

    It is made in its loop.
    """

    __slots__ = ("loop",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.loop = asyncio.get_running_loop()

    push = in_its_loop(Outbox.push)
    push_message = in_its_loop(Outbox.push_message)
    push_shared = in_its_loop(Outbox.push_shared)
    send = in_its_loop(Outbox.send)
    send_at_once = in_its_loop(Outbox.send_at_once)
    send_control = in_its_loop(Outbox.send_control)
