"""Checks documents, messages and TypeScript with npm packages: what is wrong with them?"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

from node_packages import install_packages

HERE: Final = Path(__file__).parent
OPTIONS: Final = (
    "--strict",
    "--noUncheckedIndexedAccess",
    "--target",
    "es2022",
    "--types",
    "",
    "--noEmit",
)


class Judges:
    def __init__(self, node_modules: Path) -> None:
        self._node_modules = node_modules
        self.tsc = node_modules / ".bin" / "tsc"

    @classmethod
    def installed_in(cls, folder: Path) -> Judges:
        return cls(install_packages(HERE, folder))

    def problems_of_documents(self, *documents: Any) -> list[str]:
        """Return the errors and warnings of AsyncAPI's parser, without its recommendations."""
        return self._run("parse_documents.cjs", [json.dumps(each) for each in documents])

    def problems_of_messages(self, document: Any, messages: list[tuple[str, Any]]) -> list[str]:
        """Return where messages break their schemas; each has a pointer to its schema in ``document``."""
        return self._run("validate_messages.cjs", {"document": document, "messages": messages})

    def compile(self, *files: Path) -> list[tuple[str, int, str]]:
        """Return the errors of ``tsc --strict``: file name, line and text."""
        folder = files[0].parent
        command = [str(self.tsc), *OPTIONS, *(file.name for file in files)]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        found = re.findall(r"^([^\s(]+)\((\d+),\d+\): error (.*)$", ran.stdout, re.MULTILINE)
        assert bool(found) == bool(ran.returncode), ran.stdout + ran.stderr
        return [(name, int(line), text) for name, line, text in found]

    def _run(self, script: str, asked: Any) -> list[str]:
        ran = subprocess.run(
            ["node", HERE / script],
            env=os.environ | {"NODE_PATH": str(self._node_modules)},
            input=json.dumps(asked),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        problems: list[str] = json.loads(ran.stdout)
        return problems
