"""Negotiation: RFC 7692, section 7.1, offer by offer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.headers import build_extension, parse_extension

from aiows._wire import Compression, DeflateParams, negotiate_deflate

SHARED = Compression.SHARED
SMALL = Compression.DEDICATED_8KB  # 10 bits
LARGE = Compression.DEDICATED_256KB  # 15 bits
MODES = [mode for mode in Compression if mode is not Compression.DISABLED]

SHARED_ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def answer(offer: str | None, compression: Compression = LARGE) -> str | None:
    params = negotiate_deflate(offer, compression)
    return None if params is None else params.header()


@pytest.mark.parametrize(
    "header", [None, "", "x-webkit-deflate-frame", "permessage-deflate2", " , "]
)
def test_nothing_is_answered_where_nothing_was_offered(header: str | None) -> None:
    """Other extensions are not ours."""
    assert answer(header) is None


def test_disabled_answers_nothing() -> None:
    """Whatever was offered."""
    assert answer("permessage-deflate", Compression.DISABLED) is None


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=9; client_no_context_takeover",
    ],
)
def test_shared_answers_that_neither_side_keeps_anything(offer: str) -> None:
    """So that no memory is needed per connection, neither to deflate nor to inflate."""
    assert answer(offer, SHARED) == SHARED_ANSWER


OFFERS_TO_FORGET = "permessage-deflate; client_no_context_takeover"


@pytest.mark.parametrize(
    ("offer", "compression", "is_obedient", "may_disobey"),
    [
        ("permessage-deflate", SHARED, False, True),
        ("permessage-deflate; client_max_window_bits", SHARED, False, True),
        (OFFERS_TO_FORGET, SHARED, False, False),
        ("permessage-deflate", SHARED, True, False),
        ("permessage-deflate", SMALL, False, False),
        (OFFERS_TO_FORGET, SMALL, False, False),
    ],
)
def test_a_client_may_disobey_what_it_has_not_offered(
    offer: str, compression: Compression, is_obedient: bool, may_disobey: bool
) -> None:
    """RFC 7692, section 7.1.1.2 does not allow it, but some clients do: unless it is known to obey."""
    params = negotiate_deflate(offer, compression, is_obedient=is_obedient)
    assert params is not None
    assert params.client_may_disobey == may_disobey


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("permessage-deflate", "permessage-deflate"),
        (
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover",
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; client_no_context_takeover",
        ),
        (
            "permessage-deflate; server_max_window_bits=15",
            "permessage-deflate; server_max_window_bits=15",
        ),
        (
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9",
        ),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits=15", "permessage-deflate"),
        (
            "permessage-deflate; client_max_window_bits=11",
            "permessage-deflate; client_max_window_bits=11",
        ),
    ],
)
def test_a_dedicated_mode_grants_what_is_offered(offer: str, expected: str) -> None:
    """Sections 7.1.1 and 7.1.2; what is the default anyway need not be said."""
    assert answer(offer, LARGE) == expected


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("permessage-deflate", "permessage-deflate; server_max_window_bits=10"),
        (
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
        ),
        (
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
        ),
    ],
)
def test_a_dedicated_mode_says_how_small_its_window_is(offer: str, expected: str) -> None:
    """Its own at any time (section 7.1.2.1), the client's where that was offered (7.1.2.2)."""
    assert answer(offer, SMALL) == expected


def test_a_demand_for_a_smaller_window_holds_for_shared_too() -> None:
    """Section 7.1.2.1."""
    offer = "permessage-deflate; server_max_window_bits=12"
    assert answer(offer, SHARED) == f"{SHARED_ANSWER}; server_max_window_bits=12"


def test_a_window_of_8_bits_for_the_server_is_declined() -> None:
    """zlib makes no raw stream with it, and the answer may not be larger than the demand."""
    assert answer("permessage-deflate; server_max_window_bits=8") is None


def test_a_window_of_8_bits_for_the_client_is_left_to_it() -> None:
    """The answer may not be larger than the offer; without one any window may be inflated."""
    assert answer("permessage-deflate; client_max_window_bits=8", SMALL) == (
        "permessage-deflate; server_max_window_bits=10"
    )


