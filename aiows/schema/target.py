"""Loads the application that a command line names as ``module:app``, and says why if it cannot."""

from __future__ import annotations

import asyncio
import importlib
import traceback
from collections.abc import Awaitable
from inspect import isawaitable
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ..errors import BadTarget, RegistrationError

__all__ = ("load_application",)

# How many of the last calls are shown of an application that raises: more are those of libraries.
LAST_CALLS: Final = 3
# Whose calls lead to the application's code.
LOADERS: Final = (
    str(Path(__file__).parent),
    str(Path(importlib.__file__).parent),
    str(Path(asyncio.__file__).parent),
    "<frozen importlib",
)


def load_application(target: str) -> web.Application:
    """Return the application ``module:name``: an object, or a function without parameters that makes it.

    The function may be ``async``. Raises BadTarget, also for what the module or the function raises;
    RegistrationError goes through.
    """
    module, colon, name = target.partition(":")
    if module.endswith(".py") or "/" in module or "\\" in module:
        raise BadTarget(_no_file(module, name))
    if not (module and colon and name):
        raise BadTarget(f"{target!r} is not of the form module:app, or module:factory")
    try:
        imported = _import(module)
        found = _made(_member(imported, module, name))
    except (BadTarget, RegistrationError):
        raise
    except Exception as error:
        raise BadTarget(f"{target} cannot be loaded:\n{_last_calls(error)}") from error
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


def _no_file(file: str, name: str) -> str:
    """Say how the module of ``file`` is named."""
    path = Path(file.replace("\\", "/"))
    place = "" if path.parent == Path() else f", in the folder {path.parent}"
    return f"{file!r} is a file: name its module, as in {path.stem}:{name or 'app'}{place}"


def _member(module: Any, module_name: str, name: str) -> Any:
    try:
        return attrgetter(name)(module)
    except AttributeError as error:
        raise BadTarget(f"there is no {name!r} in {module_name}") from error


def _made(found: Any) -> Any:
    """Return what ``found`` makes, if it is a function; otherwise itself."""
    if callable(found) and not isinstance(found, web.Application):
        found = found()
    return asyncio.run(_result_of(found)) if isawaitable(found) else found


def _last_calls(error: Exception) -> str:
    """Return the lines of the traceback that matter: where it was raised, and what."""
    told = traceback.TracebackException.from_exception(error)
    calls = [call for call in told.stack if not call.filename.startswith(LOADERS)]
    last = traceback.StackSummary.from_list(calls[-LAST_CALLS:]).format()
    return "".join((*last, *told.format_exception_only())).rstrip()


async def _result_of(made: Awaitable[Any]) -> Any:
    return await made
