"""`OptionSet.read`: the same options are one object, and it keeps nothing that should go."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import pytest

from aiows import RegistrationError
from aiows.codecs import JSON, MSGPACK
from aiows.settings import RESPONSE_OPTIONS, VIEW_OPTIONS
from builds import Build


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"heartbeat": 30.0, "protocols": ("a", "b")},
        {"codecs": [JSON, MSGPACK], "protocols": ["a"]},
        {"origins": ["https://a.example"]},
    ],
)
def test_the_same_options_give_the_same_object(options: dict[str, Any]) -> None:
    """Also where they are in lists, which nobody can change afterwards."""
    settings = RESPONSE_OPTIONS.read(options, "")
    assert RESPONSE_OPTIONS.read(dict(options), "") is settings
    for value in options.values():
        if isinstance(value, list):
            value.clear()
    for name in ("protocols", "codecs", "origins"):
        assert bool(getattr(settings, name)) is (name in options)


def test_what_compares_equal_is_still_looked_at() -> None:
    """1 is True to a dict, but no bool here."""
    assert VIEW_OPTIONS.read({"max_msg_size": 1}, "").max_msg_size == 1
    with pytest.raises(RegistrationError):
        VIEW_OPTIONS.read({"max_msg_size": True}, "")


def test_a_module_level_function_is_kept_and_one_that_refers_to_something_is_not() -> None:
    """A handler may make one for each request, and refer to that."""

    class Request:
        pass

    def settings_for(request: Request) -> object:
        return RESPONSE_OPTIONS.read({"origins": lambda _, origin: request is origin}, "")

    assert RESPONSE_OPTIONS.read({"origins": accept}, "") is RESPONSE_OPTIONS.read(
        {"origins": accept}, ""
    )
    request = Request()
    settings, gone = settings_for(request), weakref.ref(request)
    del request, settings
    gc.collect()
    assert gone() is None


def accept(request: object, origin: str) -> bool:
    return True


def test_the_largest_size_is_no_limit_in_either_build(build: Build) -> None:
    """What is larger is refused: one build counts with 64 bits, the other with any number of them."""
    settings = RESPONSE_OPTIONS.read({"max_msg_size": sys.maxsize}, "")
    reader = build.MessageReader(max_msg_size=settings.max_msg_size, require_mask=False)
    reader.feed(b"\x82\x7e\x01\x00" + bytes(256))
    message = reader.next_message()
    assert message is not None
    assert message.data == bytes(256)
