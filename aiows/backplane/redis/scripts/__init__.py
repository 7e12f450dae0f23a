"""What Redis itself does in one step: Lua scripts, each in a file beside this one."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import Final

__all__ = ("APPEND", "CLAIM", "READ", "SCRIPTS", "Script")


class Script:
    """A script; the server knows it by the hash of its ``text``."""

    def __init__(self, name: str) -> None:
        position = _text("position").strip()
        self.text = _text(name).replace("--@position", position)
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest().encode()


def _text(name: str) -> str:
    return files(__name__).joinpath(f"{name}.lua").read_text()


APPEND: Final = Script("append")
READ: Final = Script("read")
CLAIM: Final = Script("claim")
SCRIPTS: Final = (APPEND, READ, CLAIM)
