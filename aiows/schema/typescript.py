"""The TypeScript types of all messages of an application, for both directions.

Each channel has a namespace, with maps from a kind to its types and unions that are discriminated by
``kind``. There are only types, so they add nothing to a compiled page.
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

HEAD: Final = "// Made by aiows from the kinds of an application. Do not edit it: make it again."

ERROR_MESSAGE: Final = """\
/** The error reply to a request. */
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
    "Items": "The items of the server's streams, by the request's kind.",
    "Errors": "The server's error replies, by the request's kind.",
    "Answers": "What a client replies, by the question's kind.",
}
OTHERS: Final = frozenset(
    {"ClientMessage", "Contract", "Fields", "Path", "ServerMessage", "Topics"}
)
# TypeScript's own types that are used here: a kind of that name must not hide them.
NEEDED: Final = frozenset({"Array", "Omit"})


def typescript(app: web.Application) -> str:
    """Return a TypeScript module for ``app`` and its sub-applications, always the same for the same ``app``.

    Raises RegistrationError for a payload or a reply whose type has no schema.
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
    """Yield the types that every application has."""
    codes = [line for each in STANDARD_ERRORS.items() for line in _code(*each)]
    head = comment("The codes that any request may be answered with.")
    yield [*head, "export type StandardError =", *indented(codes[:-1]), f"  {codes[-1]};"]
    yield [ERROR_MESSAGE]
    yield _declared("End", end().schema, {}, "The last item of a stream has come.")
    yield _declared("Cancel", cancel().schema, {}, "Takes a request back.")


def _code(code: str, text: str) -> Block:
    return [*comment(text), f"| {literal(code)}"]


def _declared(name: str, schema: JsonSchema, names: Mapping[str, str], *texts: str) -> Block:
    """Return the declaration of a type, with ``texts`` as its comment."""
    if schema.get("type") == "object":
        return [*comment(*texts), f"export interface {name} {block(members(schema, names))}"]
    return [*comment(*texts), f"export type {name} = {type_of(schema, names)};"]


def _namespace(name: str, described: ChannelDescription, names: Mapping[str, str]) -> Block:
    channel = described.channel
    taken = Names({*COMMON, *NEEDED, *MAPS, *OTHERS, *names.values()}, separator="")
    messages = [message for each in described.operations for message in _messages(each)]
    types = {message.name: taken.take(identifier(message.name)) for message in messages}
    blocks = [[f"export type Path = {_path(channel)};"]]
    blocks += [
        _declared(types[each.name], each.schema, names, each.summary, each.description)
        for each in messages
    ]
    blocks += [_map(each, _entries(each, described.operations, types)) for each in MAPS]
    blocks += _unions(described)
    if channel.carries:
        blocks.append(_topics(channel))
    blocks.append(_contract(described))
    head = comment(channel.address or "", channel.summary, channel.description)
    return [*head, f"export namespace {name} {block([_joined(blocks)])}"]


def _messages(operation: Operation) -> Iterator[MessageSchema]:
    """Yield the messages that get a type of their own; errors differ in their codes only."""
    yield operation.message
    if operation.reply is not None:
        yield operation.reply


def _path(channel: Channel) -> str:
    if channel.address is None:
        return "string"
    if not channel.parameters:
        return literal(channel.address)
    return f"`{re.sub(r'{[^{}]*}', '${string}', channel.address)}`"


def _map(name: str, entries: Iterable[str]) -> Block:
    return [*comment(MAPS[name]), f"export interface {name} {block(entries)}"]


def _entries(name: str, operations: Iterable[Operation], types: Mapping[str, str]) -> Iterator[str]:
    """Yield the members of one of the maps."""
    for each in operations:
        kind = literal(each.contract.kind)
        if _map_of_message(each) == name:
            yield f"{kind}: {types[each.message.name]};"
        if each.reply is not None and _map_of_reply(each) == name:
            yield f"{kind}: {types[each.reply.name]};"
        if name == "Errors" and each.contract.direction == "in":
            yield from _error(each)


def _map_of_message(operation: Operation) -> str:
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
    head = comment("The fields of a message, by kind.")
    return [*head, f"export type Fields<K extends keyof Kinds> = {fields};"]


def _topics(channel: Channel) -> Block:
    entries = [
        f"{literal(topic)}: {' | '.join(map(literal, kinds)) or 'never'};"
        for topic, kinds in channel.carries.items()
    ]
    return [
        *comment("The kinds that come on a topic."),
        f"export interface Topics {block(entries)}",
    ]


def _contract(described: ChannelDescription) -> Block:
    """Return all of it as one type: a namespace cannot be given to a client as a type parameter."""
    requests = described.with_direction("in")
    once = [literal(each.contract.kind) for each in requests if each.contract.once]
    entries = {
        "path": "Path",
        **{name.lower(): name for name in MAPS},
        "fields": "{ [K in keyof Kinds]: Fields<K> }" if requests else "{}",
        "once": " | ".join(once) or "never",
    }
    if described.channel.carries:
        entries["topics"] = "Topics"
    head = comment("Everything that is said here, as the client takes it.")
    lines = [f"{name}: {each};" for name, each in entries.items()]
    return [*head, f"export interface Contract {block(lines)}"]


def _union(name: str, types: Iterable[str]) -> str:
    return f"export type {name} = {' | '.join(types)};"


def _values(*maps: str) -> list[str]:
    return [f"{each}[keyof {each}]" for each in maps]


def _joined(blocks: Iterable[Block]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks)
