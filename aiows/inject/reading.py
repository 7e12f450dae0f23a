"""Reads the signature of a function that is being registered: the source of each of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias, cast

from aiohttp import web
from msgspec.inspect import (
    CustomType,
    DataclassType,
    NamedTupleType,
    StructType,
    TypedDictType,
    type_info,
)

from ..errors import RegistrationError
from .factories import opener_of, value_type
from .markers import Use, is_ignored, use_in
from .parameters import Dependency, Parameter, Source
from .providers import Getter, app_value, provided_names, supplier_of, the_connection
from .signature import (
    NO_DEFAULT,
    declared_parameters,
    innermost,
    names_known_to,
    refusal,
    resolve,
    return_annotation,
    runtime_type,
    without_metadata,
)

__all__ = ("check_handler", "read_parameters")

Function: TypeAlias = Callable[..., Any]

CONNECTION_NAME: Final = "ws"

# Types that are no plain values: a factory that returns one supplies other parameters of that class, too.
OBJECTS: Final = (CustomType, DataclassType, NamedTupleType, StructType, TypedDictType)

_VARIADIC: Final = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def read_parameters(
    handler: Function,
    *,
    payload_type: type | None = None,
    payload: Any = None,
    is_method: bool = False,
    names: Mapping[str, Any] | None = None,
    connection_names: Iterable[str] = (CONNECTION_NAME,),
    dependencies: Iterable[Use] = (),
) -> tuple[Parameter, ...]:
    """Return the parameters of ``handler`` with their sources; without ``self`` if it is a method.

    ``payload_type``: a parameter that is annotated with a subclass of it gets the whole payload, and so does
    one that is annotated with exactly ``payload``. ``names``: what annotations may refer to besides the
    globals of the function's module. ``connection_names``: parameters of these names get the connection.
    ``dependencies``: factories for parameters that are annotated with the class alone; of two for the same
    class the last one is used. Raises RegistrationError.
    """
    reading = _Reading(payload_type, payload, names or {}, frozenset(connection_names))
    for each in dependencies:
        reading.offer(each)
    return reading.read(handler, skip=int(is_method))


def check_handler(handler: Function) -> None:
    """Raise RegistrationError for what cannot be called, and for a plain generator: this blocks the loop."""
    if not callable(handler):
        raise RegistrationError(f"a handler is a function, not {handler!r}")
    inner = innermost(handler)
    if inspect.isgeneratorfunction(inner):
        raise refusal(handler, "a handler cannot be a plain generator: make it an async one")


class _Declared(NamedTuple):
    """A parameter with its type; ``use`` is the `Use` in its annotation, if there is one."""

    name: str
    annotation: Any
    default: Any
    is_keyword_only: bool
    use: Use | None


class _Reading:
    """Reads one function and the factories below it, which may use each other's values."""

    def __init__(
        self,
        payload_type: type | None,
        payload: Any,
        names: Mapping[str, Any],
        connection_names: frozenset[str],
    ) -> None:
        self._payload_type = payload_type
        self._payload = payload
        self._names = {**provided_names(), **names}
        self._connection_names = connection_names
        self._declared: dict[Function, list[_Declared]] = {}
        self._general: dict[Any, list[Use]] = {}
        self._dependencies: dict[Use, Dependency] = {}
        self._open: list[Function] = []

    def read(self, handler: Function, *, skip: int) -> tuple[Parameter, ...]:
        declared = self._declare_all(handler, skip)
        self._collect(declared)
        return self._read(handler, declared)

    def offer(self, use: Use) -> None:
        """Let parameters that are annotated with the class of its value alone get it from ``use``."""
        if _is_app_key(use.factory):
            problem = "names no class: ask for it in the annotation of a parameter"
            raise RegistrationError(f"{use.factory!r} {problem}")
        factory = cast(Function, use.factory)
        made = self._class_made_by(factory)
        if made is None:
            problem = "a dependency needs a return annotation: the class of its value"
            raise refusal(factory, problem)
        self._collect_factory(use, factory)
        self._general[made] = [use]

    # first step: find all factories, and the class that each one makes

    def _collect(self, declared: list[_Declared]) -> None:
        for each in declared:
            if each.use is not None and not _is_app_key(each.use.factory):
                self._collect_factory(each.use, cast(Function, each.use.factory))

    def _collect_factory(self, use: Use, factory: Function) -> None:
        made = self._class_made_by(factory)
        uses = [] if made is None else self._general.setdefault(made, [])
        if use not in uses:
            uses.append(use)
        if factory not in self._declared:
            self._declared[factory] = self._declare_all(factory)
            self._collect(self._declared[factory])

    def _declare_all(self, function: Function, skip: int = 0) -> list[_Declared]:
        known = self._known_to(function)
        declared = declared_parameters(function)[skip:]
        return [self._declare(function, each, known) for each in declared]

    def _known_to(self, function: Function) -> dict[str, Any]:
        return {**self._names, **names_known_to(function)}

    def _class_made_by(self, factory: Function) -> Any:
        """Return the class that ``factory`` supplies to others; None for a plain value, or Ignore."""
        returned = return_annotation(factory, self._known_to(factory))
        made = value_type(factory, returned)
        return None if is_ignored(returned) or not _is_object(made) else made

    def _declare(
        self, function: Function, parameter: inspect.Parameter, known: Mapping[str, Any]
    ) -> _Declared:
        name = parameter.name
        if parameter.kind in _VARIADIC:
            raise refusal(
                function,
                f"{_VARIADIC[parameter.kind]}{name} cannot be filled: name the fields one by one",
            )
        annotation = self._annotation_of(function, parameter, known)
        return _Declared(
            name=name,
            annotation=annotation,
            default=parameter.default,
            is_keyword_only=parameter.kind is inspect.Parameter.KEYWORD_ONLY,
            use=use_in(annotation),
        )

    def _annotation_of(
        self, function: Function, parameter: inspect.Parameter, known: Mapping[str, Any]
    ) -> Any:
        name, written = parameter.name, parameter.annotation
        try:
            return resolve(function, name, written, known)
        except RegistrationError:
            if name not in self._connection_names or "Annotated" in str(written):
                raise
            return Any  # its name is enough: only type checkers may have imported its type

    # second step: find the source of each parameter

    def _read(self, function: Function, declared: list[_Declared]) -> tuple[Parameter, ...]:
        if function in self._open:
            circle = [*self._open[self._open.index(function) :], function]
            listed = " -> ".join(_name(each) for each in circle)
            raise refusal(function, f"a factory needs its own value: {listed}")
        self._open.append(function)
        parameters = tuple(self._sourced(function, each) for each in declared)
        self._open.pop()
        return parameters

    def _sourced(self, function: Function, declared: _Declared) -> Parameter:
        if declared.use is not None:
            return self._used(declared, declared.use)
        supplier = self._supplier_of(declared)
        if supplier is not None:
            return _parameter(declared, Source.PROVIDED, supplier)
        if is_ignored(declared.annotation):
            return _defaulted(function, declared)
        if self._is_payload(declared.annotation):
            return _parameter(declared, Source.PAYLOAD, _message)
        uses = self._general.get(without_metadata(declared.annotation), [])
        if len(uses) > 1:
            raise refusal(function, f"{declared.name!r}: several factories supply its type")
        return self._used(declared, uses[0]) if uses else _field(declared)

    def _supplier_of(self, declared: _Declared) -> Getter | None:
        if declared.name in self._connection_names:
            return the_connection
        return supplier_of(declared.annotation)

    def _is_payload(self, annotation: Any) -> bool:
        wanted = runtime_type(annotation)
        if self._payload is not None and without_metadata(annotation) == self._payload:
            return True
        return bool(self._payload_type and wanted and issubclass(wanted, self._payload_type))

    def _used(self, declared: _Declared, use: Use) -> Parameter:
        factory: Any = use.factory
        if _is_app_key(factory):
            return _parameter(declared, Source.PROVIDED, app_value(factory))
        dependency = self._dependencies.get(use)
        if dependency is None:
            dependency = self._dependencies[use] = Dependency(
                factory=factory,
                is_shared=use.reuse,
                parameters=self._read(factory, self._declared[factory]),
                open=opener_of(factory),
            )
        return _parameter(declared, Source.FACTORY, dependency)


