"""Installs the npm packages that tests use."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

NEEDS_NODE: Final = "needs Node.js 20.18.1 or newer and npm: apt-get install -y nodejs npm"


def has_node() -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(number) for number in version.strip("v\n").split(".")) >= (20, 18, 1)


def install_packages(described_in: Path, folder: Path) -> Path:
    """Install the packages of package-lock.json in ``folder``, if they are not there; return node_modules."""
    lock = folder / "package-lock.json"
    if not lock.exists() or lock.read_bytes() != (described_in / lock.name).read_bytes():
        shutil.copy(described_in / "package.json", folder)
        staged = shutil.copy(described_in / lock.name, folder)
        try:
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run(command, cwd=folder, check=True)
        except BaseException:
            Path(staged).unlink()
            raise
    return folder / "node_modules"
