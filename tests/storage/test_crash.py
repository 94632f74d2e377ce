"""What was acknowledged is there after the process was killed in the midst of it: once, in order, without gaps."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from secure_chat.protocol.events import Message
from secure_chat.storage.entries import CreateRoom
from tests.storage.opened import Opened

PEOPLE = 3
ROOMS = ("lobby", "dev")
PATIENCE_SECONDS = 60.0

# Commits without end and says after each commit what was acknowledged, on one line: "room number text".
CHILD = """
import sys, itertools, time
from pathlib import Path
from secure_chat.storage.entries import PostMessage
from secure_chat.storage.store import Store
now = int(time.time() * 1000)
store = Store.open(Path(sys.argv[1]), now_ms=now)
accounts = [int(word) for word in sys.argv[2].split(",")]
rooms = sys.argv[3].split(",")
run = bytes.fromhex(sys.argv[4])
sys.stdout.write("ready\\n"); sys.stdout.flush()
for round in itertools.count():
    batch = []
    for index in range(1 + round * 7 % 23):
        number = round * 100 + index
        batch.append(PostMessage(accounts[number % len(accounts)], 1, rooms[number % len(rooms)],
                                 run + number.to_bytes(8, "big"), "text %d" % number))
    outcomes = store.commit(batch, now).outcomes
    store.maintain(now, idle=round % 5 == 0)
    for entry, outcome in zip(batch, outcomes):
        sys.stdout.write("%s %d %s\\n" % (outcome.room, outcome.number, entry.text))
    sys.stdout.flush()
"""


def kill_after(lines: int, directory: Path, accounts: list[int]) -> list[str]:
    """Run the child, kill it once it has acknowledged this much; tell what it had acknowledged."""
    arguments = [str(directory), ",".join(map(str, accounts)), ",".join(ROOMS), os.urandom(8).hex()]
    with subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        acknowledged = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        acknowledged += child.stdout.readlines()
        child.wait(PATIENCE_SECONDS)
    return [line for line in acknowledged if line.endswith("\n")]


def survives(opened: Opened, rounds: int) -> None:
    people = [opened.register(name) for name in ("alice", "bob", "carol")[:PEOPLE]]
    opened.commit(CreateRoom(None, "dev"))
    for person in people:
        opened.join(person, "dev")
    acknowledged: list[str] = []
    for round_number in range(rounds):
        opened.store.close()
        acknowledged += kill_after(40 + 137 * round_number % 400, opened.directory, [each.account for each in people])
        opened.open()
    stored: list[str] = []
    for room in ROOMS:
        events = opened.events(room)
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        stored += [f"{room} {event.number} {event.text}\n" for event in events if isinstance(event, Message)]
    assert len(acknowledged) == len(set(acknowledged))
    missing = set(acknowledged) - set(stored)
    assert not missing


def test_a_killed_process_loses_nothing_that_it_acknowledged(opened: Opened) -> None:
    survives(opened, 3)


@pytest.mark.long
def test_many_killed_processes_lose_nothing_that_they_acknowledged(opened: Opened) -> None:
    survives(opened, 40)
