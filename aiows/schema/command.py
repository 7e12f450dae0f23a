"""In go a command line's words, out comes a document: printed, written to a file or compared with one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Final

from aiohttp import web

from ..errors import RegistrationError
from .asyncapi import asyncapi_text
from .target import BadTarget, load_application
from .typescript import typescript

__all__ = ("run",)


@dataclass(frozen=True, slots=True)
class Document:
    """Something that can be made of an application."""

    summary: str
    make: Callable[[web.Application], str]


DOCUMENTS: Final = {
    "schema": Document("the AsyncAPI 3 document, as JSON", asyncapi_text),
    "types": Document("TypeScript types of the messages in both directions", typescript),
}

STALE: Final = 1
USAGE_ERROR: Final = 2  # as argparse has it for a wrong command line


def run(words: Sequence[str] | None = None) -> int:
    """Do what ``words`` say (None: the process's own); return the exit status.

    0: done, or the file is up to date. 1: the file is stale, and standard error says where. 2: it was
    called wrongly, no schema can be made, or the file cannot be written. Raises SystemExit as argparse
    does, and what the application's module raises.
    """
    asked = _parser().parse_args(words)
    try:
        text = DOCUMENTS[asked.document].make(load_application(asked.target))
        if asked.check is not None:
            return _check(asked.check, text, f"python -m aiows {asked.document} {asked.target}")
        return _write(asked.output, text)
    except (BadTarget, RegistrationError) as error:
        return _complain(f"{error}\n", USAGE_ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aiows")
    documents = parser.add_subparsers(dest="document", required=True, metavar="|".join(DOCUMENTS))
    for name, document in DOCUMENTS.items():
        one = documents.add_parser(name, help=document.summary, description=document.summary)
        one.add_argument(
            "target",
            metavar="module:app",
            help="an application, or a function without parameters that makes one",
        )
        what = one.add_mutually_exclusive_group()
        what.add_argument("-o", dest="output", metavar="FILE", type=Path, help="write it there")
        what.add_argument(
            "--check", metavar="FILE", type=Path, help="fail if the file says something else"
        )
    return parser


def _write(path: Path | None, text: str) -> int:
    data = text.encode()  # the same bytes on every system
    if path is None:
        sys.stdout.buffer.write(data)
        return 0
    try:
        path.write_bytes(data)
    except OSError as error:
        return _complain(f"{path} cannot be written: {error.strerror}\n", USAGE_ERROR)
    return 0


def _check(path: Path, text: str, command: str) -> int:
    if not path.is_file():
        return _complain(f"{path} is missing. Make it:\n  {command} -o {path}\n", STALE)
    found = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    changes = [*unified_diff(found, text.splitlines(keepends=True), f"{path}", "the application")]
    if not changes:
        return 0
    told = f"{path} is stale. Make it again:\n  {command} -o {path}\n\n{''.join(changes)}"
    return _complain(told, STALE)


def _complain(text: str, status: int) -> int:
    sys.stderr.write(text)
    return status
