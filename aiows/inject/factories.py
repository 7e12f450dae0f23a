"""Opens factories of every sort: calls one, returns its value and puts its clean-up on an exit stack."""

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
"""Calls a factory and returns its value; its clean-up goes on the stack."""

NO_ERROR: Final = (None, None, None)

GUARDS: Final = (ast.Try, ast.TryStar, ast.With, ast.AsyncWith)
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def opener_of(factory: Callable[..., Any]) -> Opener:
    """Return the function that opens ``factory``: a function, coroutine function, class or generator."""
    if _is_generator_function(factory):
        return _generator_opener(factory)

    async def open_plain(_: AsyncExitStack, args: list[Any], named: dict[str, Any]) -> Any:
        made = factory(*args, **named)
        return await made if inspect.isawaitable(made) else made

    return open_plain


def value_type(factory: Callable[..., Any], returned: Any) -> Any:
    """Return the type of a factory's value; ``returned`` is its return annotation."""
    if not _is_generator_function(factory):
        return without_metadata(returned)
    yielded = get_args(without_metadata(returned))
    return without_metadata(yielded[0]) if yielded else Any


def _generator_opener(factory: Callable[..., Any]) -> Opener:
    gets_error = _guards_its_yield(innermost(factory))

    async def open_generator(stack: AsyncExitStack, args: list[Any], named: dict[str, Any]) -> Any:
        made = factory(*args, **named)
        if inspect.isasyncgen(made):
            return await _enter(
                stack,
                asynccontextmanager(lambda: cast("AsyncGenerator[Any]", made))(),
                gets_error=gets_error,
            )
        if inspect.isgenerator(made):
            return _enter_plain(
                stack, contextmanager(lambda: cast("Generator[Any]", made))(), gets_error=gets_error
            )
        if isinstance(made, AbstractAsyncContextManager):  # decorated with asynccontextmanager
            return await _enter(stack, cast("Any", made), gets_error=True)
        return _enter_plain(stack, made, gets_error=True)

    return open_generator


async def _enter(
    stack: AsyncExitStack, manager: AbstractAsyncContextManager[Any], *, gets_error: bool
) -> Any:
    value = await manager.__aenter__()

    async def leave(*error: Any) -> None:
        await manager.__aexit__(*(error if gets_error else NO_ERROR))

    stack.push_async_exit(leave)
    return value


def _enter_plain(
    stack: AsyncExitStack, manager: AbstractContextManager[Any], *, gets_error: bool
) -> Any:
    value = manager.__enter__()

    def leave(*error: Any) -> None:
        manager.__exit__(*(error if gets_error else NO_ERROR))

    stack.push(leave)
    return value


def _is_generator_function(factory: Callable[..., Any]) -> bool:
    inner = innermost(factory)
    return inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)


def _guards_its_yield(function: Callable[..., Any]) -> bool:
    """Whether the ``yield`` is within ``try`` or ``with``: then the generator gets the exception.

    This is read from the source. If there is no source it gets it, as with `contextlib.contextmanager`.
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
