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

# As argparse does for a wrong command line.
USAGE_ERROR: Final = 2


def run(words: Sequence[str] | None = None) -> int:
    """Do what ``words`` say (None: the process's own); return the exit status.

    0: done, or the file is up to date. 1: the file is stale, and standard error says where. 2: it was
    called wrongly. Raises SystemExit as argparse does, and what the application's module raises.
    """
    asked = _parser().parse_args(words)
    try:
        text = DOCUMENTS[asked.document].make(load_application(asked.target))
    except BadTarget as error:
        _complain(f"{error}\n")
        return USAGE_ERROR
    if asked.check is not None:
        return _check(asked.check, text, f"python -m aiows {asked.document} {asked.target}")
    if asked.output is not None:
        asked.output.write_text(text, encoding="utf-8", newline="\n")
    else:
        sys.stdout.write(text)
    return 0


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


def _check(path: Path, text: str, command: str) -> int:
    if not path.is_file():
        _complain(f"{path} is missing. Make it:\n  {command} -o {path}\n")
        return 1
    found = path.read_text(encoding="utf-8").splitlines(keepends=True)
    changes = [*unified_diff(found, text.splitlines(keepends=True), f"{path}", "the application")]
    if changes:
        _complain(f"{path} is stale. Make it again:\n  {command} -o {path}\n\n{''.join(changes)}")
    return 1 if changes else 0


def _complain(text: str) -> None:
    sys.stderr.write(text)
