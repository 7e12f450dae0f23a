"""The types of the browser's client: tsc, strict, accepts right pages and finds mistakes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

from aiows.schema import typescript
from clients.shop import make_app
from schema.judges import Judges

PAGES: Final = Path(__file__).parent / "pages"


@pytest.fixture
def folder(js_build: Path, tmp_path: Path) -> Path:
    """A page's folder: the client's types, those of an application, and pages that use both."""
    shutil.copy(js_build / "aiows.d.ts", tmp_path)
    (tmp_path / "shop.ts").write_text(typescript(make_app()))
    return Path(shutil.copytree(PAGES, tmp_path, dirs_exist_ok=True))


def test_a_page_that_uses_the_client_well_compiles(judges: Judges, folder: Path) -> None:
    """Every call of the client, with types and without."""
    assert judges.compile(folder / "right.ts") == []


def test_each_mistake_of_a_page_is_found(judges: Judges, folder: Path) -> None:
    """Eleven mistakes, each in its own line, and none where there is none."""
    page = folder / "wrong.ts"
    lines = page.read_text().splitlines()
    marked = [number for number, line in enumerate(lines, 1) if "// wrong" in line]
    assert sorted({line for _, line, _ in judges.compile(page)}) == marked
    assert len(marked) == 11
