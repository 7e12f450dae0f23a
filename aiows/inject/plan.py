"""How a function is called: fills its parameters, calls it, and cleans up after its factories."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from inspect import isasyncgenfunction, isawaitable
from typing import Any

from aiohttp import web

from ..connection import Peer
from ..errors import KindError
from .caller import Caller, arguments_of, caller_of
from .parameters import Dependency, Parameter, asked_by
from .scope import Scope, scope_of
from .signature import innermost, place_of

__all__ = ("Plan",)


@dataclass(frozen=True, slots=True)
class _Call:
    """The values that the arguments of one call are taken from."""

    peer: Peer
    message: Any
    instance: Any
    scope: Scope


class Plan:
    """How ``function`` is called; ``is_method``: its first parameter is the instance.

    ``arguments``: the arguments of the call (see `arguments_of`) if no factory is needed; otherwise None.
    """

    __slots__ = (
        "_is_shared",
        "arguments",
        "call",
        "function",
        "is_method",
        "parameters",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: tuple[Parameter, ...],
        *,
        is_method: bool = False,
    ) -> None:
        self.function = function
        self.parameters = parameters
        self.is_method = is_method
        factories = [
            asked.parameter.supply
            for asked in asked_by(function, parameters)
            if isinstance(asked.parameter.supply, Dependency)
        ]
        self._is_shared = any(each.is_shared for each in factories)
        self.call: Caller
        """Call the function for one message, with the connection, the message and the instance.

        What it returns may be awaitable or an async generator. What factories have opened is closed when
        that has ended, except for values that the connection shares.
        """
        self.arguments: tuple[str, ...] | None = None
        if not factories:
            self.arguments = arguments_of(parameters, is_method=is_method)
            self.call = caller_of(function, parameters, self.arguments)
        elif isasyncgenfunction(innermost(function)):
            self.call = self._stream_with_factories
        else:
            self.call = self._call_with_factories

    async def call_within(self, scope: Scope, peer: Peer, message: Any) -> Any:
        """Call the function; what factories have opened is closed when ``scope`` ends."""
        return await self._fill_and_call(_Call(peer, message, None, scope), scope.stack)

    async def _call_with_factories(self, peer: Peer, message: Any, instance: Any = None) -> Any:
        async with AsyncExitStack() as stack:
            return await self._call_once(stack, peer, message, instance)

    async def _stream_with_factories(
        self, peer: Peer, message: Any, instance: Any = None
    ) -> AsyncGenerator[Any]:
        async with AsyncExitStack() as stack:
            items = await self._call_once(stack, peer, message, instance)
            await stack.enter_async_context(aclosing(items))
            async for item in items:
                yield item

    async def _call_once(
        self, stack: AsyncExitStack, peer: Peer, message: Any, instance: Any
    ) -> Any:
        scope = await stack.enter_async_context(scope_of(peer)) if self._is_shared else Scope()
        return await self._fill_and_call(_Call(peer, message, instance, scope), stack)

    async def _fill_and_call(self, call: _Call, stack: AsyncExitStack) -> Any:
        args, named = await _arguments(self.parameters, call, stack)
        if self.is_method:
            args.insert(0, call.instance)
        result = self.function(*args, **named)
        return await result if isawaitable(result) else result


async def _arguments(
    parameters: tuple[Parameter, ...], call: _Call, stack: AsyncExitStack
) -> tuple[list[Any], dict[str, Any]]:
    args: list[Any] = []
    named: dict[str, Any] = {}
    for each in parameters:
        value = await _value_of(each, call, stack)
        if each.is_keyword_only:
            named[each.name] = value
        else:
            args.append(value)
    return args, named


async def _value_of(parameter: Parameter, call: _Call, stack: AsyncExitStack) -> Any:
    supply = parameter.supply
    if not isinstance(supply, Dependency):
        return supply(call.peer, call.message, call.instance)
    if not supply.is_shared:
        return await _make(supply, call, stack)
    return await call.scope.value_of(supply.factory, lambda own: _make(supply, call, own))


async def _make(dependency: Dependency, call: _Call, stack: AsyncExitStack) -> Any:
    args, named = await _arguments(dependency.parameters, call, stack)
    value = await dependency.open(stack, args, named)
    if isinstance(value, web.Response | KindError):  # who asked would get it in place of a value
        problem = f"it returned a {type(value).__qualname__}, which refuses nobody: raise it"
        raise TypeError(f"{place_of(dependency.factory)}: {problem}")
    return value
