"""In goes a factory, out comes how to open it: its value, with its end left on an exit stack."""

from __future__ import annotations

import ast
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, Final, TypeAlias, cast, get_args

from .signature import innermost, without_metadata

__all__ = ("Opener", "opener_of", "value_type")

Opener: TypeAlias = Callable[[AsyncExitStack, list[Any], dict[str, Any]], Awaitable[Any]]
"""Calls a factory and returns its value; what is to be done at the end goes on the stack."""

ALL_IS_WELL: Final = (None, None, None)

GUARDS: Final = (ast.Try, ast.TryStar, ast.With, ast.AsyncWith)
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def opener_of(factory: Callable[..., Any]) -> Opener:
    """Return what opens ``factory``, whatever sort of function it is."""
    if _is_generator_function(factory):
        return _generator_opener(factory)

    async def open_plain(_: AsyncExitStack, args: list[Any], named: dict[str, Any]) -> Any:
        made = factory(*args, **named)
        return await made if inspect.isawaitable(made) else made

    return open_plain


def value_type(factory: Callable[..., Any], returned: Any) -> Any:
    """Return the type of the value of a factory that says that it returns ``returned``."""
    if not _is_generator_function(factory):
        return without_metadata(returned)
    yielded = get_args(without_metadata(returned))
    return without_metadata(yielded[0]) if yielded else Any


def _generator_opener(factory: Callable[..., Any]) -> Opener:
    is_told = _guards_its_yield(innermost(factory))

    async def open_generator(stack: AsyncExitStack, args: list[Any], named: dict[str, Any]) -> Any:
        made = factory(*args, **named)
        if inspect.isasyncgen(made):
            return await _enter(
                stack,
                asynccontextmanager(lambda: cast("AsyncGenerator[Any]", made))(),
                is_told=is_told,
            )
        if inspect.isgenerator(made):
            return _enter_plain(
                stack, contextmanager(lambda: cast("Generator[Any]", made))(), is_told=is_told
            )
        if isinstance(made, AbstractAsyncContextManager):  # decorated with asynccontextmanager
            return await _enter(stack, cast("Any", made), is_told=True)
        return _enter_plain(stack, made, is_told=True)

    return open_generator


async def _enter(
    stack: AsyncExitStack, manager: AbstractAsyncContextManager[Any], *, is_told: bool
) -> Any:
    value = await manager.__aenter__()

    async def leave(*error: Any) -> None:
        await manager.__aexit__(*(error if is_told else ALL_IS_WELL))

    stack.push_async_exit(leave)
    return value


def _enter_plain(
    stack: AsyncExitStack, manager: AbstractContextManager[Any], *, is_told: bool
) -> Any:
    value = manager.__enter__()

    def leave(*error: Any) -> None:
        manager.__exit__(*(error if is_told else ALL_IS_WELL))

    stack.push(leave)
    return value


def _is_generator_function(factory: Callable[..., Any]) -> bool:
    inner = innermost(factory)
    return inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)


def _guards_its_yield(function: Callable[..., Any]) -> bool:
    """Whether the ``yield`` stands within ``try`` or ``with``: it wants to know what went wrong.

    Read from the source. Without one it is told, as any generator of a context manager is.
    """
    try:
        definition = _definition_of(function)
    except (OSError, SyntaxError, StopIteration):
        return True
    return any(_guarded_yields(definition, is_guarded=False))


def _definition_of(function: Callable[..., Any]) -> ast.AST:
    source = inspect.getsource(function)
    tree = ast.parse(f"if True:\n{source}" if source[0].isspace() else source)
    return next(each for each in ast.walk(tree) if isinstance(each, FUNCTIONS))


def _guarded_yields(node: ast.AST, *, is_guarded: bool) -> Iterator[bool]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            continue
        if isinstance(child, ast.Yield | ast.YieldFrom):
            yield is_guarded
        yield from _guarded_yields(child, is_guarded=is_guarded or isinstance(child, GUARDS))
