"""Shows what each compression mode saves and costs for three kinds of traffic, as two Markdown tables.

    python benchmarks/compression.py [--quick]

The first is about what we send, the second about what clients send.

For each mode and kind of traffic: the size of what is sent, as part of the size of the messages, and
the processor time that deflating one message takes. The memory is what the compressor and the
decompressor of one connection add to a process once both have been used (not with --quick).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import orjson

from aiows import Compression
from aiows._wire import (
    DeflateParams,
    Deflater,
    Inflater,
    make_deflater,
    make_inflater,
    negotiate_deflate,
)

OFFER = "permessage-deflate; client_max_window_bits"

# How clients compress what they send, as they are told with SHARED and with DEDICATED_256KB.
CLIENTS = {
    "`SHARED`, a browser": DeflateParams(client_no_context_takeover=True),
    "`SHARED`, another client": DeflateParams(
        client_no_context_takeover=True, client_may_disobey=True
    ),
    "`DEDICATED_256KB`": DeflateParams(),
}

SEED = 1
CONNECTIONS = 200


def small_json(chance: random.Random) -> bytes:
    """A position in a game, a cursor, a price: the same keys each time."""
    return orjson.dumps(
        {
            "kind": "moved",
            "id": f"player-{chance.randrange(50)}",
            "x": round(chance.uniform(0, 1000), 2),
            "y": round(chance.uniform(0, 1000), 2),
        }
    )


def larger_json(chance: random.Random) -> bytes:
    """A page of a list."""
    words = ["amber", "basalt", "cedar", "delta", "ember", "fjord", "grove", "harbor"]
    rows = [
        {
            "id": chance.randrange(10**9),
            "name": " ".join(chance.choices(words, k=3)),
            "price": round(chance.uniform(1, 500), 2),
            "tags": chance.sample(words, 2),
            "available": chance.random() < 0.5,
        }
        for _ in range(60)
    ]
    return orjson.dumps({"kind": "list", "rows": rows})


def binary(chance: random.Random) -> bytes:
    """A piece of what is compressed already: an image, sound, an archive."""
    return chance.randbytes(4096)


TRAFFIC: dict[str, Callable[[random.Random], bytes]] = {
    "small JSON": small_json,
    "larger JSON": larger_json,
    "binary": binary,
}


def main() -> None:
    quick = _arguments().quick
    messages = {
        name: _messages(make, seconds_worth=300 if quick else 20_000)
        for name, make in TRAFFIC.items()
    }
    sizes = {name: sum(map(len, each)) // len(each) for name, each in messages.items()}
    headings = [f"{name}, {sizes[name]} bytes" for name in TRAFFIC]
    print("| mode | KiB a connection |", " | ".join(headings), "|")
    print("|---|---:|" + "---:|" * len(headings))
    for mode in Compression:
        memory = "" if quick else f"{_by_itself(_memory, mode):.0f}"
        cells = [_cell(mode, messages[name]) for name in TRAFFIC]
        print(f"| `{mode.name}` | {memory} |", " | ".join(cells), "|")

    print()
    _print_clients(messages, is_quick=quick)


def _print_clients(messages: dict[str, list[bytes]], *, is_quick: bool) -> None:
    """What the window of a client costs."""
    said = {
        "nothing": [],
        "one small JSON": messages["small JSON"][:1],
        "100 of them": messages["small JSON"][:100],
        "20 larger JSON": messages["larger JSON"][:20],
    }
    timed = ("small JSON", "larger JSON")
    headings = [*(f"KiB after {what}" for what in said), *(f"{name}, us" for name in timed)]
    print("| client |", " | ".join(headings), "|")
    print("|---|" + "---:|" * len(headings))
    for client, params in CLIENTS.items():
        sizes = [
            "" if is_quick else f"{_by_itself(_window, params, each):.1f}" for each in said.values()
        ]
        times = [f"{_inflating(params, messages[name]):.1f}" for name in timed]
        print(f"| {client} |", " | ".join([*sizes, *times]), "|")


def _compressed(params: DeflateParams, messages: list[bytes]) -> list[bytes]:
    """The payloads of a client that does what it is told, or keeps its window if it may."""
    has_takeover = not params.client_no_context_takeover or params.client_may_disobey
    deflater = Deflater(has_takeover=has_takeover)
    return [deflater.compress(message) for message in messages]


def _inflating(params: DeflateParams, messages: list[bytes]) -> float:
    """Microseconds of the processor for each message."""
    payloads = _compressed(params, messages)
    inflater = make_inflater(params)
    begin = time.process_time()
    for payload in payloads:
        for _ in inflater.inflate(payload, final=True):
            pass
    return (time.process_time() - begin) / len(payloads) * 1e6


def _window(params: DeflateParams, messages: list[bytes]) -> float:
    """KiB of the process for each connection whose client has said this much."""
    payloads = _compressed(params, messages)
    kept = []
    before = 0
    for number in range(CONNECTIONS + 1):
        kept.append(make_inflater(params))
        for payload in payloads:
            for _ in kept[-1].inflate(payload, final=True):
                pass
        if not number:  # what comes with the first is there before
            before = _resident()
    return (_resident() - before) / CONNECTIONS / 1024


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer messages: rough figures")
    return parser.parse_args()


def _messages(make: Callable[[random.Random], bytes], *, seconds_worth: int) -> list[bytes]:
    """As many messages as make about the same amount of bytes for each kind of traffic."""
    chance = random.Random(SEED)
    first = make(chance)
    count = max(20, seconds_worth * 80 // len(first))
    return [first, *(make(chance) for _ in range(count))]


def _cell(mode: Compression, messages: list[bytes]) -> str:
    ratio, microseconds = _measure(mode, messages)
    return f"{ratio:.0%}, {microseconds:.0f} us" if microseconds else f"{ratio:.0%}"


def _measure(mode: Compression, messages: list[bytes]) -> tuple[float, float]:
    """What is left of the messages' size, and microseconds for each."""
    deflater, _ = _codec(mode)
    if deflater is None:
        return 1.0, 0.0
    begin = time.process_time()
    sent = sum(len(deflater.compress(message)) for message in messages)
    took = time.process_time() - begin
    return sent / sum(map(len, messages)), took / len(messages) * 1e6


def _codec(mode: Compression) -> tuple[Deflater | None, Inflater | None]:
    params = negotiate_deflate(OFFER, mode, is_obedient=True)
    if params is None:
        return None, None
    return make_deflater(params, mode), make_inflater(params)


def _by_itself(measure: Callable[..., float], *given: object) -> float:
    """Call ``measure`` in a process that has not freed anything which could be used again."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *given).result()


def _memory(mode: Compression) -> float:
    """KiB of the process for each connection; zlib takes them outside of Python's heap."""
    chance = random.Random(SEED)
    messages = [larger_json(chance) for _ in range(20)]  # more than any window
    kept = [_codec(mode)]
    _use(*kept[0], messages)  # what is shared is there before
    before = _resident()
    for _ in range(CONNECTIONS):
        kept.append(_codec(mode))
        _use(*kept[-1], messages)
    return (_resident() - before) / CONNECTIONS / 1024


def _use(deflater: Deflater | None, inflater: Inflater | None, messages: list[bytes]) -> None:
    if deflater is None or inflater is None:
        return
    for message in messages:
        for _ in inflater.inflate(deflater.compress(message), final=True):
            pass


def _resident() -> int:
    """Bytes of memory in use, where Linux tells."""
    statm = Path("/proc/self/statm")
    if sys.platform != "linux" or not statm.exists():
        return 0
    return int(statm.read_text().split()[1]) * 4096


if __name__ == "__main__":
    main()
