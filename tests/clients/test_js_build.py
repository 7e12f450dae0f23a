"""What users get of the browser's client: it is what its sources say, and it is small."""

from __future__ import annotations

import gzip
import json
import re
from importlib.resources import files
from pathlib import Path

import aiows
from clients.js_build import SOURCES

STATIC = files("aiows").joinpath("client", "static")


def test_what_the_package_serves_is_what_the_sources_say(js_build: Path) -> None:
    """Built anew, byte for byte. If it is not: make client."""
    for name in ("aiows.js", "aiows.d.ts"):
        assert STATIC.joinpath(name).read_bytes() == (js_build / "static" / name).read_bytes()


def test_it_weighs_at_most_six_kibibytes() -> None:
    """Minified and compressed, as a browser gets it."""
    assert len(gzip.compress(STATIC.joinpath("aiows.js").read_bytes(), 9)) <= 6 * 1024


def test_the_npm_package_has_what_it_exports(js_build: Path) -> None:
    """Every file that its description names is built; it depends on nothing, and has our version."""
    described = json.loads((SOURCES / "package.json").read_text())
    named = re.findall(r'"\./dist/([^"]+)"', json.dumps(described["exports"]))
    assert {"aiows.js", "aiows.min.js", "aiows.d.ts"} == set(named)
    assert all((js_build / name).is_file() for name in (*named, "aiows.min.js.map"))
    assert "dependencies" not in described
    assert described["version"] == aiows.__version__


def test_the_module_imports_nothing_and_names_what_it_exports() -> None:
    """One file for a script element."""
    module = STATIC.joinpath("aiows.js").read_text()
    assert not re.search(r"\bimport\b", module)
    (exported,) = re.findall(r"export\{(.*)\}", module)
    names = {each.split(" as ")[-1] for each in exported.split(",")}
    assert names == {"Client", "Lost", "Refused", "Topic", "connect"}
    assert callable(aiows.client_js)
