"""Runs Autobahn's fuzzing client, and returns what it found.

The client (``wstest -m fuzzingclient`` of autobahntestsuite) runs on Python 2.7 only. It is
installed into a folder of its own by that Python's pip.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")

AGENT: Final = "aiows"

WSTEST: Final = """\
import site, sys
sys.path.insert(1, sys.argv[1])
site.addsitedir(sys.argv[1])  # runs the .pth file that zope.interface needs
del sys.argv[1]
from autobahntestsuite.wstest import run
sys.exit(run())
"""


@dataclass(frozen=True)
class Verdict:
    """What the fuzzing client says of one case."""

    case: str
    behavior: str
    close: str

    @property
    def is_fine(self) -> bool:
        """Neither FAILED nor NON-STRICT, nor UNIMPLEMENTED."""
        return {self.behavior, self.close} <= {"OK", "INFORMATIONAL"}


def find_python27() -> str | None:
    """The first Python 2.7 that really runs: PYTHON27, one on the PATH, or one of pyenv's."""
    return next(filter(_is_python27, _candidates()), None)


def _candidates() -> Iterator[str]:
    yield from filter(None, [os.environ.get("PYTHON27"), shutil.which("python2.7")])
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(root.glob("versions/2.7*/bin/python"), reverse=True))


def _is_python27(python: str) -> bool:
    check = "import sys, pip; sys.exit(sys.version_info[:2] != (2, 7))"
    try:
        return (
            subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def install(python: str, cache: Path) -> Path:
    """The folder with autobahntestsuite, installed into ``cache`` once for these requirements."""
    target = cache / f"requirements-{REQUIREMENTS.stat().st_size}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            pip = [python, "-m", "pip", "install", "--quiet", "--no-deps"]
            packages = Path(scratch, "packages")
            subprocess.run([*pip, f"--target={packages}", f"-r{REQUIREMENTS}"], check=True)
            packages.rename(target)
    return target


class Fuzzing:
    """The fuzzing client at work on one server; a context that ends with it.

    Its reports, with every frame of every case, are left in ``folder``.
    """

    def __init__(
        self, python: str, installed: Path, port: int, cases: Sequence[str], folder: Path
    ) -> None:
        self._index = folder / "index.json"
        spec = {
            "outdir": str(folder),
            "servers": [{"agent": AGENT, "url": f"ws://127.0.0.1:{port}"}],
            "cases": list(cases),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [python, "-c", WSTEST, installed, "-m", "fuzzingclient", "-s", "spec.json"],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def verdicts(self) -> list[Verdict]:
        """Wait for the end, and say what was found."""
        self._process.wait()
        if not self._index.exists():
            raise RuntimeError(f"the fuzzing client gave no report:\n{self._log.read_text()}")
        report = json.loads(self._index.read_text())[AGENT]
        return [
            Verdict(case, found["behavior"], found["behaviorClose"])
            for case, found in report.items()
        ]
