"""In goes a function with its parameters' sources, out comes one expression that calls it, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from .parameters import Parameter, Source
from .providers import the_connection

__all__ = ("Caller", "arguments_of", "caller_of")

Caller: TypeAlias = Callable[..., Any]
"""Takes the connection's face, the message or the request's values, and a method's instance, if any."""


def arguments_of(parameters: tuple[Parameter, ...], *, is_method: bool) -> tuple[str, ...]:
    """Return the expressions that a function is called with, of ``peer``, ``message`` and ``instance``.

    What is more than these, or an attribute of the message, calls the ``supply`` of a parameter.
    """
    arguments = ["instance"] if is_method else []
    for index, parameter in enumerate(parameters):
        value = _expression(parameter, index)
        arguments.append(f"{parameter.name}={value}" if parameter.is_keyword_only else value)
    return tuple(arguments)


def caller_of(
    function: Callable[..., Any], parameters: tuple[Parameter, ...], arguments: tuple[str, ...]
) -> Caller:
    """Return what calls ``function`` with its arguments; none of them may be a factory's value.

    It is written as Python and compiled, as `dataclasses` does it: a loop over getters would cost a call
    more for each argument of each message (benchmarks/dispatch.py).
    """
    known: dict[str, Any] = {"function": function}
    known.update((f"supply{index}", each.supply) for index, each in enumerate(parameters))
    source = f"lambda peer, message, instance=None: function({', '.join(arguments)})"
    caller: Caller = eval(source, known)  # noqa: S307 (of nothing but names of parameters)
    return caller


def _expression(parameter: Parameter, index: int) -> str:
    if parameter.source is Source.FIELD:
        return f"message.{parameter.name}"
    if parameter.source is Source.PAYLOAD:
        return "message"
    if parameter.supply is the_connection:
        return "peer"
    return f"supply{index}(peer, message, instance)"
