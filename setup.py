"""In goes the environment, out comes the extension of the wire; all else about the package is in setup.cfg.

AIOWS_NO_EXTENSIONS: compile nothing. AIOWS_REQUIRE_EXTENSIONS: what cannot be compiled is an error;
otherwise the package is installed without it, and the wire is pure Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = "aiows/_native"


def extensions() -> list[Extension]:
    """The extension of the wire, unless it is not wanted or this is no CPython."""
    is_required = bool(os.environ.get("AIOWS_REQUIRE_EXTENSIONS"))
    is_refused = bool(os.environ.get("AIOWS_NO_EXTENSIONS"))
    if is_required and is_refused:
        raise SystemExit("AIOWS_REQUIRE_EXTENSIONS and AIOWS_NO_EXTENSIONS contradict each other")
    if is_refused or (sys.implementation.name != "cpython" and not is_required):
        return []
    return compiled(is_optional=not is_required)


def compiled(*, is_optional: bool) -> list[Extension]:
    """The extension, translated to C."""
    from Cython.Build import cythonize  # noqa: PLC0415 - not needed where nothing is compiled

    core = Extension(
        "aiows._native.core",
        [f"{NATIVE}/core.pyx"],
        depends=[path.as_posix() for path in Path(NATIVE).glob("*.h")],
        # Vectors for unmasking, which -O2 does not give everywhere. No debug information, which would be six
        # times as large as the rest; the names of functions stay, for profilers.
        extra_compile_args=[] if sys.platform == "win32" else ["-O3", "-g0"],
    )
    # The C is made away from the sources, so that it is never shipped.
    modules: list[Extension] = cythonize([core], build_dir="build")
    for module in modules:
        module.optional = is_optional  # cythonize() drops it
    return modules


class BuildExtension(build_ext):
    """Says at the end what became of the extension: an optional one fails in silence."""

    def run(self) -> None:
        """Compile, and tell."""
        super().run()
        for extension in self.extensions:
            is_there = Path(self.get_ext_fullpath(extension.name)).exists()
            outcome = "native" if is_there else "pure Python, as the native one was not compiled"
            print(f"aiows: the wire is {outcome}")  # noqa: T201 - pip shows it with -v


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExtension})
