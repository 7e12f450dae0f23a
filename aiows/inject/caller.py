"""Compiles one expression that calls a function with its arguments, where no factory is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from .parameters import Parameter, Source
from .providers import the_connection

__all__ = ("Caller", "arguments_of", "caller_of")

Caller: TypeAlias = Callable[..., Any]
"""Takes the connection, the message or the request's values, and a method's instance, if any."""


def arguments_of(parameters: tuple[Parameter, ...], *, is_method: bool) -> tuple[str, ...]:
    """Return the arguments of a call, as expressions of ``peer``, ``message`` and ``instance``.

    Each is one of these names, an attribute of the message, or a call of the parameter's ``supply``.
    """
    arguments = ["instance"] if is_method else []
    for index, parameter in enumerate(parameters):
        value = _expression(parameter, index)
        arguments.append(f"{parameter.name}={value}" if parameter.is_keyword_only else value)
    return tuple(arguments)


def caller_of(
    function: Callable[..., Any], parameters: tuple[Parameter, ...], arguments: tuple[str, ...]
) -> Caller:
    """Return a function that calls ``function`` with ``arguments``; none of them may be a factory's value.

    It is Python source that is compiled, as `dataclasses` does it: a loop over getters would cost one more
    call for each argument of each message (benchmarks/dispatch.py).
    """
    known: dict[str, Any] = {"function": function}
    known.update((f"supply{index}", each.supply) for index, each in enumerate(parameters))
    source = f"lambda peer, message, instance=None: function({', '.join(arguments)})"
    caller: Caller = eval(source, known)  # noqa: S307 (it holds only names of parameters)
    return caller


def _expression(parameter: Parameter, index: int) -> str:
    if parameter.source is Source.FIELD:
        return f"message.{parameter.name}"
    if parameter.source is Source.PAYLOAD:
        return "message"
    if parameter.supply is the_connection:
        return "peer"
    return f"supply{index}(peer, message, instance)"
