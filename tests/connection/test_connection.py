"""What users see of a connection, and no more."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from aiows import Connection
from aiows.connection import protocol_of
from fake_connection import FakeConnection

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "connection.md"


def test_users_see_what_the_reference_documents() -> None:
    """Whoever types ``ws.`` meets nothing that the layers below call."""
    page = REFERENCE.read_text()
    (members,) = re.findall(r"autoclass:: Connection\(\)\n   :members: (.*?)\n\n", page, re.DOTALL)
    documented = {name.strip() for name in members.replace("\n", " ").split(",")}
    assert {name for name in dir(Connection) if not name.startswith("_")} == documented


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
