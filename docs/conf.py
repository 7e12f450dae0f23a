"""In go the pages of this folder and the docstrings of aiows, out comes the documentation."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Final

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "aiows"
author = "The aiows contributors"
copyright = author
release = version = version_of("aiows")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

# A name in single backticks is Python's, in the docstrings and on the pages, and must exist.
default_role = "py:obj"
nitpicky = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "aiows"
html_static_path = ["_static"]
html_copy_source = False

AIOHTTP: Final = "https://docs.aiohttp.org/en/stable/web_reference.html#aiohttp."
PYTHON: Final = "https://docs.python.org/3/library/"

# Where the names of others are documented: links that need no network to build.
ELSEWHERE: Final = {
    "aiohttp.web.": AIOHTTP,
    "web.": f"{AIOHTTP}web.",
    "asyncio.": f"{PYTHON}asyncio.html#",
}


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", link_elsewhere)


def link_elsewhere(
    _app: Sphinx, _env: BuildEnvironment, reference: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Link a name that is not ours to the documentation that has it."""
    name: str = reference["reftarget"]
    for prefix, address in ELSEWHERE.items():
        if name.startswith(prefix):
            link = nodes.reference("", "", content, internal=False)
            link["refuri"] = address + name.removeprefix(prefix)
            return link
    return None
