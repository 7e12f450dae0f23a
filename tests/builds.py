"""The builds that are tested: pure always, native if it was compiled."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any
from unittest.mock import patch

from aiows import wire_build
from aiows._wire import assembler, frames, masking, parser, reader, utf8
from aiows.codecs import json_core
from aiows.connection import builds as connection_builds
from aiows.connection import (
    connection_core,
    flusher,
    outbox_core,
    protocol_core,
    pump_core,
    stepper,
)
from aiows.connection.outbox import Outbox
from aiows.kinds.running import pipeline
from aiows.mounting import hooks_core
from aiows.response import receiver_core


@dataclass(frozen=True, kw_only=True)
class Build:
    """One build: everything that exists twice, with the types of the pure modules."""

    name: str = "pure"
    Flusher: type[flusher.Flusher] = flusher.Flusher
    HooksCore: type[pump_core.HooksCore] = pump_core.HooksCore
    PumpCore: type[pump_core.PumpCore] = pump_core.PumpCore
    CallbackHooksCore: type[hooks_core.CallbackHooksCore] = hooks_core.CallbackHooksCore
    ViewHooksCore: type[hooks_core.ViewHooksCore] = hooks_core.ViewHooksCore
    KindHooksCore: type[hooks_core.KindHooksCore] = hooks_core.KindHooksCore
    Stepper: type[stepper.Stepper] = stepper.Stepper
    InContext: type[stepper.InContext] = stepper.InContext
    ReceiverCore: type[receiver_core.ReceiverCore] = receiver_core.ReceiverCore
    Pipeline: type[pipeline.Pipeline] = pipeline.Pipeline
    ProtocolCore: type[protocol_core.ProtocolCore] = protocol_core.ProtocolCore
    ConnectionCore: type[connection_core.ConnectionCore] = connection_core.ConnectionCore
    JsonCore: type[json_core.JsonCore] = json_core.JsonCore
    OutboxCore: type[outbox_core.OutboxCore] = outbox_core.OutboxCore
    MessageReader: type[reader.MessageReader] = reader.MessageReader
    MessageAssembler: type[assembler.MessageAssembler] = assembler.MessageAssembler
    FrameParser: type[parser.FrameParser] = parser.FrameParser
    Utf8Checker: type[utf8.Utf8Checker] = utf8.Utf8Checker
    decode_text: Callable[[bytes], str] = utf8.decode_text
    apply_mask: Callable[[bytes, bytes], bytes] = masking.apply_mask
    build_frame: Callable[..., bytes] = frames.build_frame
    first_step: Callable[..., tuple[bool, Any]] = stepper.first_step


def builds() -> list[Build]:
    """Return the builds to test.

    Raises ModuleNotFoundError if AIOWS_REQUIRE_EXTENSIONS is set and the native build is missing.
    """
    pure = Build()
    if wire_build == "pure" and not os.environ.get("AIOWS_REQUIRE_EXTENSIONS"):
        return [pure]
    core = import_module("aiows._native.core")
    twins = [field.name for field in fields(Build) if field.name != "name"]
    return [pure, Build(name="native", **{twin: getattr(core, twin) for twin in twins})]


def outbox_class(build: Build) -> type[Outbox]:
    """Return `Outbox` over the core of this build: its module once more, with that one in it."""
    spec = find_spec("aiows.connection.outbox")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with patch.object(connection_builds, "OutboxCore", build.OutboxCore):
        spec.loader.exec_module(module)
    made: type[Outbox] = module.Outbox
    return made
