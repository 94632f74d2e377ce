"""Row S0.4: what somebody types goes to everyone else in the room as `name: text`, at once, under the true name."""

import re
from collections.abc import Iterator

import msgspec
import pytest
from wcwidth import wcwidth

from secure_chat.protocol import events as e
from secure_chat.protocol.frames import frame
from secure_chat.protocol.link import parse_link
from tests.features.team import Team, running_team
from tests.support.people import TestPerson, make_person
from tests.support.pseudo_terminal import TerminalProcess
from tests.support.wire_client import RefusedByServer, client_id

COLUMNS = 80
FORGED = "10:02 #forged bob: I resign"
# Each would look like a line of bob's on a screen that shows it as it comes.
FORGERIES = [
    f"hello\n{FORGED}",
    f"hello\r\n{FORGED}",
    f"hello\r{FORGED}",
    f"hello\u2028{FORGED}",
    f"hello\x0b{FORGED}",
    f"hello\x85{FORGED}",
    f"\x1b[2K\r{FORGED}",
    f"\x1b[1A\x1b[2K{FORGED}\n",
    f"\x9b2K\x9b1G{FORGED}",
    "\b" * 60 + FORGED,
    "hello" + " " * 3 * COLUMNS + FORGED,
    "hello" + "\u3000" * 2 * COLUMNS + FORGED,
    "hello" + "\u2800" * 3 * COLUMNS + FORGED,
    *("hello" + " " * number + FORGED for number in range(COLUMNS)),  # one of them ends where a row does
]
OF_BOB = re.compile(r"( {0,4}\d+  )?([\d-]+ )?(\d\d:\d\d )?(#forged )?(\d+  )?([\d-]+ )?(\d\d:\d\d )?bob:")
CYRILLIC_ACE = "\u0430\u0441\u0435"  # to the eye the same as "ace"
NOT_NAMES = ["Ace", "ac\u200be", "ace\u2060", "\u0430ce"]  # another case, something invisible, letters of two scripts
LAST = "that was all"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    names = ["alice", "bob", "carol", "reader", "walter", "mallory", "ace"]
    with running_team(tmp_path_factory.mktemp("talking"), names, ["forged"]) as made:
        yield made


def test_s0_4_what_is_typed_reaches_everyone_else_as_name_and_text(team: Team) -> None:
    with (
        team.machine("alice").at_terminal() as alice,
        team.machine("bob").at_terminal() as bob,
        team.machine("reader").at_terminal("read", "--follow", "-t", "#lobby") as reader,
        team.wire("walter") as walter,
    ):
        walter.open("lobby")
        for person in (alice, bob):
            person.expect_text("#lobby >")
        alice.enter("the tide is out")
        bob.expect(r"\d\d:\d\d #lobby alice: the tide is out\n")
        message = walter.wait_for(e.Message)
        assert (message.sender, message.text) == ("alice", "the tide is out")
        reader.expect(r"\d\d:\d\d #lobby alice: the tide is out\n")
        bob.enter("/me looks")
        alice.expect(r"\d\d:\d\d #lobby \* bob looks\n")
        walter.post("lobby", "it comes back at nine", client_id(1, 1))
        for person in (alice, bob, reader):
            person.expect(r"\d\d:\d\d #lobby walter: it comes back at nine\n")


def test_s0_4_not_a_name_that_the_sender_can_forge(team: Team) -> None:
    refuse_a_sender_of_ones_own_choice(team)
    refuse_a_name_that_looks_like_anothers(team)
    with team.wire("mallory") as mallory, team.machine("carol").at_terminal(columns=COLUMNS) as carol:
        carol.expect_text("#lobby >")
        for count, text in enumerate(FORGERIES):
            mallory.post("forged", text, client_id(2, count))
        mallory.post("forged", LAST, client_id(2, 1000))
        carol.expect_text(LAST)
        carol.enter("/go forged")
        carol.enter("/history all")
        carol.expect_text(LAST)
        shown = {"the line client": rows(carol)}
    machine = team.machine("carol")
    with machine.at_terminal(columns=COLUMNS, term="dumb") as carol:
        carol.expect_text("you are carol")
        carol.enter("/go forged")
        carol.enter("/history all")
        carol.expect_text(LAST)
        shown["the line client without escapes"] = rows(carol)
    for command in (
        ("read", "-t", "#forged", "--since", "1"),
        ("history", "#forged", "-n", "all"),
        ("search", "resign", "-n", "all"),
    ):
        shown[command[0]] = machine.done(*command).stdout.split("\n")
        with machine.at_terminal(*command, columns=COLUMNS) as terminal:
            assert terminal.end() == 0
            shown[f"{command[0]} at a terminal"] = rows(terminal)
    assert OF_BOB.match(FORGED)
    for where, found in shown.items():
        assert any("I resign" in row for row in found), f"{where} has shown nothing"
        assert not [row for row in found if OF_BOB.match(row)], where


def refuse_a_sender_of_ones_own_choice(team: Team) -> None:
    """Name, number and time are the server's alone: a request that names one is none."""
    for field, value in {"sender": "bob", "name": "bob", "number": 1, "time": 1}.items():
        with team.wire("mallory") as mallory:
            post = {"type": "room.post", "id": 7, "room": "forged", "client_id": client_id(1, 1), "text": FORGED}
            mallory.tls.sendall(frame(msgspec.msgpack.encode(post | {field: value})))
            mallory.wait_until_closed()
            assert "command.invalid" in [said.code for said in mallory.said if isinstance(said, e.Failure)]
    with team.wire("walter") as walter:
        own = walter.post("forged", "my own words", client_id(1, 2)).number
        said = [event for event in walter.pages("forged", 1, own) if isinstance(event, e.Message)]
    assert [(message.sender, message.text) for message in said] == [("walter", "my own words")]


def refuse_a_name_that_looks_like_anothers(team: Team) -> None:
    """Nobody can take a name that an eye takes for the name of somebody else."""
    assert code_of_registering(team, make_person(CYRILLIC_ACE)) == "name.taken"
    for name in NOT_NAMES:
        person = make_person("somebody")
        person.name = name
        assert code_of_registering(team, person) == "name.invalid", name


def code_of_registering(team: Team, person: TestPerson) -> str:
    """With which code a registration is refused."""
    token = parse_link(team.invite()).token
    with team.installation.connect() as client, pytest.raises(RefusedByServer) as refused:
        client.register(person, token)
    return refused.value.failure.code


def rows(terminal: TerminalProcess) -> list[str]:
    """What stands in the rows of a terminal, which goes on in the next one where one is full."""
    found: list[str] = []
    for stroke in terminal.strokes:
        found.append("")
        column = 0
        for character in stroke:
            column += (width := max(0, wcwidth(character)))
            if column > COLUMNS:
                found.append("")
                column = width
            found[-1] += character
    return found
