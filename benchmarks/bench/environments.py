"""Finds out what runs each peer's server, in environments made for them, or why it cannot run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .commands import run_command
from .errors import BenchError
from .native import BUILD, ROOT
from .peers import Peer

__all__ = ("Ready", "prepare")

PROJECT: Final = ROOT.parent
SERVERS: Final = ROOT / "servers"
NODE: Final = BUILD / "node"

# aiows is the checkout, installed or not: what is said of it is which build of the wire that runs.
VERSIONS: Final = """
import json, sys
from importlib.metadata import version
found = {}
for name in sys.argv[1:]:
    try:
        if name == "aiows":
            import aiows
            found[name] = f"{aiows.wire_build} wire"
        else:
            found[name] = version(name)
    except ImportError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A peer whose server can be started: ``command PORT ARGUMENTS``, with ``env`` added to ours."""

    peer: Peer
    command: list[str]
    versions: Mapping[str, str]
    env: Mapping[str, str] = field(default_factory=dict)


def prepare(
    peers: Iterable[Peer], native: Mapping[str, Path], python: Path | None
) -> tuple[list[Ready], dict[str, str]]:
    """Those that can run, and for the others the reason.

    ``python``: an interpreter that has what all Python peers need, used as it is; None: environments are
    made, with what pip finds, and kept for the next time.
    """
    ready, reasons = [], {}
    for peer in peers:
        try:
            ready.append(_prepare(peer, native, python))
        except BenchError as error:
            reasons[peer.name] = str(error)
    return ready, reasons


def _prepare(peer: Peer, native: Mapping[str, Path], python: Path | None) -> Ready:
    if peer.server in native:
        return Ready(peer=peer, command=[str(native[peer.server])], versions={})
    if peer.server.endswith(".cjs"):
        return _prepare_node(peer)
    return _prepare_python(peer, python)


# Python


def _prepare_python(peer: Peer, python: Path | None) -> Ready:
    interpreter = python or _environment(peer.environment)
    versions = _python_versions(interpreter, peer.requirements)
    missing = [name for name in peer.requirements if name not in versions]
    if missing and python is None:
        _install(interpreter, peer.requirements)
        versions = _python_versions(interpreter, peer.requirements)
        missing = [name for name in peer.requirements if name not in versions]
    if missing:
        raise BenchError(f"not installed: {', '.join(missing)}")
    command = [str(interpreter), str(SERVERS / peer.server)]
    return Ready(peer=peer, command=command, versions=versions, env={"PYTHONPATH": str(PROJECT)})


def _environment(name: str) -> Path:
    """Of the Python that runs this, so that each version has its own."""
    folder = BUILD / "{}-{}.{}".format(name, *sys.version_info)
    python = folder / "bin" / "python"
    if not python.exists():
        run_command([sys.executable, "-m", "venv", str(folder)])
    return python


def _install(interpreter: Path, requirements: tuple[str, ...]) -> None:
    """Editable for ourselves: what is measured is the checkout, with the extensions built in it."""
    wanted = [part for each in requirements for part in _as_pip_takes_it(each)]
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run_command([*pip, *wanted])


def _as_pip_takes_it(requirement: str) -> list[str]:
    return ["--editable", str(PROJECT)] if requirement == "aiows" else [requirement]


def _python_versions(interpreter: Path, names: tuple[str, ...]) -> dict[str, str]:
    asked = run_command(
        [str(interpreter), "-c", VERSIONS, *names], env={"PYTHONPATH": str(PROJECT)}
    )
    found: dict[str, str] = json.loads(asked)
    return found


# node


def _prepare_node(peer: Peer) -> Ready:
    node = run_command(["node", "--version"], needs="Debian's nodejs").strip().removeprefix("v")
    versions = _node_versions(peer.requirements)
    if len(versions) < len(peer.requirements):
        NODE.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--prefix", str(NODE), "--no-audit", "--no-fund"]
        run_command([*npm, *peer.requirements], needs="Debian's npm")
        versions = _node_versions(peer.requirements)
    return Ready(
        peer=peer,
        command=["node", str(SERVERS / peer.server)],
        versions={**versions, "node": node},
        env={"NODE_PATH": str(NODE / "node_modules")},
    )


def _node_versions(names: tuple[str, ...]) -> dict[str, str]:
    described = {name: NODE / "node_modules" / name / "package.json" for name in names}
    return {
        name: json.loads(path.read_text())["version"]
        for name, path in described.items()
        if path.exists()
    }
