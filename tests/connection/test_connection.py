"""What users see of a connection, and no more."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from aiows import Connection
from aiows.connection import protocol_of
from aiows.errors import InvalidCloseCode, NoSuchMember
from fake_connection import FakeConnection

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "connection.md"


def test_users_see_what_the_reference_documents() -> None:
    """Whoever types ``ws.`` meets nothing that the layers below call."""
    page = REFERENCE.read_text()
    (members,) = re.findall(r"autoclass:: Connection\(\)\n   :members: (.*?)\n\n", page, re.DOTALL)
    documented = {name.strip() for name in members.replace("\n", " ").split(",")}
    public = {name for name in dir(Connection) if not name.startswith("_")}
    assert {name for name in public if hasattr(Connection, name)} == documented


async def test_each_connection_has_an_id_of_its_own() -> None:
    """It says which one a log line tells of."""
    loop = asyncio.get_running_loop()
    ids = [FakeConnection(loop).id for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"c\d+", each) for each in ids)


async def test_a_connection_is_open_until_it_ends() -> None:
    """And what is known of the end is nothing before."""
    ws = FakeConnection(asyncio.get_running_loop())
    assert (ws.closed, ws.close_code, ws.close_reason, ws.exception) == (False, None, "", None)
    assert "open" in repr(ws)
    ws.close(4000, "over")
    assert (ws.closed, ws.close_code, ws.close_reason) == (True, 4000, "over")
    ws.lost(None)
    assert protocol_of(ws).is_ending


async def test_a_code_that_may_not_be_sent_is_refused_before_anything_happens() -> None:
    """RFC 6455, section 7.4."""
    ws = FakeConnection(asyncio.get_running_loop())
    with pytest.raises(ValueError, match="1005"):
        ws.close(1005)
    assert not ws.closed


@pytest.mark.parametrize(("status", "code"), [(401, 4401), (403, 4403), (599, 4599)])
async def test_who_closes_with_an_http_status_is_told_the_code_for_it(
    status: int, code: int
) -> None:
    """And which codes there are."""
    ws = FakeConnection(asyncio.get_running_loop())
    with pytest.raises(InvalidCloseCode, match=rf"3000 to 4999.*add 4000: {code}"):
        ws.close(status)
    with pytest.raises(InvalidCloseCode, match=r"for applications$"):
        ws.close(status + 5000)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("send_json", "push(message) sends"),
        ("send_str", "push(message) sends"),
        ("send_bytes", "push(message) sends"),
        ("receive_text", "messages come to on_message of a view"),
        ("receive", "messages come to on_message of a view"),
        ("accept", "accepted already"),
        ("prepare", "accepted already"),
    ],
)
async def test_what_other_libraries_call_it_names_what_it_is_here(name: str, instead: str) -> None:
    """As in ``await self.ws.send_json(...)`` in a view."""
    ws = FakeConnection(asyncio.get_running_loop())
    with pytest.raises(NoSuchMember, match=f"{name} of a Connection is not there") as raised:
        getattr(ws, name)
    assert instead in str(raised.value)
    assert not hasattr(ws, name)
