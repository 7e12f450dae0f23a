"""TypeScript types of applications: tsc, strict, accepts right programs and rejects wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from aiows import KindDispatcher
from aiows.schema import speaks, typescript
from schema.judges import Judges
from schema.orders import make_app

PAGES: Final = Path(__file__).parent / "pages"


async def endpoint(request: web.Request) -> web.Response:
    return web.Response()


def with_types_beside(page: str, folder: Path, app: web.Application | None = None) -> Path:
    """Copy a page into ``folder``, with the types that it imports."""
    (folder / "orders.ts").write_text(typescript(app or make_app()))
    copy = folder / page
    copy.write_text((PAGES / page).read_text())
    return copy


def test_a_page_that_uses_the_types_compiles(judges: Judges, tmp_path: Path) -> None:
    """A typed client, narrowing by kind, both forms: without a word from tsc."""
    page = with_types_beside("right.ts", tmp_path)
    assert judges.compile(page, page.with_name("orders.ts")) == []


def test_a_wrong_message_does_not_compile(judges: Judges, tmp_path: Path) -> None:
    """Each mistake is found in its own line, and none where there is none."""
    page = with_types_beside("wrong.ts", tmp_path)
    lines = page.read_text().splitlines()
    marked = [number for number, line in enumerate(lines, 1) if line.endswith("// wrong")]
    found = {line for name, line, _ in judges.compile(page) if name == page.name}
    assert sorted(found) == marked
    assert len(marked) == 17


def test_any_kind_makes_types_that_compile(judges: Judges, tmp_path: Path) -> None:
    """Kinds that are no identifiers, that are our own names, and that hide what types are made of."""
    kinds = KindDispatcher()
    names = [
        "a/b",
        "1",
        "ä",
        "*/",
        "kinds",
        "fields",
        "array",
        "omit",
        "a.b",
        "a-b",
        "end.cancel",
        "\u2028",
    ]
    for name in names:

        @kinds.on(name)
        def handle(items: list[int], default: str = "*/") -> list[str]:
            return [default]

    app = web.Application()
    app.router.add_get("/kinds/{x}/'`\"\\", speaks(kinds)(endpoint))
    types = tmp_path / "orders.ts"
    types.write_text(typescript(app))
    assert judges.compile(types) == []


def test_the_types_are_always_the_same() -> None:
    """Made twice, of an application that was made twice."""
    assert typescript(make_app()) == typescript(make_app())


def test_docstrings_and_limits_are_comments() -> None:
    """An editor shows them; the end of a comment within one does not end it."""
    types = typescript(make_app())
    assert "\n/** Something to eat. */\nexport interface Dish {" in types
    assert "   * As on the menu.\n   *\n   * minLength: 1, maxLength: 40\n" in types
    assert " * Everything that is ordered goes *\\/ here.\n" in types
    assert "/** closed: The kitchen is closed. */" in types
