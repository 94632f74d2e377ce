"""Measure the server and hold the figures against their bars: `make bench`, or one scenario by its name."""

import argparse
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.attack import resume_under_attack
from benchmarks.crowd import Crowd, enter
from benchmarks.end_to_end import measure_encryption
from benchmarks.letters import Correspondent, correspond
from benchmarks.measure import LOAD_CPU, SERVER_CPU, cpu_of, pin, resident_bytes
from benchmarks.waiting_mail import open_waiting_mail
from tests.support.installation import Installation, ServerProcess
from tests.support.terminal import CLIENT, PersonAtTerminal, leave
from tests.support.wire_client import WireClient

TEXT: Final = "hello there, this is a message of one hundred characters, the way people write them in a room of it"
SENDERS: Final = 10
LETTER_WRITERS: Final = 12
ROOM: Final = "bench"
SETTLE_SECONDS: Final = 3.0
STARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `bar` is the most it may be."""

    name: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within its bar."""
        return self.bar is None or self.value <= self.bar


@contextmanager
def server(people: int, rooms: tuple[str, ...] = (ROOM,)) -> Iterator[tuple[Installation, ServerProcess, list[str]]]:
    """A fresh server on its own core with `people` in its database."""
    with tempfile.TemporaryDirectory(prefix="secure-chat-bench-") as directory:
        installation = Installation(Path(directory))
        names = [f"person{index}" for index in range(people)]
        installation.seed(names, rooms)
        with installation.start() as process:
            pin(process.pid, SERVER_CPU)
            yield installation, process, names


def connect_all(stack: ExitStack, installation: Installation, names: list[str]) -> list[WireClient]:
    """Everybody logged in."""
    return [stack.enter_context(installation.connect_as(name)) for name in names]


def fanout(members: int, window: int, seconds: float, bar: float, name: str) -> list[Figure]:
    """CPU of the server for a delivery, ten senders in a closed loop."""
    with server(members) as (installation, process, names), ExitStack() as stack:
        clients = connect_all(stack, installation, names)
        crowd = Crowd(ROOM, TEXT, enter(clients, ROOM, SENDERS), window)
        gc.collect()
        gc.disable()
        try:
            started = time.monotonic()
            with cpu_of(process.pid) as cost:
                deliveries = crowd.talk(seconds)
            wall = time.monotonic() - started
        finally:
            gc.enable()
    return [
        Figure(name, cost.cpu_us / deliveries, "us of CPU a delivery", bar),
        Figure(f"{name}, deliveries", deliveries / wall, "a second of wall time"),
    ]


def relay(window: int, seconds: float, bar: float | None, name: str) -> list[Figure]:
    """CPU of the server for a direct message, accepted, delivered and acknowledged; each sender has his recipient."""
    with server(2 * LETTER_WRITERS) as (installation, process, names), ExitStack() as stack:
        clients = connect_all(stack, installation, names)
        people = [Correspondent(client, installation.people[name]) for client, name in zip(clients, names, strict=True)]
        for writer, recipient in zip(people[:LETTER_WRITERS], people[LETTER_WRITERS:], strict=True):
            writer.writes_to = recipient
        correspond(people, window, 1.0)
        gc.collect()
        gc.disable()
        try:
            before = sum(person.sent for person in people)
            started = time.monotonic()
            with cpu_of(process.pid) as cost:
                relayed = correspond(people, window, seconds) - before
            wall = time.monotonic() - started
        finally:
            gc.enable()
    return [
        Figure(name, cost.cpu_us / relayed, "us of CPU a direct message", bar),
        Figure(f"{name}, messages", relayed / wall, "a second of wall time"),
    ]


def idle(count: int = 2000) -> list[Figure]:
    """Memory of a logged-in connection that does nothing, and the CPU of two thousand of them."""
    with server(count) as (installation, process, names), ExitStack() as stack:
        for client in connect_all(stack, installation, names[:50]):
            client.close()  # what the first logins load is not a connection's
        time.sleep(SETTLE_SECONDS)
        threads, before = process.threads(), resident_bytes(process.pid)
        connect_all(stack, installation, names)
        time.sleep(SETTLE_SECONDS)
        after = resident_bytes(process.pid)
        with cpu_of(process.pid) as cost:
            time.sleep(SETTLE_SECONDS)
        return [
            Figure("idle memory", (after - before) / count / 1024, "KiB a logged-in connection", 31.0),
            Figure("idle CPU", cost.cpu_us / SETTLE_SECONDS / 10_000, f"% of a core for {count} connections"),
            Figure("threads more than without connections", process.threads() - threads, "threads", 0),
        ]


