"""In goes an application, out come TypeScript types of all its messages, for both directions.

One namespace a channel, with maps from a kind to what belongs to it and unions discriminated by ``kind``.
There is nothing but types: a compiled page is no larger for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from aiohttp import web

from .application import Channel
from .description import ChannelDescription, describe
from .json_schema import JsonSchema
from .messages import STANDARD_ERRORS, MessageSchema, cancel, end
from .names import Names, identifier
from .operations import Operation
from .typescript_types import block, comment, indented, literal, members, type_of

__all__ = ("typescript",)

Block = list[str]

HEAD: Final = "// Made by aiows from an application's kinds. Do not edit: make it again."

ERROR_MESSAGE: Final = """\
/** A request is refused. */
export interface ErrorMessage<Code extends string = string> {
  kind: "error";
  ref?: string | number;
  error: { code: Code; message: string; details?: unknown };
}"""

COMMON: Final = frozenset({"Cancel", "End", "ErrorMessage", "StandardError"})
MAPS: Final = {
    "Kinds": "What a client sends, by kind.",
    "Events": "What the server sends by itself, by kind.",
    "Questions": "What the server asks, by kind.",
    "Replies": "What the server replies, by the request's kind.",
    "Items": "What the server replies any number of times and then ends, by the request's kind.",
    "Errors": "What the server refuses with, by the request's kind.",
    "Answers": "What a client replies, by the question's kind.",
}
UNIONS: Final = frozenset({"ClientMessage", "Fields", "Path", "ServerMessage"})
# TypeScript's own: a kind of that name must not hide them.
NEEDED: Final = frozenset({"Array", "Omit"})


def typescript(app: web.Application) -> str:
    """Return a TypeScript module for ``app`` and its sub-applications, the same for the same application.

    Raises RegistrationError for a payload or a reply of which no schema can be made.
    """
    described = describe(app)
    scope = Names(COMMON | NEEDED, separator="")
    names = {name: scope.take(identifier(name)) for name in described.components}
    blocks = [[HEAD], *_common()]
    for name, schema in described.components.items():
        blocks.append(_declared(names[name], schema, names, schema.get("description", "")))
    for channel in described.channels:
        name = scope.take(identifier(channel.channel.name))
        blocks.append(_namespace(name, channel, names))
    return _joined(blocks) + "\n"


def _common() -> Iterator[Block]:
    """Yield what every application has."""
    codes = [line for each in STANDARD_ERRORS.items() for line in _code(*each)]
    told = comment("What any request may be refused with.")
    yield [*told, "export type StandardError =", *indented(codes[:-1]), f"  {codes[-1]};"]
    yield [ERROR_MESSAGE]
    yield _declared("End", end().schema, {}, "The last item of a stream has come.")
    yield _declared("Cancel", cancel().schema, {}, "The side that asked does not wait any more.")


def _code(code: str, text: str) -> Block:
    return [*comment(text), f"| {literal(code)}"]


def _declared(name: str, schema: JsonSchema, names: Mapping[str, str], *told: str) -> Block:
    """Return the declaration of a type, with what is told of it as its comment."""
    if schema.get("type") == "object":
        return [*comment(*told), f"export interface {name} {block(members(schema, names))}"]
    return [*comment(*told), f"export type {name} = {type_of(schema, names)};"]


def _namespace(name: str, described: ChannelDescription, names: Mapping[str, str]) -> Block:
    channel = described.channel
    taken = Names({*COMMON, *NEEDED, *MAPS, *UNIONS, *names.values()}, separator="")
    messages = [message for each in described.operations for message in _messages(each)]
    types = {message.name: taken.take(identifier(message.name)) for message in messages}
    blocks = [[f"export type Path = {_path(channel)};"]]
    blocks += [
        _declared(types[each.name], each.schema, names, each.summary, each.description)
        for each in messages
    ]
    blocks += [_map(each, _entries(each, described.operations, types)) for each in MAPS]
    blocks += _unions(described)
    told = comment(channel.address, channel.summary, channel.description)
    return [*told, f"export namespace {name} {block([_joined(blocks)])}"]


def _messages(operation: Operation) -> Iterator[MessageSchema]:
    """Yield the messages that have a type of their own: errors differ in their codes alone."""
    yield operation.opening
    if operation.reply is not None:
        yield operation.reply


def _path(channel: Channel) -> str:
    if not channel.parameters:
        return literal(channel.address)
    return f"`{re.sub(r'{[^{}]*}', '${string}', channel.address)}`"


def _map(name: str, entries: Iterable[str]) -> Block:
    return [*comment(MAPS[name]), f"export interface {name} {block(entries)}"]


def _entries(name: str, operations: Iterable[Operation], types: Mapping[str, str]) -> Iterator[str]:
    """Yield the members of one of the maps."""
    for each in operations:
        kind = literal(each.contract.kind)
        if _map_of_opening(each) == name:
            yield f"{kind}: {types[each.opening.name]};"
        if each.reply is not None and _map_of_reply(each) == name:
            yield f"{kind}: {types[each.reply.name]};"
        if name == "Errors" and each.contract.direction == "in":
            yield from _error(each)


def _map_of_opening(operation: Operation) -> str:
    return {"in": "Kinds", "out": "Events", "ask": "Questions"}[operation.contract.direction]


def _map_of_reply(operation: Operation) -> str:
    if operation.contract.direction == "ask":
        return "Answers"
    return "Items" if operation.contract.streams else "Replies"


def _error(operation: Operation) -> Iterator[str]:
    declared = {each.code: each.text for each in operation.contract.errors}
    yield from comment(*(f"{code}: {text}" for code, text in declared.items() if text))
    codes = " | ".join([*map(literal, declared), "StandardError"])
    yield f"{literal(operation.contract.kind)}: ErrorMessage{f'<{codes}>' if declared else ''};"


def _unions(described: ChannelDescription) -> Iterator[Block]:
    asks = bool(described.with_direction("ask"))
    requests = described.with_direction("in")
    streams = any(each.contract.streams for each in requests)
    client = _values("Kinds", "Answers")
    client += ["ErrorMessage"] * asks + ["Cancel"] * bool(requests)
    server = [*_values("Events", "Questions", "Replies", "Items"), "ErrorMessage"]
    server += ["End"] * streams + ["Cancel"] * asks
    yield [*comment("What a client may send."), _union("ClientMessage", client)]
    yield [*comment("What the server may send."), _union("ServerMessage", server)]
    if requests:
        yield _fields(described.channel.payload_key)


def _fields(payload_key: str | None) -> Block:
    message = "Kinds[K]"
    flat = f'Omit<{message}, "kind" | "ref">'
    fields = flat if payload_key is None else f"{message}[{literal(payload_key)}]"
    told = comment("What a message of a kind says.")
    return [*told, f"export type Fields<K extends keyof Kinds> = {fields};"]


def _union(name: str, types: Iterable[str]) -> str:
    return f"export type {name} = {' | '.join(types)};"


def _values(*maps: str) -> list[str]:
    return [f"{each}[keyof {each}]" for each in maps]


def _joined(blocks: Iterable[Block]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks)
