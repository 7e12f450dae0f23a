"""The driver of the benchmark: which works and peers it runs, and how it sums up rounds in a table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli import main
from bench.commands import reason_in, run_command
from bench.environments import prepare
from bench.errors import BenchError
from bench.figures import figures_of
from bench.generator import Load, Memory
from bench.machine import Machine
from bench.peers import PEERS, Peer, peers_named
from bench.process import cpu_seconds, resident_bytes
from bench.rounds import FULL_LOAD, WorkResult
from bench.servers import serve
from bench.table import render
from bench.works import WORKS, Work, works_named

CORE = min(os.sched_getaffinity(0))


def load(microseconds: float) -> Load:
    return Load(
        cpu=microseconds * 1000 / 1e6,
        wall=1.0,
        messages=1000,
        late=0,
        overruns=0,
        p50=20,
        p90=30,
        p99=40,
        max=50,
    )


def echo_result(**rounds: list[float]) -> WorkResult:
    loads = {name: [load(each) for each in values] for name, values in rounds.items()}
    return WorkResult(named("echo"), ticks=dict.fromkeys(rounds, 5000), loads=loads)


def named(name: str) -> Work:
    (work,) = works_named([name])
    return work


def table(*results: WorkResult, unavailable: dict[str, str] | None = None) -> str:
    return render(
        results,
        machine=Machine.describe(),
        versions={"aiohttp": "3.14"},
        unavailable=unavailable or {},
        rounds=3,
    )


# names


def test_works_and_peers_are_named_one_by_one_or_by_how_they_begin() -> None:
    """And all of them are meant where none is named."""
    assert works_named([]) == list(WORKS)
    assert [work.name for work in works_named(["json*", "echo"])] == ["json", "json-16", "echo"]
    assert peers_named([]) == list(PEERS)
    assert [peer.name for peer in peers_named(["picows*"])] == ["picows", "picows+aiofastnet"]


def test_the_main_works_and_peers_have_one_name() -> None:
    """They are measured on other Pythons too: each style of aiows on uvloop, and what it is compared with."""
    assert {"echo", "kinds-16"} < {work.name for work in works_named(["main"])}
    peers = peers_named(["main"])
    assert {"floor", "aiohttp", "picows", "aiows-kinds-async"} < {peer.name for peer in peers}
    assert not any("aiofastnet" in peer.name or "asyncio" in peer.name for peer in peers)


def test_handlers_that_are_async_are_the_third_argument_of_the_same_server() -> None:
    """So that `def` and `async def` differ in that word alone."""
    plain, written_async = peers_named(["aiows-user", "aiows-user-async"])
    assert plain.server == written_async.server
    assert (plain.arguments, written_async.arguments) == (["uvloop"], ["uvloop", "async"])


def test_the_list_says_what_each_work_and_each_peer_is(capsys: pytest.CaptureFixture[str]) -> None:
    """And which of them are the main ones."""
    assert main(["--list"]) == 0
    said = capsys.readouterr().out
    assert "kinds-16             one of eight kinds in, the handler pushes a dict" in said
    assert "aiows-user-async" in said
    assert "a view with a user id and two topics, `async def on_message`" in said
    assert "main, among the works: echo, echo-16, kinds, kinds-16, fan-out\n" in said


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is compiled or installed."""
    with pytest.raises(ValueError, match=r"no work is called ecko; there are echo, "):
        works_named(["ecko"])
    assert main(["echo", "--peers", "nobody"]) == 2
    assert "no peer is called nobody; there are floor, aiohttp" in capsys.readouterr().err


def test_every_peer_has_its_server_and_a_name_of_its_own() -> None:
    """In servers/, or among the programs in C."""
    servers = Path(__file__).parents[2] / "benchmarks" / "servers"
    files = {path.name for path in servers.iterdir()}
    assert {peer.server for peer in PEERS} <= files | {"floor"}
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert len({work.name for work in WORKS}) == len(WORKS)


def test_the_generator_s_options_are_those_of_the_work() -> None:
    """JSON is TEXT by itself; nobody reads more seldom than they send."""
    options = named("json-16").options(port=80, connections=64, tick=200)
    assert {"--port=80", "--path=/json", "--in-flight=16", "--poll=200", "--text"} <= set(options)
    assert "--deflate" in named("fan-out-deflate").options(port=80, connections=1, tick=1)


# figures


def test_figures_are_medians_and_ratios_of_the_same_round() -> None:
    """A machine that was slow in one round was slow for all in it."""
    first, second = figures_of(echo_result(aiohttp=[10, 20, 10], quick=[5, 10, 6]))
    assert (first.peer, first.median, first.spread) == ("quick", 6, (5, 10))
    assert first.ratio == 0.5
    assert (second.peer, second.ratio) == ("aiohttp", 1.0)


