"""In goes a value of a class that msgspec does not know, out comes a plain one, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from .base import Codec

__all__ = ("Misfit", "TypeHook", "add_type_hook", "hook_for")


class TypeHook(Protocol):
    """What codecs ask about classes that msgspec does not know; see `add_type_hook`.

    Plain values are None, bool, int, float, str, bytes, and dicts and lists of them; what goes out may
    also be anything else that msgspec encodes.
    """

    def knows(self, type_: type, /) -> bool:
        """Whether values of ``type_`` are its to encode and to decode."""
        ...

    def encode(self, value: Any, codec: Codec, /) -> Any:
        """Return what ``codec`` is to encode in place of ``value``."""
        ...

    def decode(self, type_: type, plain: Any, codec: Codec, /) -> Any:
        """Return the ``type_`` that ``plain`` stands for. Raises ValueError, best a `Misfit`."""
        ...

    def schema(self, type_: type, /) -> dict[str, Any]:
        """Return the JSON schema of ``type_``."""
        ...


_hooks: Final[list[TypeHook]] = []


def add_type_hook(hook: TypeHook) -> None:
    """Let every codec encode and decode what ``hook`` knows; a hook that is added later goes first.

    Add it before handlers with such types are registered. pydantic's models are known without.
    """
    _hooks.insert(0, hook)


def hook_for(type_: type) -> TypeHook | None:
    """Return the hook that knows ``type_``, None if there is none."""
    return next((hook for hook in _hooks if hook.knows(type_)), None)


class Misfit(ValueError):
    """A `TypeHook` cannot decode a value.

    ``problem`` is told to the peer; ``path`` says where in the value it is: ``.items[2].price``, or ""
    for all of it.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem
