"""`Origin`: two texts are one origin where a browser says so, and what is no origin is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiows.settings import Origin


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example", "https://a.example:443"),
        ("http://a.example", "http://a.example:80"),
        ("HTTPS://A.example", "https://a.EXAMPLE/"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://MÜNCHEN.example:443", "https://XN--MNCHEN-3YA.example"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        ("http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080"),
        ("http://[2001:DB8::A]", "http://[2001:db8:0::a]:80"),
        ("https://a.example:8443", "https://a.example:08443"),
        ("chrome-extension://abc", "Chrome-Extension://ABC"),
        ("file://", "file://"),
    ],
)
def test_the_same_origin_may_be_written_in_several_ways(one: str, other: str) -> None:
    """Scheme and host in any case, the scheme's own port or none, a host in Unicode or in ASCII."""
    assert Origin.parse(one) == Origin.parse(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example", "http://a.example"),
        ("https://a.example", "https://a.example:80"),
        ("https://a.example", "https://a.example:8443"),
        ("https://a.example", "https://b.example"),
        ("https://a.example", "https://a.example."),
        ("https://a.example", "https://x.a.example"),
        ("https://faß.example", "https://fass.example"),
        ("file://", "app://"),
    ],
)
def test_other_origins_are_others(one: str, other: str) -> None:
    """The dot at the end of a name counts, as it does for browsers."""
    assert Origin.parse(one) != Origin.parse(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "a.example",
        "//a.example",
        "https:a.example",
        "https://",
        "https://a.example/chat",
        "https://a.example//",
        "https://a.example?",
        "https://ada@a.example",
        "https://a.example:",
        "https://a.example:x",
        "https://a.example:65536",
        "https://a.example:443443",
        "https://a b.example",
        " https://a.example",
        "https://a.example\n",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[a.example]",
        "https://*.example",
        "https://\udcff.example",
        "https://" + "ü" * 64 + ".example",
        "https://" + "a" * 254,
        "https://a.example https://b.example",
    ],
)
def test_what_is_no_origin_is_a_value_error(text: str) -> None:
    """No other error, whatever a peer sends."""
    with pytest.raises(ValueError):  # noqa: PT011  # each says something else
        Origin.parse(text)


@given(st.text(max_size=20) | st.text(max_size=20).map("https://{}".format))
def test_an_origin_is_read_back_from_its_text(text: str) -> None:
    """So a log line has what a browser would send."""
    try:
        origin = Origin.parse(text)
    except ValueError:
        return
    assert Origin.parse(str(origin)) == origin
    assert str(origin).isascii()


def test_pages_of_a_server_have_http_where_its_sockets_have_ws() -> None:
    """What a proxy says of the socket's scheme is said of the page's."""
    assert Origin.of_server("WSS", "a.example") == Origin.parse("https://a.example")
    assert Origin.of_server("ws", "a.example:8080") == Origin.parse("http://a.example:8080")
