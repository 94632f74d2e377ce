"""The server is killed at random moments: what it acknowledged is there, once, in one order, unaltered."""

import contextlib
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.support.installation import Installation
from tests.support.wire_client import PATIENCE_SECONDS, WireClient, client_id

SENDERS = [f"sender{index}" for index in range(10)]
ROOMS = [f"room{index}" for index in range(5)]
OUTSTANDING = 4
FEWEST, MOST = 30, 600  # messages acknowledged in a round before the server is killed
LONGEST_AFTER_SECONDS = 0.1  # the kill need not follow an acknowledgement


@dataclass(slots=True)
class Line:
    """A message as its sender knows it."""

    room: str
    client_id: bytes
    text: str
    number: int | None = None  # acknowledged


@dataclass(slots=True)
class Sender:
    """Somebody who always has four messages under way, and repeats after a crash what was not acknowledged."""

    name: str
    run: int
    lines: list[Line] = field(default_factory=list)
    heard: dict[tuple[str, int], str] = field(default_factory=dict)  # (room, number) to text, from live events

    def talk(self, installation: Installation, acknowledged: threading.Semaphore) -> None:
        """Send until the connection breaks; `acknowledged` is released for each message that is."""
        with contextlib.suppress(EOFError, OSError), installation.connect_as(self.name) as client:
            for room in ROOMS:
                client.open(room)
            waiting = {self._send(client, line): line for line in self.lines if line.number is None}
            while True:
                while len(waiting) < OUTSTANDING:
                    line = self._next_line()
                    waiting[self._send(client, line)] = line
                client.pump(10)
                while client.said:
                    if self._take(client.said.popleft(), waiting):
                        acknowledged.release()

    def _next_line(self) -> Line:
        count = len(self.lines)
        line = Line(random.choice(ROOMS), client_id(self.run, count), f"{self.name} says number {count}")
        self.lines.append(line)
        return line

    def _send(self, client: WireClient, line: Line) -> int:
        return client.send(c.RoomPost(client.next_id(), line.room, line.client_id, line.text))

    def _take(self, said: e.AnySaid, waiting: dict[int, Line]) -> bool:
        """Whether it is an acknowledgement."""
        if isinstance(said, e.Accepted):
            line = waiting.pop(said.id)
            assert said.room == line.room
            line.number = said.number
        elif isinstance(said, e.Message):
            self.heard[said.room, said.number] = said.text
        else:
            assert not isinstance(said, e.Failure), said
        return isinstance(said, e.Accepted)


def check(installation: Installation, senders: list[Sender]) -> None:
    """Hold what the senders know against what the server keeps."""
    with installation.connect_as(SENDERS[0]) as reader:
        for room in ROOMS:
            events = list(reader.pages(room, 1, reader.open(room).head))
            assert [event.number for event in events if hasattr(event, "number")] == list(range(1, len(events) + 1))
            kept = {event.number: event for event in events if isinstance(event, e.Message)}
            texts = Counter(event.text for event in kept.values())
            assert [text for text, count in texts.items() if count > 1] == [], "stored twice"
            for sender in senders:
                mine = [line for line in sender.lines if line.room == room]
                for line in mine:
                    if line.number is not None:
                        assert kept[line.number].text == line.text, "acknowledged, but not there or altered"
                        assert kept[line.number].sender == sender.name
                stored = [event.text for event in kept.values() if event.sender == sender.name]
                assert stored == [line.text for line in mine if line.text in texts], "not in the order sent"
                for (heard_room, number), text in sender.heard.items():
                    if heard_room == room:
                        assert kept[number].text == text, "seen by somebody, but lost by the crash"


def kill_again_and_again(directory: Path, rounds: int) -> None:
    installation = Installation(directory)
    installation.seed(SENDERS, ROOMS)
    senders = [Sender(name, run) for run, name in enumerate(SENDERS, start=1)]
    for _ in range(rounds):
        with installation.start() as server:
            check(installation, senders)  # what the round before has left
            acknowledged = threading.Semaphore(0)
            threads = [threading.Thread(target=sender.talk, args=(installation, acknowledged)) for sender in senders]
            for thread in threads:
                thread.start()
            for _ in range(random.randint(FEWEST, MOST)):
                assert acknowledged.acquire(timeout=PATIENCE_SECONDS), "nobody is acknowledged any more"
            threading.Event().wait(random.uniform(0, LONGEST_AFTER_SECONDS))
            server.kill()
            for thread in threads:
                thread.join()
    with installation.start():
        check(installation, senders)


def test_a_killed_server_has_everything_it_acknowledged_once_in_order_unaltered(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=5)


@pytest.mark.long
def test_a_server_killed_twenty_times_has_everything_it_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=20)
