"""What a user installs: the source distribution, and the wheels that are built of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from email import message_from_string
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

# Compiling takes half a minute of an idle processor, and pip fetches what it needs for it.
pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[1]

Unpack = Callable[[Path], Path]

SOURCES = (".py", ".typed", ".pyx", ".pxi", ".h", ".js", ".ts", ".lua")


# What a clone does not have.
NOT_SOURCE = shutil.ignore_patterns(
    ".?*", "*.egg-info", "*.so", "*.pyd", "__pycache__", "_build", "build", "dist", "node_modules"
)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of this checkout, built away from it."""
    clone = tmp_path_factory.mktemp("clone") / "aiows"
    shutil.copytree(ROOT, clone, ignore=NOT_SOURCE)
    build = "from setuptools import build_meta; build_meta.build_sdist('dist')"
    told = environment(AIOWS_NO_EXTENSIONS="1")
    subprocess.run([sys.executable, "-c", build], check=True, cwd=clone, env=told)
    (built,) = clone.glob("dist/*.tar.gz")
    return built


@pytest.fixture(scope="module")
def unpack(sdist: Path) -> Unpack:
    """Unpacks the source distribution in a folder and returns where its files are."""

    def unpack(folder: Path) -> Path:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (source,) = folder.iterdir()
        return source

    return unpack


@pytest.fixture(scope="module")
def native(unpack: Unpack, tmp_path_factory: pytest.TempPathFactory) -> tuple[zipfile.ZipFile, str]:
    """A native wheel of the source distribution, and what pip said."""
    source = unpack(tmp_path_factory.mktemp("source"))
    # As it is where nothing is asked for, but it cannot fail unseen.
    built = build_wheel(source, **environment(AIOWS_REQUIRE_EXTENSIONS="1"))
    built.check_returncode()
    return built_in(source), built.stdout


@pytest.fixture(scope="module")
def wheel(native: tuple[zipfile.ZipFile, str]) -> zipfile.ZipFile:
    return native[0]


def build_wheel(source: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build as pip does for a user."""
    build = [sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "--wheel-dir=dist", "."]
    return subprocess.run(
        build,
        check=False,
        cwd=source,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def built_in(source: Path) -> zipfile.ZipFile:
    (built,) = source.glob("dist/*.whl")
    return zipfile.ZipFile(built)


def is_native(wheel: zipfile.ZipFile) -> bool:
    return any(name.endswith(tuple(EXTENSION_SUFFIXES)) for name in wheel.namelist())


def environment(**changed: str) -> dict[str, str]:
    """The environment without what it asks of a build."""
    asked = {"AIOWS_NO_EXTENSIONS", "AIOWS_REQUIRE_EXTENSIONS"}
    return {name: value for name, value in os.environ.items() if name not in asked} | changed


def test_the_source_distribution_has_what_a_build_needs_and_no_tests(
    unpack: Unpack, tmp_path: Path
) -> None:
    """Every file of the package; tests run in a clone."""
    source = unpack(tmp_path)
    package = {path.name for path in (ROOT / "aiows").rglob("*.*") if path.suffix in SOURCES}
    assert {path.name for path in (source / "aiows").rglob("*.*")} == package
    folders = {path.name for path in source.iterdir() if path.is_dir()}
    assert folders == {"aiows", "aiows.egg-info"}
    assert (source / "LICENSE").is_file()


def test_the_distribution_may_get_another_name(unpack: Unpack, tmp_path: Path) -> None:
    """One line of setup.cfg: no requirement of it refers to the old one."""
    source = unpack(tmp_path)
    description = source / "setup.cfg"
    renamed = re.sub(r"(?m)^name = .*$", "name = another-name", description.read_text(), count=1)
    description.write_text(renamed)
    shutil.rmtree(source / "aiows.egg-info")
    build = "from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel('.')"
    told = environment(AIOWS_NO_EXTENSIONS="1")
    subprocess.run([sys.executable, "-c", build], check=True, cwd=source, env=told)
    (written,) = source.glob("*.dist-info/METADATA")
    metadata = message_from_string(written.read_text())
    assert metadata["Name"] == "another-name"
    assert not [each for each in metadata.get_all("Requires-Dist", []) if "aiows" in each]


def test_the_wheel_has_every_module(wheel: zipfile.ZipFile) -> None:
    """Each file of the package is there, and nothing else beside the metadata and the extension."""
    package = {
        name
        for name in wheel.namelist()
        if ".dist-info/" not in name and not name.endswith(tuple(EXTENSION_SUFFIXES))
    }
    sources = [*(ROOT / "aiows").rglob("*.py"), ROOT / "aiows" / "py.typed"]
    sources += (ROOT / "aiows" / "client" / "static").iterdir()
    sources += (ROOT / "aiows").rglob("*.lua")
    assert package == {path.relative_to(ROOT).as_posix() for path in sources}


def test_the_wheel_carries_its_licence(wheel: zipfile.ZipFile) -> None:
    """PEP 639: an SPDX expression, and the text of the licence."""
    (description,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    assert "\nLicense-Expression: Apache-2.0\n" in wheel.read(description).decode()
    assert description.replace("METADATA", "licenses/LICENSE") in wheel.namelist()


def test_without_a_compiler_the_pure_wire_is_installed(unpack: Unpack, tmp_path: Path) -> None:
    """And it says so to who asks pip with -v."""
    source = unpack(tmp_path)
    built = build_wheel(source, **environment(CC="no-such-compiler"))
    assert built.returncode == 0
    assert "the wire is pure Python, as the native one was not compiled" in built.stdout
    assert not is_native(built_in(source))


def test_an_extension_that_is_required_and_cannot_be_compiled_is_an_error(
    unpack: Unpack, tmp_path: Path
) -> None:
    """AIOWS_REQUIRE_EXTENSIONS: nobody runs the pure wire unawares."""
    told = environment(CC="no-such-compiler", AIOWS_REQUIRE_EXTENSIONS="1")
    assert build_wheel(unpack(tmp_path), **told).returncode != 0


def test_with_no_extensions_the_wheel_is_for_every_machine(unpack: Unpack, tmp_path: Path) -> None:
    """AIOWS_NO_EXTENSIONS: nothing is compiled."""
    source = unpack(tmp_path)
    build_wheel(source, **environment(AIOWS_NO_EXTENSIONS="1")).check_returncode()
    wheel = built_in(source)
    assert str(wheel.filename).endswith("-py3-none-any.whl")
    assert not is_native(wheel)


def test_with_a_compiler_the_wheel_is_native(native: tuple[zipfile.ZipFile, str]) -> None:
    """And carries no debug information, five times as large as the code itself."""
    wheel, said = native
    assert "the wire is native" in said
    (module,) = [name for name in wheel.namelist() if name.endswith(tuple(EXTENSION_SUFFIXES))]
    assert b".debug_info" not in wheel.read(module)
