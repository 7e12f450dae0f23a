"""Reads the signature of a function: parameters, types, and where it is defined, for error messages."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import CodeType, FrameType
from typing import Annotated, Any, Final, cast, get_origin, get_type_hints

from ..errors import RegistrationError

__all__ = (
    "NO_DEFAULT",
    "declared_parameters",
    "innermost",
    "names_known_to",
    "place_of",
    "refusal",
    "resolve",
    "return_annotation",
    "runtime_type",
    "without_metadata",
)

NO_DEFAULT: Final = inspect.Parameter.empty


def refusal(function: Callable[..., Any], problem: str) -> RegistrationError:
    """Return the error that says what is wrong with ``function`` and where it is defined."""
    return RegistrationError(f"{place_of(function)}: {problem}")


def place_of(function: Callable[..., Any]) -> str:
    """Return the name of ``function`` with its file and line."""
    inner = innermost(function)
    name = getattr(inner, "__qualname__", repr(inner))
    code: CodeType | None = getattr(inner, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def declared_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters as they are written. Raises RegistrationError."""
    return list(_signature_of(function).parameters.values())


def return_annotation(function: Callable[..., Any], known: Mapping[str, Any]) -> Any:
    """Return the return type of ``function``; Any without an annotation, or if it cannot be resolved."""
    if isinstance(function, type):
        return function
    written = _signature_of(function).return_annotation
    try:
        return resolve(function, "return", written, known)
    except RegistrationError:
        return Any


def resolve(
    function: Callable[..., Any], name: str, annotation: Any, known: Mapping[str, Any]
) -> Any:
    """Return the type that ``annotation`` refers to, Any if there is none.

    One annotation at a time, so that it does not matter if others are unknown. Raises RegistrationError.
    """
    if annotation is inspect.Parameter.empty:
        return Any

    def annotated() -> None: ...

    annotated.__annotations__ = {name: annotation}
    try:
        return get_type_hints(annotated, globalns=dict(known), include_extras=True)[name]
    except Exception as error:
        problem = f"the annotation of {name!r} cannot be resolved: {error}"
        raise refusal(function, problem) from error


def names_known_to(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names that annotations of ``function`` may use: of its module, and of enclosing functions.

    A string does not keep alive what it names. So enclosing functions are looked up while they still run,
    which is when most handlers are registered: in the function that makes the application.
    """
    inner = innermost(function)
    known: dict[str, Any] = dict(getattr(inner, "__globals__", {}))
    code: CodeType | None = getattr(inner, "__code__", None)
    for frame in reversed(_running_frames()):
        if code is not None and _contains(frame.f_code, code):
            known |= frame.f_locals
    return known


def _running_frames() -> list[FrameType]:
    """Return the frames of all callers, the nearest first."""
    frames: list[FrameType] = []
    frame = inspect.currentframe()
    while (frame := frame and frame.f_back) is not None:
        frames.append(frame)
    return frames


def _contains(outer: CodeType, inner: CodeType) -> bool:
    """Whether ``inner`` is the code of something that is defined within ``outer``."""
    return any(
        each is inner or (isinstance(each, CodeType) and _contains(each, inner))
        for each in outer.co_consts
    )


def innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function inside partials, wrappers, bound methods, classes and callable objects."""
    inner = inspect.unwrap(function)
    if isinstance(inner, partial):
        return innermost(inner.func)
    if inspect.ismethod(inner):
        return innermost(inner.__func__)
    holder, name = (inner, "__init__") if isinstance(inner, type) else (type(inner), "__call__")
    call = getattr(cast("Any", holder), name, None)
    return call if inspect.isfunction(call) else inner


def runtime_type(annotation: Any) -> type | None:
    """Return the class behind ``Annotated[X, ...]``, ``X[Y]`` or ``X``; None for a union."""
    annotation = without_metadata(annotation)
    plain = get_origin(annotation) or annotation
    return plain if isinstance(plain, type) else None


def without_metadata(annotation: Any) -> Any:
    """Return ``X`` for ``Annotated[X, ...]``."""
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation


def _signature_of(function: Callable[..., Any]) -> inspect.Signature:
    try:
        if sys.version_info >= (3, 14):
            # Names that only type checkers import must not fail here: some are never needed.
            import annotationlib  # noqa: PLC0415

            forward = annotationlib.Format.FORWARDREF
            return inspect.signature(function, annotation_format=forward)
        return inspect.signature(function)
    except ValueError as error:
        raise refusal(function, f"its parameters cannot be read: {error}") from error
