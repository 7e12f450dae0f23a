"""In go documents, messages and TypeScript, out comes what is wrong with them: npm packages say so."""

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
        """What AsyncAPI's parser finds wrong: errors and warnings, no recommendations."""
        return self._run("parse_documents.cjs", [json.dumps(each) for each in documents])

    def problems_of_messages(self, document: Any, messages: list[tuple[str, Any]]) -> list[str]:
        """What the messages break of the schemas in ``document`` to which their pointers lead."""
        return self._run("validate_messages.cjs", {"document": document, "messages": messages})

    def compile(self, *files: Path) -> list[tuple[str, int, str]]:
        """Name of the file, line and text of everything that ``tsc --strict`` complains about."""
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