def _parameter(declared: _Declared, source: Source, supply: Getter | Dependency) -> Parameter:
    annotation = declared.annotation
    return Parameter(
        name=declared.name,
        source=source,
        annotation=annotation if source is Source.FIELD else without_metadata(annotation),
        default=declared.default,
        is_keyword_only=declared.is_keyword_only,
        supply=supply,
    )


def _field(declared: _Declared) -> Parameter:
    value = attrgetter(declared.name)
    return _parameter(declared, Source.FIELD, lambda _peer, message, _instance: value(message))


def _defaulted(function: Function, declared: _Declared) -> Parameter:
    default = declared.default
    if default is NO_DEFAULT:
        problem = f"{declared.name!r} is annotated with Ignore, so it needs a default"
        raise refusal(function, problem)
    return _parameter(declared, Source.DEFAULT, lambda _peer, _message, _instance: default)


def _is_app_key(factory: object) -> bool:
    return isinstance(factory, web.AppKey)


def _message(_peer: Any, message: Any, _instance: Any) -> Any:
    return message


def _is_object(made: Any) -> bool:
    try:
        return isinstance(type_info(made), OBJECTS)
    except Exception:  # msgspec does not know the type: then any class is an object
        return isinstance(made, type)


def _name(function: Function) -> str:
    return cast(str, getattr(function, "__qualname__", None)) or repr(function)
