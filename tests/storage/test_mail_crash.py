"""Direct messages after a kill in the midst of them: what was taken waits once, what was acknowledged is gone."""

import os
import signal
import subprocess
import sys

import pytest

from secure_chat.storage.entries import OutgoingPart, SendDirect
from secure_chat.storage.outcomes import DirectTaken
from tests.storage.letters import acknowledge, waiting_ids
from tests.storage.opened import Member, Opened

PATIENCE_SECONDS = 60.0

# Sends without end from alice to bob, who acknowledges every third one a batch later and the rest with the next. After
# each commit it says what was taken and what was acknowledged: "sent ID" and "gone ID", ids in hexadecimal.
CHILD = """
import sys, itertools, time
from pathlib import Path
from secure_chat.storage.entries import AcknowledgeDirect, OutgoingPart, SendDirect
from secure_chat.storage.store import Store
now = int(time.time() * 1000)
store = Store.open(Path(sys.argv[1]), now_ms=now)
alice, phone, bob, tablet = map(int, sys.argv[2].split(","))
user, run = bytes.fromhex(sys.argv[3]), bytes.fromhex(sys.argv[4])
sys.stdout.write("ready\\n"); sys.stdout.flush()
before, rest = [], []
for round in itertools.count():
    ids = [run + (round * 100 + index).to_bytes(8, "big") for index in range(1 + round * 7 % 23)]
    batch = [SendDirect(alice, phone, user, (OutgoingPart(tablet, each, each * 60),)) for each in ids]
    gone = before[::3] + rest
    rest = [each for each in before if each not in gone]
    if gone:
        batch.append(AcknowledgeDirect(bob, tablet, tuple(gone)))
    outcomes = store.commit(batch, now).outcomes
    store.maintain(now, idle=round % 5 == 0)
    before = [each for each, outcome in zip(ids, outcomes) if type(outcome).__name__ == "DirectTaken"]
    for each in before:
        sys.stdout.write("sent %s\\n" % each.hex())
    for each in gone:
        sys.stdout.write("gone %s\\n" % each.hex())
    sys.stdout.flush()
"""


def kill_after(lines: int, opened: Opened, alice: Member, bob: Member) -> list[str]:
    """Run the child, kill it once it has said this much; tell all that it said."""
    numbers = (alice.account, alice.device, bob.account, bob.device)
    arguments = [",".join(map(str, numbers)), bob.person.user_id.hex(), os.urandom(8).hex()]
    command = [sys.executable, "-c", CHILD, str(opened.directory), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        said = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.readlines()
        child.wait(PATIENCE_SECONDS)
    return [line for line in said if line.endswith("\n")]


def survives(opened: Opened, rounds: int) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    for round_number in range(rounds):
        opened.store.close()
        said = kill_after(40 + 137 * round_number % 300, opened, alice, bob)
        opened.open()
        sent = [bytes.fromhex(line[5:]) for line in said if line.startswith("sent")]
        gone = {bytes.fromhex(line[5:]) for line in said if line.startswith("gone")}

        repeats = [
            SendDirect(alice.account, alice.device, bob.person.user_id, (OutgoingPart(bob.device, each, each * 60),))
            for each in sent
        ]
        committed = opened.commit(*repeats)

        assert all(isinstance(outcome, DirectTaken) for outcome in committed.outcomes)
        assert committed.changes == []  # none of them is taken a second time
        waiting = [each for each in waiting_ids(opened, bob) if each in set(sent)]
        assert len(waiting) == len(set(waiting))
        assert not gone & set(waiting)
        last_batch = set(sent[-46:])  # an acknowledgement that was not said may have been taken
        assert set(sent) - gone - set(waiting) <= last_batch
        assert waiting == sorted(waiting)
        opened.commit(acknowledge(bob, *waiting_ids(opened, bob)))


def test_a_killed_process_neither_loses_nor_doubles_a_message(opened: Opened) -> None:
    survives(opened, 2)


@pytest.mark.long
def test_many_killed_processes_neither_lose_nor_double_a_message(
    opened: Opened,
) -> None:
    survives(opened, 40)
