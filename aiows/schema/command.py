"""The command line ``python -m aiows``: prints a document, writes it to a file, or compares it with one."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Final

from aiohttp import __version__ as aiohttp_version
from aiohttp import web

from .. import __version__, wire_build
from ..errors import BadTarget, RegistrationError
from .asyncapi import asyncapi_text
from .target import load_application
from .typescript import typescript

__all__ = ("run",)


@dataclass(frozen=True, slots=True)
class Output:
    """A document that can be made from an application."""

    summary: str
    make: Callable[[web.Application], str]


OUTPUTS: Final = {
    "schema": Output("the AsyncAPI 3 document, as JSON", asyncapi_text),
    "types": Output("TypeScript types of the messages in both directions", typescript),
}

STALE: Final = 1
USAGE_ERROR: Final = 2  # as argparse has it for a wrong command line


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (None: those of the process); return the exit status.

    0: done, or the file is up to date. 1: the file is stale; standard error shows the difference. 2: a
    wrong argument, an application that cannot be loaded, a type without a schema, or a file that cannot be
    written. Raises SystemExit as argparse does.
    """
    options = _parser().parse_args(arguments)
    try:
        text = OUTPUTS[options.document].make(load_application(options.target))
        if options.check is not None:
            command = f"python -m aiows {options.document} {options.target}"
            return _check(options.check, text, command)
        return _write(options.output, text)
    except (BadTarget, RegistrationError) as error:
        return _fail(f"{error}\n", USAGE_ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aiows")
    parser.add_argument("--version", action="version", version=_versions())
    documents = parser.add_subparsers(dest="document", required=True, metavar="|".join(OUTPUTS))
    for name, output in OUTPUTS.items():
        command = documents.add_parser(name, help=output.summary, description=output.summary)
        command.add_argument(
            "target",
            metavar="module:app",
            help="an application, or a function without parameters that makes one",
        )
        file = command.add_mutually_exclusive_group()
        file.add_argument("-o", dest="output", metavar="FILE", type=Path, help="write it there")
        file.add_argument(
            "--check", metavar="FILE", type=Path, help="fail if the file is not up to date"
        )
    return parser


def _versions() -> str:
    """What a bug report needs to say."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"aiows {__version__} ({wire_build}), aiohttp {aiohttp_version}, {python}"


def _write(path: Path | None, text: str) -> int:
    data = text.encode()  # the same bytes on every system
    if path is None:
        sys.stdout.buffer.write(data)
        return 0
    try:
        path.write_bytes(data)
    except OSError as error:
        return _fail(f"{path} cannot be written: {error.strerror}\n", USAGE_ERROR)
    return 0


def _check(path: Path, text: str, command: str) -> int:
    if not path.is_file():
        return _fail(f"{path} is missing. Make it:\n  {command} -o {path}\n", STALE)
    found = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    changes = [*unified_diff(found, text.splitlines(keepends=True), f"{path}", "the application")]
    if not changes:
        return 0
    text = f"{path} is stale. Make it again:\n  {command} -o {path}\n\n{''.join(changes)}"
    return _fail(text, STALE)


def _fail(text: str, status: int) -> int:
    sys.stderr.write(text)
    return status
