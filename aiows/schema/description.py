"""What the document and the types are made from: channels, their messages, and the schemas they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aiohttp import web

from ..errors import RegistrationError
from ..kinds import KindContract
from .application import Channel, read_channels
from .json_schema import JsonSchema, describe_types, only_used
from .messages import MessageSchema, cancel, end, error
from .operations import Operation, OperationBuilder

__all__ = ("ApplicationDescription", "ChannelDescription", "describe")


@dataclass(frozen=True, slots=True)
class ChannelDescription:
    """A channel with its operations."""

    channel: Channel
    operations: tuple[Operation, ...]

    def with_direction(self, direction: str) -> list[Operation]:
        """Return the operations of one direction: ``in``, ``out`` or ``ask``."""
        return [each for each in self.operations if each.contract.direction == direction]

    @property
    def common_messages(self) -> tuple[MessageSchema, ...]:
        """The messages that belong to no single kind (cancel, end, error), as far as they are needed."""
        if not any(each.reply for each in self.operations):
            return ()
        streams = any(each.contract.streams for each in self.operations)
        return (cancel(), end(), error()) if streams else (cancel(), error())

    @property
    def messages(self) -> list[MessageSchema]:
        """Every message, sorted by name."""
        own = [
            message
            for each in self.operations
            for message in (each.message, each.reply, each.error)
            if message is not None
        ]
        return sorted([*own, *self.common_messages], key=lambda message: message.name)


@dataclass(frozen=True, slots=True)
class ApplicationDescription:
    """Channels, and the schemas that their messages share, by name."""

    channels: tuple[ChannelDescription, ...]
    components: dict[str, JsonSchema]


def describe(app: web.Application) -> ApplicationDescription:
    """Return the description of ``app``.

    Raises RegistrationError for a payload or a reply whose type has no schema.
    """
    channels = read_channels(app)
    types, components = _types_of([each for one in channels for each in one.contracts])
    schemas = iter(types)
    described = tuple(_described(channel, schemas, components) for channel in channels)
    used = (message.schema for each in described for message in each.messages)
    return ApplicationDescription(described, only_used(components, used))


def _types_of(
    contracts: Iterable[KindContract],
) -> tuple[list[JsonSchema], dict[str, JsonSchema]]:
    """Return two schemas for each contract, payload and reply, and the components that they share."""
    try:
        return describe_types(t for each in contracts for t in (each.payload, each.reply))
    except Exception as error:  # a hook may raise anything
        kinds = ", ".join(repr(each.kind) for each in contracts if not _is_describable(each))
        raise RegistrationError(f"no schema can be made for {kinds}: {error}") from error


def _is_describable(contract: KindContract) -> bool:
    try:
        describe_types((contract.payload, contract.reply))
    except Exception:
        return False
    return True


def _described(
    channel: Channel, schemas: Iterator[JsonSchema], components: dict[str, JsonSchema]
) -> ChannelDescription:
    builder = OperationBuilder(channel.payload_key, components, has_topics=channel.has_topics)
    contracts: tuple[KindContract, ...] = channel.contracts
    operations = (builder.operation(each, next(schemas), next(schemas)) for each in contracts)
    return ChannelDescription(channel, tuple(operations))
