"""The claims in memory: how long they are known, and how much they may be."""

from __future__ import annotations

import pytest

from aiows.backplane import Claim, memory_claims
from aiows.backplane.memory_claims import Claims
from aiows.errors import BackplaneBusy

AT_WORK = Claim(is_new=False)
DONE = Claim(is_new=False, is_done=True)


def test_what_is_done_is_known_for_a_while() -> None:
    """Then the key is new again, and nothing is left of it."""
    claims = Claims()
    assert claims.claim("key", 0.0).is_new
    claims.settle("key", b"answer", 120.0)
    assert claims.claim("key", 119.0) == DONE._replace(answer=b"answer")
    assert claims.claim("key", 120.0).is_new
    assert len(claims) == 1
    assert claims._size == 0


def test_what_is_at_work_does_not_end() -> None:
    """However long it takes: it would be begun twice."""
    claims = Claims()
    claims.claim("key", 0.0)
    assert claims.claim("key", 1e6) == AT_WORK


def test_the_first_answer_counts() -> None:
    """As does the first claim; what nobody has claimed is not settled."""
    claims = Claims()
    claims.settle("nobody's", b"x", 10.0)
    claims.claim("key", 0.0)
    claims.settle("key", b"first", 10.0)
    claims.settle("key", b"second", 20.0)
    assert claims.claim("key", 1.0).answer == b"first"
    assert len(claims) == 1


def test_answers_are_bounded_and_that_they_were_given_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oldest answers go."""
    monkeypatch.setattr(memory_claims, "MAX_ANSWERS", 100)
    claims = Claims()
    for number in range(4):
        claims.claim(str(number), 0.0)
        claims.settle(str(number), b"x" * 40, 120.0)
    assert [claims.claim(str(number), 1.0).answer for number in range(4)] == [
        None,
        None,
        b"x" * 40,
        b"x" * 40,
    ]
    assert all(claims.claim(str(number), 1.0).is_done for number in range(4))
    assert claims.claim("4", 200.0).is_new
    assert (len(claims), claims._size) == (1, 0)


def test_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends requests as fast as it can is refused, and nothing is handled twice."""
    monkeypatch.setattr(memory_claims, "MAX_KEYS", 2)
    claims = Claims()
    for key in ("a", "b"):
        claims.claim(key, 0.0)
    with pytest.raises(BackplaneBusy, match="2 requests"):
        claims.claim("c", 0.0)
    assert claims.claim("a", 0.0) == AT_WORK
    claims.settle("a", None, 10.0)
    assert claims.claim("c", 10.0).is_new
