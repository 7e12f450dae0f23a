"""The browser's client, built anew from its sources in clients/js."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from node_packages import install_packages

SOURCES: Final = Path(__file__).parents[2] / "clients" / "js"


def build(packages: Path, folder: Path) -> Path:
    """Build into ``folder`` with the tools that are installed in ``packages``; return it."""
    node_modules = install_packages(SOURCES, packages)
    subprocess.run(
        ["node", SOURCES / "build.mjs", folder],
        env=os.environ | {"NODE_PATH": str(node_modules)},
        check=True,
    )
    return folder
