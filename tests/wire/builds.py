"""Nothing goes in, out come the builds of the wire that are here: pure always, native if it was compiled."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

from aiows._wire import (
    assembler,
    frames,
    handling,
    intake,
    masking,
    outlet,
    parser,
    pipeline,
    reader,
    receiving,
    steps,
    turn,
    utf8,
    wire_build,
)


@dataclass(frozen=True, kw_only=True)
class Wire:
    """One build: what exists twice, with the types of the pure modules."""

    name: str = "pure"
    Turn: type[turn.Turn] = turn.Turn
    Handling: type[handling.Handling] = handling.Handling
    Receiving: type[receiving.Receiving] = receiving.Receiving
    Pipeline: type[pipeline.Pipeline] = pipeline.Pipeline
    Intake: type[intake.Intake] = intake.Intake
    Outlet: type[outlet.Outlet] = outlet.Outlet
    MessageReader: type[reader.MessageReader] = reader.MessageReader
    MessageAssembler: type[assembler.MessageAssembler] = assembler.MessageAssembler
    FrameParser: type[parser.FrameParser] = parser.FrameParser
    Utf8Checker: type[utf8.Utf8Checker] = utf8.Utf8Checker
    decode_text: Callable[[bytes], str] = utf8.decode_text
    apply_mask: Callable[[bytes, bytes], bytes] = masking.apply_mask
    build_frame: Callable[..., bytes] = frames.build_frame
    first_step: Callable[..., tuple[bool, Any]] = steps.first_step


def builds() -> list[Wire]:
    """Those to be tested; ModuleNotFoundError if AIOWS_REQUIRE_EXTENSIONS asks for one that is not here."""
    pure = Wire()
    if wire_build == "pure" and not os.environ.get("AIOWS_REQUIRE_EXTENSIONS"):
        return [pure]
    core = import_module("aiows._wire._native.core")
    twins = [field.name for field in fields(Wire) if field.name != "name"]
    return [pure, Wire(name="native", **{twin: getattr(core, twin) for twin in twins})]