@pytest.mark.parametrize(
    "parameters",
    [
        "unknown",
        "unknown=1",
        "Server_No_Context_Takeover",
        "server_no_context_takeover=1",
        "server_no_context_takeover=server_no_context_takeover",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=09",
        "server_max_window_bits=+9",
        "server_max_window_bits=a",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=010",
        "client_max_window_bits; client_max_window_bits=10",
        'server_max_window_bits=""',
        'client_max_window_bits=" 10"',
    ],
)
def test_an_offer_with_a_wrong_parameter_is_passed_over(parameters: str) -> None:
    """Section 7.1: unknown, duplicate, with an invalid value or without one that it needs."""
    wrong = f"permessage-deflate; {parameters}"
    assert answer(wrong) is None
    assert answer(f"{wrong}, permessage-deflate") == "permessage-deflate"


def test_the_first_acceptable_offer_wins() -> None:
    """Section 5: the client lists them in the order of its preference."""
    offers = (
        "foo; bar=1, permessage-deflate; server_max_window_bits=8, "
        "permessage-deflate; server_max_window_bits=12, permessage-deflate"
    )
    assert answer(offers) == "permessage-deflate; server_max_window_bits=12"


@pytest.mark.parametrize(
    "header",
    [
        'permessage-deflate; server_max_window_bits="10"',
        'permessage-deflate; server_max_window_bits="1\\0"',
        "permessage-deflate;server_max_window_bits=10",
        "\t permessage-deflate \t;\tserver_max_window_bits = 10 ",
        ", ,permessage-deflate; server_max_window_bits=10, ,",
        'foo; bar="a, permessage-deflate; \\" b", permessage-deflate; server_max_window_bits=10',
    ],
)
def test_quotes_spaces_and_empty_elements_change_nothing(header: str) -> None:
    """RFC 6455, section 9.1: a value may be quoted, and what is in quotes is one value."""
    assert answer(header) == "permessage-deflate; server_max_window_bits=10"


@pytest.mark.parametrize(
    "header",
    [
        "permessage-deflate;",
        "permessage-deflate; =1",
        "permessage-deflate; server_max_window_bits=",
        'permessage-deflate; server_max_window_bits="10',
        "permessage-deflate foo",
        "permessage-deflate, foo; ;",
        "perm\u00e9ssage-deflate, permessage-deflate",
    ],
)
def test_a_malformed_header_is_declined_as_a_whole(header: str) -> None:
    """What its author meant by the rest is not to be guessed."""
    assert answer(header) is None


def test_a_long_malformed_header_costs_little() -> None:
    """Stops a header of which every reading has to be tried out."""
    for part in ("; a=b ", ', "', ' ; a = "\\', ",", "; ;", "\t "):
        assert answer("permessage-deflate" + part * 20_000 + "\x00") is None


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet='permsag-dflt;,= "\\\t018x_', max_size=60) | st.text(max_size=30))
def test_any_header_is_answered_or_declined(header: str) -> None:
    """Never with an exception."""
    params = negotiate_deflate(f"permessage-deflate; {header}", SHARED)
    assert params is None or isinstance(params, DeflateParams)


@settings(deadline=None, max_examples=100)
@given(
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(8, 15),
    st.none() | st.just(True) | st.integers(9, 15),
    st.sampled_from(MODES),
)
def test_websockets_accepts_every_answer_to_its_offers(
    no_server_takeover: bool,
    no_client_takeover: bool,
    server_bits: int | None,
    client_bits: int | None,
    mode: Compression,
) -> None:
    """A third party's client finds that the answer is one that its offer allows."""
    client = ClientPerMessageDeflateFactory(
        server_no_context_takeover=no_server_takeover,
        client_no_context_takeover=no_client_takeover,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
    )
    header = build_extension([(client.name, list(client.get_request_params()))])
    params = negotiate_deflate(header, mode)
    assert (params is None) is (server_bits == 8)
    if params is None:
        return
    ((_, parameters),) = parse_extension(params.header())
    agreed = client.process_response_params(parameters, [])
    assert agreed.remote_no_context_takeover == params.server_no_context_takeover
    assert agreed.local_no_context_takeover >= params.client_no_context_takeover
    assert agreed.remote_max_window_bits == (params.server_max_window_bits or 15)
    assert agreed.local_max_window_bits <= (params.client_max_window_bits or 15)
