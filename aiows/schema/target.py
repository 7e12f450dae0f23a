"""Loads the application that a command line names as ``module:app``."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable
from inspect import isawaitable
from operator import attrgetter
from typing import Any

from aiohttp import web

__all__ = ("BadTarget", "load_application")


class BadTarget(Exception):
    """The name does not lead to an application; the text says why."""


def load_application(target: str) -> web.Application:
    """Return the application ``module:name``: an object, or a function without parameters that makes it.

    The function may be ``async``. Raises BadTarget, and whatever the module or the function raises.
    """
    module, colon, name = target.partition(":")
    if not (module and colon and name):
        raise BadTarget(f"{target!r} is not of the form module:app")
    try:
        found = attrgetter(name)(_import(module))
    except AttributeError as error:
        raise BadTarget(f"there is no {name!r} in {module}") from error
    if callable(found) and not isinstance(found, web.Application):
        found = found()
    if isawaitable(found):
        found = asyncio.run(_result_of(found))
    if not isinstance(found, web.Application):
        raise BadTarget(
            f"{target} is a {type(found).__name__}, not an application or a function that makes one"
        )
    return found


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise BadTarget(f"there is no module {error.name!r}") from error
        raise


async def _result_of(made: Awaitable[Any]) -> Any:
    return await made
