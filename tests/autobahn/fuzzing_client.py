"""In go servers and case numbers, out comes what Autobahn's fuzzing client found.

The client (``wstest -m fuzzingclient`` of autobahntestsuite) runs on Python 2.7 only. It is
installed into a folder of its own by that Python's pip.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")

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


def fuzz(
    python: str, installed: Path, servers: Mapping[str, int], cases: Sequence[str], folder: Path
) -> dict[str, list[Verdict]]:
    """Run ``cases`` (``"1.*"``) against ``servers`` (name -> port); the verdicts by server.

    The reports, with every frame of every case, are left in ``folder``.
    """
    spec = folder / "spec.json"
    spec.write_text(
        json.dumps(
            {
                "outdir": str(folder),
                "servers": [
                    {"agent": name, "url": f"ws://127.0.0.1:{port}"}
                    for name, port in servers.items()
                ],
                "cases": list(cases),
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
        )
    )
    wstest = [python, "-c", WSTEST, str(installed), "-m", "fuzzingclient", "-s", str(spec)]
    ended = subprocess.run(wstest, cwd=folder, capture_output=True, text=True, check=False)
    index = folder / "index.json"
    if not index.exists():
        raise RuntimeError(f"the fuzzing client gave no report:\n{ended.stdout}{ended.stderr}")
    return {
        name: [
            Verdict(case, found["behavior"], found["behaviorClose"])
            for case, found in report.items()
        ]
        for name, report in json.loads(index.read_text()).items()
    }
