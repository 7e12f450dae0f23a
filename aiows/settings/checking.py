"""`OptionSet`: which settings can be chosen in one place; it reads and checks what was chosen there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import FunctionType, NoneType
from typing import Any, Final, TypeVar, cast

from .._wire import Compression
from ..errors import RegistrationError
from .expected import Expected
from .settings import EXPECTED, Settings

__all__ = ("OptionSet",)

Function = TypeVar("Function", bound=Callable[..., Any])

# Types of values that refer to nothing, or to what their module keeps anyway.
PLAIN: Final = frozenset({bool, int, float, str, tuple, NoneType, Compression})


@dataclass(frozen=True, slots=True, eq=False)
class OptionSet:
    """The settings that can be chosen in one place. ``names``: from an option's name to the setting's."""

    names: Mapping[str, str]
    defaults: Settings
    adapt: Callable[[str, Any], Any] = lambda _, value: value
    """Called with each option and its value; returns what that is to be taken for."""

    @property
    def expected(self) -> dict[str, Expected]:
        """What each option must be."""
        return {option: EXPECTED[setting] for option, setting in self.names.items()}

    @property
    def default_values(self) -> dict[str, Any]:
        """Each option's default."""
        return {option: getattr(self.defaults, name) for option, name in self.names.items()}

    def read(self, given: Mapping[str, Any], place: str) -> Settings:
        """Return the settings that ``given`` says, checked; the defaults for what it does not say.

        The same options give the same object: a response is made for each connection, mostly with the same
        few. ``place`` is put before an option's name in an error. Raises RegistrationError.
        """
        if not _can_be_kept(given):
            given = {name: _frozen(value) for name, value in given.items()}
            if not _can_be_kept(given):
                return _read(self, place, **given)
        try:
            return _read_once(self, place, **given)
        except RegistrationError:
            raise
        except TypeError:
            pass  # an element of a tuple cannot be hashed, so it is none that fits
        return _read(self, place, **given)

    def with_defaults(self, **settings: Any) -> OptionSet:
        """Return the same options, over other defaults."""
        return replace(self, defaults=replace(self.defaults, **settings))

    def shown_by(self, function: Function) -> Function:
        """Show the options as parameters of ``function``, for ``help()`` and documentation."""
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        options = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default)
            for option, default in self.default_values.items()
        ]
        shown = signature.replace(parameters=[*own, *options])
        function.__signature__ = shown  # type: ignore[attr-defined]  # pyright: ignore
        return function


def _frozen(value: object) -> object:
    """Return ``value`` so that nobody can change it any more, where it is a list or a set."""
    return tuple(cast("Iterable[object]", value)) if isinstance(value, list | set) else value


def _can_be_kept(options: Mapping[str, object]) -> bool:
    """Whether it is known of all values that they refer to nothing that should go with its connection."""
    values = options.values()
    if PLAIN.issuperset(map(type, values)):
        return True
    return all(type(each) in PLAIN or _is_free(each) for each in values)


def _is_free(value: object) -> bool:
    """Whether ``value`` is a function that refers to nothing but what is in its module."""
    if not isinstance(value, FunctionType):
        return False
    return not (value.__closure__ or value.__defaults__ or value.__kwdefaults__)


def _read(options: OptionSet, place: str, /, **given: Any) -> Settings:
    chosen: dict[str, Any] = {}
    for option, value in given.items():
        setting = options.names.get(option)
        if setting is None:
            known = ", ".join(options.names)
            raise RegistrationError(f"{place}unknown option {option!r}; there are {known}")
        chosen[setting] = options.adapt(option, value)
        EXPECTED[setting].check(f"{place}{option}", chosen[setting])
    return replace(options.defaults, **chosen)


# Typed, or True would be found where 1 was given before.
_read_once: Final = lru_cache(maxsize=128, typed=True)(_read)
