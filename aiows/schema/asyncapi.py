"""The AsyncAPI 3 document of an application, written from the application's point of view.

A kind that clients send is a "receive" operation, with its reply; a kind that the server sends or asks is a
"send" operation. https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec
from aiohttp import web

from ..codecs import JSON, Codec
from .application import SYSTEM_CHANNEL, Channel
from .description import ChannelDescription, describe
from .messages import MessageSchema, RefUse
from .names import Names
from .operations import Operation

__all__ = ("INFO", "JSON_TYPE", "Info", "asyncapi", "asyncapi_text")

Json: TypeAlias = dict[str, Any]

VERSION: Final = "3.0.0"
JSON_TYPE: Final = JSON.content_type


@dataclass(frozen=True, slots=True)
class Info:
    """The title, version and description of an application in its document."""

    title: str = "WebSocket API"
    version: str = "0.0.0"
    description: str = ""


INFO: Final = web.AppKey("INFO", Info)
"""The key for an application's `Info`: ``app[INFO] = Info("Chat", "1.2.0")``."""


def asyncapi(app: web.Application) -> Json:
    """Return the document of ``app`` and its sub-applications; the same application gives the same document.

    Raises RegistrationError for a payload or a reply whose type has no schema.
    """
    description = describe(app)
    names = Names()
    operations: Json = {}
    for channel in description.channels:
        for operation in channel.operations:
            name = names.take(f"{channel.channel.name}.{operation.message.name}")
            operations[name] = _operation(channel, operation)
    return _present(
        {
            "asyncapi": VERSION,
            "info": _present(_info_of(app.get(INFO, Info()))),
            "defaultContentType": JSON_TYPE,
            "channels": {each.channel.name: _channel(each) for each in description.channels},
            "operations": operations,
            "components": _present({"schemas": description.components}),
        }
    )


def asyncapi_text(app: web.Application) -> str:
    """Return the document of ``app`` as JSON text, indented."""
    encoded = msgspec.json.format(msgspec.json.encode(asyncapi(app)), indent=2)
    return f"{encoded.decode()}\n"


def _info_of(info: Info) -> Json:
    return {"title": info.title, "version": info.version, "description": info.description}


def _channel(described: ChannelDescription) -> Json:
    channel = described.channel
    return _present(
        {
            "address": channel.address,
            "summary": channel.summary,
            "description": channel.description,
            "messages": {each.name: _message(channel, each) for each in described.messages},
            "parameters": {name: {} for name in channel.parameters},
            "bindings": {"ws": _binding(channel)},
            "x-codecs": [_codec(each) for each in channel.codecs],
            "x-system-kinds": _ref_of(SYSTEM_CHANNEL) if channel.has_topics else {},
            "x-topics": channel.carries,
        }
    )


def _binding(channel: Channel) -> Json:
    """Return the headers of the upgrade request: https://github.com/asyncapi/bindings, websockets."""
    binding: Json = {"method": "GET", "bindingVersion": "0.1.0"}
    if len(channel.codecs) == 1:
        return binding
    offer: Json = {
        "type": "string",
        "description": f"A client that offers none of x-codecs gets {channel.codecs[0].subprotocol}.",
        "examples": [each.subprotocol for each in channel.codecs],
    }
    headers = {"type": "object", "properties": {"Sec-WebSocket-Protocol": offer}}
    return {**binding, "headers": headers}


def _codec(codec: Codec) -> Json:
    return {"subprotocol": codec.subprotocol, "contentType": codec.content_type}


def _message(channel: Channel, message: MessageSchema) -> Json:
    content_type = channel.codecs[0].content_type
    ref = {"location": "$message.payload#/ref"} if message.ref is not RefUse.NEVER else {}
    return _present(
        {
            "name": message.kind,
            "contentType": "" if content_type == JSON_TYPE else content_type,
            "summary": message.summary,
            "description": message.description,
            "correlationId": ref,
            "payload": message.schema,
            "examples": [{"payload": each} for each in message.examples],
        }
    )


def _operation(described: ChannelDescription, operation: Operation) -> Json:
    channel = described.channel
    return _present(
        {
            "action": "receive" if operation.contract.direction == "in" else "send",
            "channel": _channel_ref(channel),
            "summary": operation.contract.summary,
            "description": operation.contract.description,
            "messages": _refs(channel, [operation.message.name]),
            "reply": _reply(channel, operation),
        }
    )


def _reply(channel: Channel, operation: Operation) -> Json:
    if operation.reply is None:
        return {}
    error = "error" if operation.error is None else operation.error.name
    end = ["end"] if operation.contract.streams else []
    return {
        "channel": _channel_ref(channel),
        "messages": _refs(channel, [operation.reply.name, *end, error]),
    }


def _channel_ref(channel: Channel) -> Json:
    return _ref_of(channel.name)


def _ref_of(channel: str) -> Json:
    return {"$ref": f"#/channels/{_escaped(channel)}"}


def _refs(channel: Channel, messages: Iterable[str]) -> list[Json]:
    start = f"#/channels/{_escaped(channel.name)}/messages"
    return [{"$ref": f"{start}/{_escaped(name)}"} for name in messages]


def _escaped(name: str) -> str:
    """Return ``name`` as one part of a JSON pointer in a URI (RFC 6901, section 6)."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~")


def _present(fields: Mapping[str, Any]) -> Json:
    """Leave out what is empty."""
    return {key: value for key, value in fields.items() if value not in ("", {}, [], ())}
