"""Questions to the peer: each gets its answer, or a typed error that says why there is none."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, NamedTuple, cast

import msgspec

from ...codecs import Codec
from ...errors import (
    AskBlocked,
    AskFailed,
    AskRefused,
    AskTimeout,
    ConnectionClosed,
    InvalidQuestion,
    TooManyAsks,
)
from ...wire_form import ANSWERS, CANCEL, END, ERROR, ITEM, KIND, REF, RESERVED
from ..prepared import PreparedMessage
from .line import Line

__all__ = ("Answer", "Asking")

# A handler that waits in `ask` does not count as in flight, so a peer that never answers could make
# them pile up: so many questions of one connection wait at most.
MAX_PENDING: Final = 64


class Answer(NamedTuple):
    """One message that answers a question; ``fields`` are without kind and ref."""

    kind: str
    fields: dict[str, Any]
    weight: int


class Question:
    """The answers to one question that have come, or why no more will.

    ``task`` is the one that asks.
    """

    __slots__ = ("_arrived", "_failure", "_waiter", "has_ended", "is_sent", "kind", "task")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.task = asyncio.current_task()
        self.is_sent = False
        self.has_ended = False  # the peer says no more
        self._arrived: deque[Answer] = deque()
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def put(self, answer: Answer) -> None:
        """An answer has come."""
        self.has_ended = answer.kind != ITEM
        self._arrived.append(answer)
        self._wake()

    def fail(self, error: Exception) -> None:
        """No further answer can come."""
        if not self.has_ended and self._failure is None:
            self._failure = error
            self._wake()

    @property
    def needs_more(self) -> bool:
        """Whether whoever asked waits for what has not come."""
        return not self._arrived and not self.has_ended

    @property
    def is_awaited(self) -> bool:
        """Whether whoever asked does nothing else meanwhile."""
        return self._waiter is not None

    async def next(self) -> Answer:
        """Return the next answer. Raises AskRefused for an error, and what `fail` was given."""
        while not self._arrived:
            if self._failure is not None:
                raise self._failure
            await self._something_new()
        answer = self._arrived.popleft()
        if answer.kind == ERROR:
            raise _refusal(self.kind, answer.fields.get(ERROR))
        return answer

    @property
    def weight(self) -> int:
        """Bytes of the answers that nobody has taken yet."""
        return sum(each.weight for each in self._arrived)

    async def _something_new(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Asking:
    """The questions of ours on one connection that have no answer yet.

    Refs are of a random word of the connection's and a number: nobody at another connection can guess
    one, and so have a peer that passes messages on answer what it was not asked. ``on_wait`` is called
    when somebody begins to wait for an answer.
    """

    __slots__ = (
        "_count",
        "_line",
        "_on_wait",
        "_pending",
        "_word",
        "_word_in_bytes",
    )

    def __init__(self, line: Line, on_wait: Callable[[], None]) -> None:
        self._line = line
        self._on_wait = on_wait
        self._pending: dict[str, Question] = {}
        self._word = secrets.token_hex(8)
        self._word_in_bytes = self._word.encode()
        self._count = 0

    # the application's side

    async def ask(
        self, kind: object, fields: Mapping[str, Any] | None, timeout: float | None
    ) -> dict[str, Any]:
        """Return the fields of the one answer; see `Connection.ask`."""
        with self._question(kind, fields) as (question, message):
            async with _limit(question.kind, timeout):
                await self._send(question, message)
                answer = await self._next(question)
        if answer.kind in (ITEM, END):
            raise AskFailed(f"{question.kind!r} was answered with a stream: use ask_stream()")
        return answer.fields

    async def ask_stream(
        self, kind: object, fields: Mapping[str, Any] | None, timeout: float | None
    ) -> AsyncGenerator[dict[str, Any]]:
        """Yield the fields of the answers as they come; see `Connection.ask_stream`."""
        with self._question(kind, fields) as (question, message):
            async with _limit(question.kind, timeout):
                await self._send(question, message)
            while True:
                async with _limit(question.kind, timeout):
                    answer = await self._next(question)
                if answer.kind == END:
                    return
                yield answer.fields
                if answer.kind != ITEM:
                    return

    @contextmanager
    def _question(
        self, kind: object, fields: Mapping[str, Any] | None
    ) -> Generator[tuple[Question, PreparedMessage]]:
        """Listen for the answers to a question; tell the peer if no more of them are wanted."""
        codec = self._line.connection.codec
        name, said = _said(kind, fields, codec)
        self._line.check_answerable()
        if len(self._pending) >= MAX_PENDING:
            raise TooManyAsks(name, MAX_PENDING)
        self._count += 1
        ref = f"{self._word}{self._count}"
        message = PreparedMessage({KIND: name, REF: ref, **said}, codec=codec)
        question = self._pending[ref] = Question(name)
        try:
            yield question, message
        finally:
            del self._pending[ref]
            self._give_up(ref, question)

    def _give_up(self, ref: str, question: Question) -> None:
        self._line.release(question.weight)
        if question.is_sent and not question.has_ended and not self._line.is_ending:
            self._line.connection.push({KIND: CANCEL, REF: ref})

    async def _send(self, question: Question, message: PreparedMessage) -> None:
        self._line.kind_sent(question.kind)
        await self._line.send_message(message)
        question.is_sent = True

    async def _next(self, question: Question) -> Answer:
        if question.needs_more and self._line.is_deaf:
            raise AskBlocked(question.kind)
        self._on_wait()
        answer = await question.next()
        self._line.release(answer.weight)
        return answer

    # the connection's side

    def is_mentioned(self, text: str | bytes) -> bool:
        """Whether a ref of ours can be in ``text``: a quick look at its characters."""
        if not self._line.connection.codec.shows_text:
            return True
        if isinstance(text, str):
            return self._word in text or "\\u" in text
        return self._word_in_bytes in text or b"\\u" in text

    def is_asker_of(self, ref: object) -> bool:
        """Whether ``ref`` is one of ours, pending or not."""
        return isinstance(ref, str) and ref.startswith(self._word)

    def answer(self, ref: str, answer: Answer) -> None:
        """An answer has come; it is dropped if nobody waits for it any more."""
        question = self._pending.get(ref)
        if question is not None and not question.has_ended:
            self._line.hold(answer.weight)
            question.put(answer)

    def refuse(self, ref: str, error: Exception) -> None:
        """An answer has come that cannot be read."""
        question = self._pending.get(ref)
        if question is not None:
            problem = f"the answer to {question.kind!r} cannot be read: {error!s:.256}"
            question.fail(AskFailed(problem))

    def blocked(self) -> None:
        """Nothing is read until somebody handles what waits: who needs an answer would hold that up."""
        for question in self._pending.values():
            if question.needs_more:
                question.fail(AskBlocked(question.kind))

    def fail(self, error: ConnectionClosed) -> None:
        """Nothing that is an answer can come any more."""
        for question in self._pending.values():
            question.fail(error)

    def askers(self) -> set[asyncio.Task[Any] | None]:
        """Return the tasks that wait for an answer."""
        return {question.task for question in self._pending.values() if question.is_awaited}


def _said(
    kind: object, fields: Mapping[str, Any] | None, codec: Codec
) -> tuple[str, dict[str, Any]]:
    """Return the kind and the fields of a question. Raises InvalidQuestion for what it cannot say."""
    if fields is not None and not isinstance(fields, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidQuestion(
            f"the fields of a question are a dict, not {_named(fields)}: use dataclasses.asdict(...), "
            "model_dump() or the like, or ask with a Payload alone, as in ask(Confirm(text=...))"
        )
    said = dict(fields or {})
    if isinstance(kind, msgspec.Struct):
        if said:
            raise InvalidQuestion(
                f"a Payload has all its fields, but {sorted(said)} are given besides"
            )
        said = cast("dict[str, Any]", codec.plain(kind))
        kind = said.pop(KIND, None)
    if not isinstance(kind, str) or not kind or kind in ANSWERS:
        raise InvalidQuestion(
            f"the kind of a question cannot be {kind!r}: ask with a name and a dict, or with a Payload "
            "object, as in ask(Confirm(text=...))"
        )
    reserved = sorted(said.keys() & RESERVED)
    if reserved:
        raise InvalidQuestion(f"a question has the reserved key {reserved[0]!r}")
    return kind, said


def _named(value: object) -> str:
    return (
        f"the class {value.__qualname__}" if isinstance(value, type) else type(value).__qualname__
    )


def _refusal(kind: str, told: Any) -> AskRefused:
    """Return what an error reply says; where it has not the form of one, all of it as details."""
    error = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    code = error.get("code")
    if not isinstance(code, str):
        return AskRefused(kind, ERROR, "", told)
    return AskRefused(kind, code, str(error.get("message", "")), error.get("details"))


@asynccontextmanager
async def _limit(kind: str, seconds: float | None) -> AsyncGenerator[None]:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired() or seconds is None:
            raise
        raise AskTimeout(kind, seconds) from None
