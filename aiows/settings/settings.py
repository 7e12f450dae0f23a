"""`Settings`: every option of a connection, with its default, what it must be and why it has a bound."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypedDict

from aiohttp import web

from .._wire import Compression
from ..codecs import JSON, Codec
from .expected import (
    BOOL,
    BYTES,
    BYTES_OF_KERNEL,
    BYTES_OR_NO_LIMIT,
    BYTES_OVER_0,
    CODECS,
    COMPRESSION,
    COMPRESSION_THRESHOLD,
    COUNT_OVER_0,
    NAMES,
    ORIGINS,
    SECONDS,
    SECONDS_OR_NEVER,
    SECONDS_OR_NONE,
    Expected,
)
from .keepalive import KeepAlivePolicy

__all__ = (
    "DEFAULTS",
    "EXPECTED",
    "Origins",
    "ResponseOptions",
    "Settings",
    "ViewOptions",
    "WebSocketOptions",
)

Origins: TypeAlias = (
    Literal["*", "same"] | Collection[str] | Callable[[web.BaseRequest, str], bool] | None
)

KIB: Final = 1024
MIB: Final = 1024 * KIB

# Below this size, in bytes, compressing a message by itself costs more than all else about it, some 15
# microseconds, and saves less than 30 bytes. A dedicated compressor has earlier messages to refer to:
# it makes the smallest ones a third.
SHARED_THRESHOLD: Final = 128


def _option(expected: Expected) -> dict[str, Any]:
    """Say of a setting that it can be chosen, and what it must be then."""
    return {"expected": expected, "is_everywhere": True}


def _response_option(expected: Expected) -> dict[str, Any]:
    """Say of a setting that it can be chosen for a `WebSocketResponse` alone."""
    return {"expected": expected, "is_everywhere": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a connection behaves. Sizes are in bytes, times in seconds; `OptionSet.read` makes checked ones.

    docs/reference/options.md says what each option means to a user.
    """

    # A message is kept until its last fragment is there: without a limit one peer could fill the memory, with
    # compression even from a few kilobytes.
    max_msg_size: int = field(default=4 * MIB, metadata=_option(BYTES_OR_NO_LIMIT))
    # What is sent to a peer that does not read is kept: without a limit such peers could fill the memory.
    max_backpressure: int = field(default=MIB, metadata=_option(BYTES_OVER_0))
    # What the kernel has taken can be neither replaced nor taken back: megabytes, for each peer that stopped
    # reading. None by default: with a bound a burst finds less room, also for a reader that keeps up.
    max_unsent: int | None = field(default=None, metadata=_option(BYTES_OF_KERNEL))
    # Each is a row in the tables of this node, some 500 bytes, and a subscription at the backplane. All are
    # left at once, in one turn of the loop: with 100,000 topics that a peer has chosen that would hold up
    # everybody for half a second; so many take 20 milliseconds.
    max_topics: int = field(default=4096, metadata=_option(COUNT_OVER_0))
    # A peer that vanished without a word would be kept for ever.
    idle_timeout: float = field(default=120.0, metadata=_option(SECONDS_OR_NEVER))
    protocols: Collection[str] = field(default=(), metadata=_option(NAMES))
    codecs: Collection[Codec] = field(default=(), metadata=_option(CODECS))
    compress: bool | Compression = field(default=True, metadata=_option(COMPRESSION))
    compress_threshold: int | None = field(default=None, metadata=_option(COMPRESSION_THRESHOLD))
    # A page of another site can open a socket with the user's cookies (RFC 6455, section 10.2).
    origins: Origins = field(default="same", metadata=_option(ORIGINS))

    # A peer that never answers our Close would be kept for ever.
    close_timeout: float = field(default=10.0, metadata=_response_option(SECONDS))
    receive_timeout: float | None = field(default=None, metadata=_response_option(SECONDS_OR_NONE))
    autoclose: bool = field(default=True, metadata=_response_option(BOOL))
    autoping: bool = field(default=True, metadata=_response_option(BOOL))
    heartbeat: float | None = field(default=None, metadata=_response_option(SECONDS_OR_NONE))
    writer_limit: int = field(default=64 * KIB, metadata=_response_option(BYTES))
    decode_text: bool = field(default=True, metadata=_response_option(BOOL))
    control_messages: bool = field(default=False, metadata=_response_option(BOOL))
    # RFC 6455, section 5.1: masks keep a page from writing what a proxy in between would take for HTTP.
    strict_masking: bool = field(default=True, metadata=_response_option(BOOL))

    # Not to be chosen: whether a message of just ``max_msg_size`` bytes passes, which aiohttp refuses.
    takes_limit: bool = True

    # What follows from the others.
    keepalive: KeepAlivePolicy | None = field(init=False)
    compression: Compression = field(init=False)
    smallest_compressed: int = field(init=False)  # in bytes
    backpressure_from: int = field(init=False)  # in bytes
    codec_names: tuple[str, ...] = field(init=False)  # the subprotocols of the codecs
    subprotocols: tuple[str, ...] = field(init=False)  # all that a client can choose from

    def __post_init__(self) -> None:
        compression = _compression_of(self.compress)
        codec_names = tuple(codec.subprotocol for codec in self.codecs)
        derived = {
            "keepalive": _keepalive_of(self.heartbeat, self.idle_timeout),
            "compression": compression,
            "smallest_compressed": _threshold(compression, self.compress_threshold),
            # So that BACKPRESSURE comes before DROPPED, with room for who takes notice.
            "backpressure_from": min(self.writer_limit, self.max_backpressure // 2),
            "codec_names": codec_names,
            "subprotocols": (*self.protocols, *codec_names),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)  # as frozen dataclasses themselves do

    def codec_for(self, subprotocol: str | None) -> Codec:
        """Return the codec of a connection: the one agreed on, else the first, else JSON."""
        for codec in self.codecs:
            if codec.subprotocol == subprotocol:
                return codec
        return next(iter(self.codecs), JSON)


def _keepalive_of(heartbeat: float | None, idle_timeout: float) -> KeepAlivePolicy | None:
    """The policy of both options; aiohttp's goes first."""
    return KeepAlivePolicy.heartbeat(heartbeat) or KeepAlivePolicy.idle_timeout(idle_timeout)


def _compression_of(chosen: bool | Compression) -> Compression:  # noqa: FBT001
    if isinstance(chosen, Compression):
        return chosen
    return Compression.SHARED if chosen else Compression.DISABLED


def _threshold(compression: Compression, chosen: int | None) -> int:
    if chosen is not None:
        return chosen
    return SHARED_THRESHOLD if compression is Compression.SHARED else 0


DEFAULTS: Final = Settings()

EXPECTED: Final[Mapping[str, Expected]] = {
    each.name: each.metadata["expected"] for each in fields(Settings) if each.metadata
}

# The same for type checkers; a test holds it to the above.


class WebSocketOptions(TypedDict, total=False):
    """The options of `WebSocket` and `WebSocketRoute`."""

    max_msg_size: int
    max_backpressure: int
    max_unsent: int | None
    max_topics: int
    idle_timeout: float
    codecs: Iterable[Codec]
    compress: bool | Compression
    compress_threshold: int | None
    origins: Origins


class ResponseOptions(WebSocketOptions, total=False):
    """The options of `WebSocketResponse`."""

    timeout: float
    receive_timeout: float | None
    autoclose: bool
    autoping: bool
    heartbeat: float | None
    protocols: Iterable[str]
    writer_limit: int
    decode_text: bool
    control_messages: bool
    strict_masking: bool


class ViewOptions:
    """The options of a `WebSocketView`, as class attributes."""

    max_msg_size: ClassVar[int] = DEFAULTS.max_msg_size
    max_backpressure: ClassVar[int] = DEFAULTS.max_backpressure
    max_unsent: ClassVar[int | None] = DEFAULTS.max_unsent
    max_topics: ClassVar[int] = DEFAULTS.max_topics
    idle_timeout: ClassVar[float] = DEFAULTS.idle_timeout
    protocols: ClassVar[Collection[str]] = DEFAULTS.protocols
    codecs: ClassVar[Sequence[Codec]] = (JSON,)
    compress: ClassVar[bool | Compression] = DEFAULTS.compress
    compress_threshold: ClassVar[int | None] = DEFAULTS.compress_threshold
    origins: Origins = DEFAULTS.origins
