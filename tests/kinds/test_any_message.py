"""Whatever a peer sends, it gets an answer or none, and stays connected."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aiows import KindDispatcher, KindError, Payload
from aiows.kinds.reading.refusals import quote
from talk import Talk

# On a busy machine one example may take long: what counts is what comes out.
patient = settings(deadline=None)

CODES = {"bad_json", "not_object", "missing_kind", "bad_kind", "unknown_kind", "invalid", "refused"}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(["chat.send", "progress", "any", "refuse", "reply", "error", "kind", "a"])
)
keys = st.text() | st.sampled_from(
    ["kind", "ref", "error", "payload", "room", "value", "items", "mode", "anything"]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=12,
)
messages = (
    st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(["chat.send", "progress", "any", "refuse"]) | values,
            "ref": st.integers() | st.text() | values,
            "value": values,
            "room": values,
            "items": values,
            "mode": values,
            "anything": values,
            "payload": values,
        },
    )
    | values
)
TOKENS = """
    { } [ ] : , - 1 01 e9 1e999 NaN true null " "" \\ \\u0000 "\\ud83d" "a"
    "kind": "ref": "value": "any" "progress" {"kind":"any", {"kind":"progress","value":
"""
tokens = st.lists(
    st.sampled_from([*TOKENS.split(), " ", "\n"]),
    max_size=30,
).map("".join)


class ChatSend(Payload, kind="chat.send"):
    room: str
    items: list[dict[str, int]] = []  # noqa: RUF012 (msgspec copies it)


def dispatcher(payload_key: str | None, *, has_fallback: bool) -> KindDispatcher:
    kinds = KindDispatcher(payload_key=payload_key, max_bad_messages=0)

    @kinds.on(ChatSend)
    def send(message: ChatSend) -> ChatSend:
        return message

    @kinds.on("progress")
    async def progress(value: float, mode: Literal["a", "b"] = "a") -> dict[str, Any]:
        return {"value": value, "mode": mode}

    @kinds.on("any")
    def anything(anything: Any = None) -> Any:
        return [anything]

    @kinds.on("refuse")
    def refuse() -> None:
        raise KindError("refused", "never")

    if has_fallback:

        @kinds.fallback
        def other(kind: str, fields: dict[str, Any]) -> Any:
            return [kind, fields]

    return kinds


@pytest.fixture(scope="module")
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def answers_to(
    own_loop: asyncio.AbstractEventLoop, kinds: KindDispatcher, text: str
) -> list[dict[str, Any]]:
    async def converse() -> list[dict[str, Any]]:
        talk = Talk(kinds)
        answers = await talk.say(text)
        assert not talk.connection.closed
        return answers

    return own_loop.run_until_complete(converse())


def check(own_loop: asyncio.AbstractEventLoop, kinds: KindDispatcher, text: str) -> None:
    """At most one answer, well-formed; what fails is never our own doing."""
    answers = answers_to(own_loop, kinds, text)
    assert len(answers) <= 1
    for answer in answers:
        if answer["kind"] != "error":
            assert type(answer["ref"]) in (str, int)
            continue
        assert answer["error"]["code"] in CODES
        assert len(json.dumps(answer["error"])) < 3000


forms = pytest.mark.parametrize(
    ("payload_key", "has_fallback"),
    [(None, False), (None, True), ("payload", False), ("payload", True)],
)


@forms
@patient
@given(value=messages)
@example(value={"kind": "any", "ref": 10**400})
def test_any_value_is_answered_or_taken(
    own_loop: asyncio.AbstractEventLoop, payload_key: str | None, has_fallback: bool, value: Any
) -> None:
    """As JSON: with the lone surrogates, the NaN and the huge integers that Python lets through."""
    kinds = dispatcher(payload_key, has_fallback=has_fallback)
    for ascii_only in (True, False):
        check(own_loop, kinds, json.dumps(value, ensure_ascii=ascii_only))


@forms
@patient
@given(text=st.text(st.characters(codec=None)) | tokens)
def test_any_text_is_answered_or_taken(
    own_loop: asyncio.AbstractEventLoop, payload_key: str | None, has_fallback: bool, text: str
) -> None:
    """Also where it is no JSON at all."""
    check(own_loop, dispatcher(payload_key, has_fallback=has_fallback), text)


@patient
@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["kind", "ref", "value", "mode", "\\u006bind"]),
            st.sampled_from(['"progress"', '"any"', "1", '"a"', "2", "null", '"\\u0061ny"']),
        ),
        max_size=7,
    )
)
def test_a_message_with_equal_keys_is_read_in_one_way(
    own_loop: asyncio.AbstractEventLoop, pairs: list[tuple[str, str]]
) -> None:
    """What a handler gets is what a dict of the message has, kind and all."""
    kinds = KindDispatcher()
    calls: list[dict[str, Any]] = []

    @kinds.on("progress")
    def progress(value: Any, mode: Any = None) -> None:
        calls.append({"kind": "progress", "value": value, "mode": mode})

    @kinds.on("any")
    def anything(value: Any = None) -> None:
        calls.append({"kind": "any", "value": value})

    text = "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"
    message = json.loads(text)
    answers_to(own_loop, kinds, text)
    for call in calls:
        assert call == {key: message.get(key) for key in call}


@patient
@given(kind=st.text(st.characters(codec=None)))
@example(kind="\n" * 200)
def test_no_line_of_the_log_is_a_peers(kind: str) -> None:
    """What is quoted is printable, on one line, and short."""
    quoted = quote(kind)
    assert len(quoted) <= 128
    assert not re.search(r"[\x00-\x1f\x7f\u2028\u2029]", quoted)
