"""Row S2.3: two people write each other in two terminals and compare their keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_chat.exit_codes import ExitCode
from tests.features.team import Team, running_team
from tests.support.pseudo_terminal import TerminalProcess

SECRET = "the keys are with the neighbour on the third floor"
VERIFIED = "end-to-end, verified"


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with running_team(tmp_path, ["alice", "bob"]) as running:
        yield running


def compare(terminal: TerminalProcess, name: str) -> str:
    """Look at the number, say that it is the same, and return it."""
    terminal.enter(f"/verify {name}")
    number = terminal.expect(r"(?s)face to face or by voice:\s+((?:\d{5}\s+){12})")[1].split()
    terminal.expect("Are all 12 groups the same")
    terminal.enter("yes")
    terminal.expect(f"{name} is verified by the number that you compared")
    return " ".join(number)


def test_s2_3_a_message_reaches_one_person_whose_key_can_be_compared(team: Team) -> None:
    with team.machine("alice").at_terminal() as alice, team.machine("bob").at_terminal() as bob:
        for terminal in (alice, bob):
            terminal.expect_text("#lobby >")
        alice.enter(f"/msg bob {SECRET}")
        bob.expect_text(f"[alice, end-to-end, unverified] alice: {SECRET}")
        bob.enter("/msg alice")
        bob.expect_text("alice (end-to-end) >")
        bob.enter("I will fetch them")
        alice.expect_text("[bob, end-to-end, unverified] bob: I will fetch them")
        assert compare(alice, "bob") == compare(bob, "alice")
        bob.enter("thank you")
        alice.expect_text(f"[bob, {VERIFIED}] bob: thank you")
        for terminal in (alice, bob):
            terminal.enter("/quit")
            assert terminal.end() == ExitCode.OK
