"""A browser is told from other clients by what every browser sends, and a doubtful client is none.

Chromium itself is in tests/clients/test_windows.py.
"""

from __future__ import annotations

from typing import Final

import pytest
from aiohttp.test_utils import make_mocked_request

from aiows.upgrade.browsers import is_browser

FIREFOX: Final = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Origin": "https://app.example.com",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache",
}


def test_what_browsers_send_is_a_browsers() -> None:
    """As Firefox, Chromium and Safari do."""
    assert is_browser(make_mocked_request("GET", "/", FIREFOX))


@pytest.mark.parametrize("missing", ["User-Agent", "Origin", "Cache-Control"])
def test_a_client_that_lacks_some_of_it_is_none(missing: str) -> None:
    """A library may send an Origin, or the user agent of a browser."""
    headers = {name: value for name, value in FIREFOX.items() if name != missing}
    assert not is_browser(make_mocked_request("GET", "/", headers))


@pytest.mark.parametrize(
    "headers", [{"User-Agent": "Tornado/6.6.1"}, {"Cache-Control": "max-age=0"}, {"User-Agent": ""}]
)
def test_a_client_that_says_something_else_is_none(headers: dict[str, str]) -> None:
    """Its own name, or a cache mode that no browser uses here."""
    assert not is_browser(make_mocked_request("GET", "/", {**FIREFOX, **headers}))
