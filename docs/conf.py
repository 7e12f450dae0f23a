"""Sphinx's configuration: the documentation is made of these pages and of aiows' docstrings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from sphinx.errors import SphinxError

from aiows import __version__

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "aiows"
author = "The aiows contributors"
copyright = author
release = version = __version__

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

# What a signature names although nobody outside needs it.
nitpick_ignore = [
    ("py:class", "AbstractStreamWriter"),
    ("py:class", "aiows.connection.consumer.Topics"),
    ("py:class", "aiows.connection.counters.Counters"),
    ("py:class", "aiows.connection.topics.Handled"),
    ("py:class", "aiows.connection.topics.Wish"),
    ("py:class", "aiows.endpoint.request.Address"),
    ("py:class", "aiows.inject.markers.Use"),
    ("py:obj", "aiows.inject.markers.T"),
    ("py:class", "aiows.kinds.declaring.table.KindTable"),
    ("py:class", "aiows.kinds.declaring.table.H"),
    ("py:class", "aiows.kinds.dispatcher._Messages"),
    ("py:class", "aiows.hub.registry.PeerT"),
    ("py:class", "aiows.mounting.function.Function"),
    ("py:class", "aiows.schema.speaks.Endpoint"),
    ("py:class", "aiows.testing.client.T"),
    ("py:class", "aiows.kinds.declaring.marked.M"),
    ("py:obj", "open"),  # the callback
]

# What several classes have, and no class around the name says which one is meant.
MEANT: Final = {"close": "aiows.Connection.close", "push": "aiows.Connection.push"}

AIOHTTP: Final = "https://docs.aiohttp.org/en/stable/"
PYTHON: Final = "https://docs.python.org/3/library/"
REDIS: Final = "https://redis.readthedocs.io/en/stable/connections.html#redis.asyncio.client."
MULTIDICT: Final = "https://multidict.aio-libs.org/en/stable/multidict/#multidict."

# Where the names of others are documented, by name or by what names begin with. Written down, so
# that a build needs no network.
ELSEWHERE: Final = {
    "JSONBytesEncoder": f"{AIOHTTP}web_reference.html#aiohttp.web.WebSocketResponse.send_json",
    "JSONDecoder": f"{AIOHTTP}web_reference.html#aiohttp.web.WebSocketResponse.receive_json",
    "JSONEncoder": f"{AIOHTTP}web_reference.html#aiohttp.web.WebSocketResponse.send_json",
    "WSMessageDecodeText": f"{AIOHTTP}websocket_utilities.html#aiohttp.WSMessage",
    "WSMessageNoDecodeText": f"{AIOHTTP}websocket_utilities.html#aiohttp.WSMessage",
    "_asyncio.": f"{PYTHON}asyncio-future.html#asyncio.",
    "aiohttp.ClientSession.": f"{AIOHTTP}client_reference.html#aiohttp.ClientSession.",
    "aiohttp._websocket.models.": f"{AIOHTTP}websocket_utilities.html#aiohttp.",
    "aiohttp.helpers.": f"{AIOHTTP}web_advanced.html#aiohttp.web.",
    "aiohttp.typedefs.Middleware": f"{AIOHTTP}web_advanced.html#middlewares",
    "aiohttp.web.": f"{AIOHTTP}web_reference.html#aiohttp.web.",
    "aiohttp.web_app.": f"{AIOHTTP}web_reference.html#aiohttp.web.",
    "aiohttp.web_request.": f"{AIOHTTP}web_reference.html#aiohttp.web.",
    "aiohttp.web_response.": f"{AIOHTTP}web_reference.html#aiohttp.web.",
    "aiohttp.web_routedef.": f"{AIOHTTP}web_reference.html#aiohttp.web.",
    "aiohttp.web_urldispatcher.": f"{AIOHTTP}web_reference.html#aiohttp.web.",
    "aiohttp.web_ws.": f"{AIOHTTP}web_reference.html#aiohttp.web.",
    "asyncio.BaseTransport.": f"{PYTHON}asyncio-protocol.html#asyncio.BaseTransport.",
    "collections.abc.": f"{PYTHON}collections.abc.html#collections.abc.",
    "contextlib.": f"{PYTHON}contextlib.html#contextlib.",
    "ipaddress.": f"{PYTHON}ipaddress.html#ipaddress.",
    "msgspec.": "https://jcristharif.com/msgspec/api.html#msgspec.",
    "multidict._abc.": MULTIDICT,
    "multidict._multidict.": MULTIDICT,
    "redis.asyncio.Redis": f"{REDIS}Redis",
    "redis.asyncio.client.": REDIS,
    "url_for": f"{AIOHTTP}web_reference.html#aiohttp.web.AbstractRoute.url_for",
    "uuid.": f"{PYTHON}uuid.html#uuid.",
    "web.": f"{AIOHTTP}web_reference.html#aiohttp.web.",
    "yarl.": "https://yarl.aio-libs.org/en/stable/api/#yarl.",
}


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", link)
    app.connect("build-finished", check_search)


def link(
    app: Sphinx, env: BuildEnvironment, reference: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Link a name that is ours but not written out, or that somebody else documents."""
    return link_here(app, env, reference, content) or link_elsewhere(reference, content)


def link_here(
    app: Sphinx, env: BuildEnvironment, reference: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """`ConnectionRegistry.add` in a docstring of another module is the one that there is."""
    if reference.get("refdomain") != "py":
        return None
    reference["refspecific"] = True
    target = MEANT.get(reference["reftarget"], reference["reftarget"])
    where = reference["refdoc"], app.builder, reference["reftype"], target
    return env.domains.python_domain.resolve_xref(env, *where, reference, content)


def link_elsewhere(reference: pending_xref, content: nodes.TextElement) -> nodes.reference | None:
    address = address_of(reference["reftarget"])
    if address is None:
        return None
    return nodes.reference("", "", content, internal=False, refuri=address)


def address_of(name: str) -> str | None:
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    for start, address in ELSEWHERE.items():
        if start.endswith(".") and name.startswith(start):
            return address + name.removeprefix(start)
    return None


# What people look for, and the page that says what there is of it today: there it is an entry of the
# index, which the search puts before all else.
SOUGHT: Final = {
    "presence": "how-to/users",
    "throttle": "how-to/guards",
    "token": "how-to/authenticate",
    "jwt": "how-to/authenticate",
    "celery": "how-to/workers",
    "redis": "how-to/scale-out",
    "scale": "how-to/scale-out",
}


def check_search(app: Sphinx, error: Exception | None) -> None:
    """Fail if the search that was built does not lead from a word to its page."""
    path = Path(app.outdir) / "searchindex.js"
    if error is not None or not path.exists():
        return
    index = json.loads(path.read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    for word, page in SOUGHT.items():
        if page not in pages_found(index, word):
            raise SphinxError(
                f"the search for {word!r} does not find {page}: give it an index entry"
            )


def pages_found(index: dict[str, Any], word: str) -> set[str]:
    """The pages that have ``word`` as an entry of the index."""
    return {index["docnames"][number] for number, *_ in index["indexentries"].get(word, ())}
