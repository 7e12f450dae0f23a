"""A class over a core and its core do not meet in a name by chance."""

from __future__ import annotations

import pytest

from aiows._native import core
from aiows.codecs import json, json_core
from aiows.connection import (
    connection,
    connection_core,
    outbox,
    outbox_core,
    protocol,
    protocol_core,
    pump,
    pump_core,
)
from aiows.response import receiver, receiver_core

PAIRS = {
    connection.Connection: connection_core.ConnectionCore,
    json.JsonCodec: json_core.JsonCore,
    outbox.Outbox: outbox_core.OutboxCore,
    protocol.WebSocketProtocol: protocol_core.ProtocolCore,
    pump.Pump: pump_core.PumpCore,
    receiver.Receiver: receiver_core.ReceiverCore,
}


@pytest.mark.parametrize("upper", PAIRS, ids=lambda upper: upper.__name__)
def test_what_a_class_overrides_of_its_pure_core_the_native_one_can_call(upper: type) -> None:
    """A method of the same name would take the pure core's place alone, and only that build would change."""
    pure = PAIRS[upper]
    native = pure if core is None else getattr(core, pure.__name__)
    overridden = {
        name
        for name, value in vars(upper).items()
        if callable(value) and not name.startswith("__") and hasattr(pure, name)
    }
    assert {name for name in overridden if not hasattr(native, name)} == set()
