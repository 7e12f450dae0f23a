"""Brings a message to the application's code: to a callback, a view's hook, or the handler of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from .._wire import Message, Opcode, new_tuple
from ..connection import Connection, HooksCore
from ..kinds import KindDispatcher

__all__ = ("CallbackHooksCore", "KindHooksCore", "ViewHooksCore")


class CallbackHooksCore(HooksCore):
    """Calls ``callback(connection, data, type)``, if there is one; ``types`` has the type by the opcode."""

    __slots__ = ("_callback", "_types")

    def __init__(self, callback: Callable[..., Any] | None, types: Mapping[int, Any]) -> None:
        self._callback = callback
        self._types = types

    def call(self, owner: Any, connection: Connection, message: Message) -> Any:
        if self._callback is None:
            return None
        return self._callback(connection, message.data, self._types[message.opcode])


class ViewHooksCore(HooksCore):
    """Calls ``view.on_message(msg)``; ``msg`` is of the class ``given_as``: a type, data, nothing extra."""

    __slots__ = ("_given_as", "_types")

    def __init__(self, given_as: type[tuple[Any, ...]], types: Mapping[int, Any]) -> None:
        self._given_as = given_as
        self._types = types

    def call(self, owner: Any, connection: Connection, message: Message) -> Any:
        return self._give(owner, message.opcode, message.data)

    def _give(self, view: Any, opcode: int, data: Any) -> Any:
        return view.on_message(new_tuple(self._given_as, (self._types[opcode], data, "")))


class KindHooksCore(ViewHooksCore):
    """Brings a message of the type that the connection's codec makes to the handler of its kind.

    The view gets the others.
    """

    __slots__ = ("_kinds",)

    def __init__(
        self, kinds: KindDispatcher, given_as: type[tuple[Any, ...]], types: Mapping[int, Any]
    ) -> None:
        super().__init__(given_as, types)
        self._kinds = kinds

    def call(self, owner: Any, connection: Connection, message: Message) -> Any:
        pipeline = self._kinds.pipeline(connection.codec)
        opcode, data = message.opcode, cast("str | bytes", message.data)
        if opcode == pipeline.opcode:
            return pipeline.handle(connection, connection, data, owner)
        if opcode == Opcode.TEXT and isinstance(data, bytes):
            data = data.decode()  # as a hook expects it; it is UTF-8, or nobody would have it
        return self._give(owner, opcode, data)