def resume(count: int = 500) -> list[Figure]:
    """CPU of a connection with handshake and resumption by token."""
    with server(count) as (installation, process, names), ExitStack() as stack:
        with cpu_of(process.pid) as cost:
            connect_all(stack, installation, names)
        return [Figure("resume", cost.cpu_us / count, "us of CPU a handshake and resumption")]


def churn(rounds: int = 500, people: int = 64) -> list[Figure]:
    """CPU of coming, opening a room, saying one thing and going."""
    with server(people) as (installation, process, names):
        with cpu_of(process.pid) as cost:
            for count in range(rounds):
                with installation.connect_as(names[count % people]) as client:
                    client.open(ROOM)
                    client.post(ROOM, TEXT, random.randbytes(16))
        return [Figure("churn", cost.cpu_us / rounds, "us of CPU a visit")]


def attack() -> list[Figure]:
    """How long an honest resumption takes while others try to stop it."""
    with server(20) as (installation, process, names):
        calm, attacked = resume_under_attack(installation, process, names)
        return [
            Figure("resume, calm", calm, "s, slowest of twenty"),
            Figure("resume under attack, added", attacked - calm, "s, slowest of twenty", 1.0),
        ]


def encryption() -> list[Figure]:
    """What a direct message and a session cost a client, without its vault."""
    times = measure_encryption()
    return [
        Figure("encrypt and decrypt 256 bytes", times.message, "us on one chain", 90.0),
        Figure("the same by vodozemac", times.vodozemac_message, "us"),
        Figure("times vodozemac's", times.message / times.vodozemac_message, "", 2.5),
        Figure("set-up, both sides", times.setup / 1000, "ms", 1.2),
    ]


def waiting_mail() -> list[Figure]:
    """A client's way of what waited for it, with the vault's commits."""
    return [Figure("open 100 waiting messages", open_waiting_mail() * 1000, "ms with the vault's commits", 100.0)]


def start_times() -> list[Figure]:
    """How long a person waits for the client: for its help, and from the start to the prompt."""
    helps = [seconds_of([*CLIENT, "--help"]) for _ in range(STARTS)]
    prompts = []
    with tempfile.TemporaryDirectory(prefix="secure-chat-bench-") as directory:
        installation = Installation(Path(directory))
        token = installation.invite()
        with installation.start():
            person = PersonAtTerminal(Path(directory), "alice")
            person.join(installation.link(token))
            for _ in range(STARTS):
                started = time.monotonic()
                with closing(person.open_line_client()) as terminal:
                    terminal.expect_exact("#lobby >")
                    prompts.append(time.monotonic() - started)
                    leave(terminal)
    return [
        Figure("secure-chat --help", statistics.median(helps), "s", 0.3),
        Figure("from start to prompt", statistics.median(prompts), "s, two thirds of it the vault's Argon2id", 1.5),
    ]


def seconds_of(command: list[str]) -> float:
    """How long a command takes."""
    started = time.monotonic()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


SCENARIOS: Final[dict[str, Callable[[], list[Figure]]]] = {
    "fanout100": lambda: fanout(100, 4, 8.0, 2.6, "fan-out to 100"),
    "fanout500": lambda: fanout(500, 4, 8.0, 1.6, "fan-out to 500"),
    "fanout1000": lambda: fanout(1000, 4, 8.0, 1.6, "fan-out to 1,000"),
    "flood1000": lambda: fanout(1000, 40, 8.0, 0.6, "flood to 1,000"),
    "dm": lambda: relay(16, 6.0, 60.0, "relay of direct messages"),
    "dm4": lambda: relay(4, 4.0, None, "relay, four under way each"),
    "idle": idle,
    "resume": resume,
    "churn": churn,
    "attack": attack,
    "e2ee": encryption,
    "open100": waiting_mail,
    "start": start_times,
}


def main() -> int:
    """Run what is named, or everything; exit 1 when a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="*", choices=[*SCENARIOS, []], help="by default all of them")
    parser.add_argument("--json", action="store_true", help="one object a line")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(LOAD_CPU, (os.cpu_count() or 1) - 1)})
    failed = False
    for name in arguments.scenario or SCENARIOS:
        for figure in SCENARIOS[name]():
            failed |= not figure.holds
            if arguments.json:
                row = {"schema": 1, "name": figure.name, "value": figure.value, "unit": figure.unit, "bar": figure.bar}
                sys.stdout.write(json.dumps(row) + "\n")
            else:
                bar = "" if figure.bar is None else f"   (at most {figure.bar:g}{'' if figure.holds else ': FAILED'})"
                sys.stdout.write(f"{figure.name:40} {figure.value:12.2f} {figure.unit}{bar}\n")
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
