"""Shows what each compression mode saves and costs for three kinds of traffic, as a Markdown table.

    python benchmarks/compression.py [--quick]

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
from aiows._wire import Deflater, Inflater, make_deflater, negotiate_deflate

OFFER = "permessage-deflate; client_max_window_bits"

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
        memory = "" if quick else f"{_memory_by_itself(mode):.0f}"
        cells = [_cell(mode, messages[name]) for name in TRAFFIC]
        print(f"| `{mode.name}` | {memory} |", " | ".join(cells), "|")


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
    params = negotiate_deflate(OFFER, mode)
    if params is None:
        return None, None
    return make_deflater(params, mode), Inflater(params)


def _memory_by_itself(mode: Compression) -> float:
    """`_memory` in a process that has not freed anything which could be used again."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_memory, mode).result()


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
