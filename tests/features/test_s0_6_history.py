"""Row S0.6: the server keeps what is said in rooms, with its times, and one can page through all of it."""

import re
import time
from collections.abc import Iterator

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.features.machine import Machine
from tests.features.team import Team, running_team
from tests.support.wire_client import client_id

MESSAGES = 1234  # several pages of the wire, and more than one call of the client
ROOM = "past"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("history"), ["alice", "walter"], [ROOM]) as made:
        yield made


def fill(team: Team) -> tuple[dict[int, str], range]:
    """Say much in the room: number to text, and between which milliseconds that was."""
    texts: dict[int, str] = {}
    began = time.time_ns() // 1_000_000
    with team.wire("walter") as walter:
        requests: list[tuple[int, str]] = []
        for count in range(MESSAGES):
            text = f"this is message {count}"
            requests.append((walter.send(c.RoomPost(walter.next_id(), ROOM, client_id(1, count), text)), text))
        for request, text in requests:
            accepted = walter.reply_to(request)
            assert isinstance(accepted, e.Accepted)
            texts[accepted.number] = text
    return texts, range(began, time.time_ns() // 1_000_000 + 1)


def test_s0_6_history_pages_through_all_of_a_room_with_times(team: Team) -> None:
    texts, when = fill(team)
    head = max(texts)
    machine = team.machine("alice")
    everything = machine.done("history", f"#{ROOM}", "-n", "all", "--json").objects
    assert [event["number"] for event in everything] == list(range(1, head + 1)), "no gap, nothing twice, in order"
    messages = [event for event in everything if event["type"] == "message"]
    assert {event["number"]: event["text"] for event in messages} == texts
    assert all(event["time"] in when for event in messages)
    assert [event["time"] for event in everything] == sorted(event["time"] for event in everything)
    assert backwards(machine, head, 500) == everything
    with machine.at_terminal() as alice:
        alice.expect_text("#lobby >")
        alice.enter(f"/go {ROOM}")
        alice.expect_text(f"you write to #{ROOM}")
        alice.enter("/history 3")
        for number in range(head - 2, head + 1):
            alice.expect(rf" {number}  \d\d:\d\d walter: {texts[number]}\n")
        alice.enter(f"/history 2 --before {head - 700}")
        for number in (head - 702, head - 701):
            alice.expect(rf" {number}  \d\d:\d\d walter: {texts[number]}\n")
        alice.enter("/history all")
        alice.expect(r" 1  \d\d:\d\d · walter joined|alice joined")
        alice.expect(rf" {head}  \d\d:\d\d walter: {texts[head]}\n")
        shown = re.findall(r"^ *(\d+)  \d\d:\d\d ", alice.shown.rpartition("/history all")[2], re.MULTILINE)
        assert [int(number) for number in shown] == list(range(1, head + 1))


def backwards(machine: Machine, head: int, count: int) -> list[dict[str, object]]:
    """The whole room again, the newest page first, joined in order."""
    found: list[dict[str, object]] = []
    before = head + 1
    while before > 1:
        page = machine.done("history", f"#{ROOM}", "-n", str(count), "--before", str(before), "--json").objects
        assert len(page) == min(count, before - 1)
        found = page + found
        before = page[0]["number"]
    return found