def test_figures_without_the_baseline_have_no_ratio() -> None:
    """Whoever measures one peer alone still gets its figures."""
    (figures,) = figures_of(echo_result(quick=[5]))
    assert figures.ratio is None
    assert "| quick | 5.00 | 5.00 to 5.00 |  | 20 | 40 | 5 |" in table(echo_result(quick=[5]))


def test_the_table_has_a_summary_and_a_part_for_each_work() -> None:
    """The summary names the best of the others."""
    memories = {"aiohttp": [Memory(connections=5000, bytes_each=2048)]}
    idle = WorkResult(named("idle"), memories=memories)
    rounds = {
        "aiohttp": [10.0],
        "aiows-view": [5.0],
        "picows": [7.0],
        "slow": [30.0],
        "floor": [4.0],
    }
    text = table(echo_result(**rounds), idle)
    assert f"| {named('echo').title} | 10.00 us | picows 0.70 | 0.40 | 0.50 |" in text
    assert "| aiohttp | 2.00 | 1.00 |" in text
    assert "## idle: idle connections, 5,000\n" in text


def test_the_table_says_what_was_measured_differently() -> None:
    """A peer that polls at full load; as many connections as there could be, how many those were."""
    result = echo_result(aiohttp=[10], polls=[6])
    result.ticks["polls"] = FULL_LOAD
    memories = {"aiohttp": [Memory(connections=19_800, bytes_each=2048)]}
    text = table(result, WorkResult(named("idle-max"), memories=memories))
    assert "| polls 0.60 (full load) |" in text
    assert "| 20 | 40 | full load |" in text
    assert "## idle-max: idle connections, as many as open files allow (19,800)" in text


def test_the_table_says_what_was_not_measured_and_why() -> None:
    """A peer that does not install, and one that cannot do a work."""
    result = echo_result(aiohttp=[10])
    result.failures["quick"] = "does not compress"
    text = table(result, unavailable={"gone": "No matching distribution"})
    assert "- gone: No matching distribution" in text
    assert "- quick, echo: does not compress" in text
    assert "aiohttp 3.14" in text


# processes


def test_a_process_s_time_and_memory_are_read_while_it_runs() -> None:
    """This one has worked, and is there."""
    before = cpu_seconds(os.getpid())
    sum(range(1_000_000))
    os.sched_yield()
    assert cpu_seconds(os.getpid()) >= before > 0
    assert resident_bytes(os.getpid()) > 1_000_000


def test_a_server_that_has_ended_is_an_error() -> None:
    """And no figures: the peer is listed with it."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    for read in (cpu_seconds, resident_bytes):
        with pytest.raises(BenchError, match="the server has ended"):
            read(ended.pid)


def test_a_server_that_does_not_start_says_why() -> None:
    """The last line that it printed, at once and not after half a minute."""
    with (
        pytest.raises(BenchError, match="did not listen on its port: this is why"),
        serve(["sh", "-c", "echo this is why; exit 1"], arguments=[], core=CORE, env={}),
    ):
        pass


def test_the_reason_of_a_failed_installation_is_the_error_in_what_was_said() -> None:
    """Warnings may follow it."""
    said = "Collecting gone\nERROR: No matching distribution found for gone\nWARNING: an index is not there\n"
    assert reason_in(said) == "ERROR: No matching distribution found for gone"
    assert reason_in("It went wrong.\n") == "It went wrong."
    assert reason_in("") == "it said nothing"


@pytest.mark.parametrize(
    ("command", "within", "reason"),
    [
        ("no-such-program", 10, "no-such-program is not installed (it needs luck)"),
        (
            "cat no-such-file",
            10,
            "cat no-such-file ... failed (it needs luck): cat: no-such-file: ",
        ),
        ("sleep 60", 0.1, "sleep 60 ... took over 0.1 s"),
    ],
)
def test_a_command_that_cannot_do_its_work_says_what_it_needs(
    command: str, within: float, reason: str
) -> None:
    """It is not there, it fails, or it hangs."""
    with pytest.raises(BenchError) as raised:
        run_command(command.split(), needs="luck", within=within)
    assert str(raised.value).startswith(reason)


def test_a_peer_that_is_not_installed_is_listed_with_the_reason() -> None:
    """And the others are measured."""
    missing = Peer(name="gone", server="gone.py", requirements=("no-such-package-here",))
    floor = Peer(name="floor", server="floor", loop="")
    ready, reasons = prepare([missing, floor], {"floor": Path("floor")}, Path(sys.executable))
    assert [each.peer.name for each in ready] == ["floor"]
    assert reasons == {"gone": "not installed: no-such-package-here"}
