"""Row S2.6: people talk in line clients, each in a terminal of their own."""

from pathlib import Path

from tests.features.team import running_team


def test_s2_6_two_people_talk_in_two_terminals(tmp_path: Path) -> None:
    with (
        running_team(tmp_path, ["alice", "bob"]) as team,
        team.machine("alice").at_terminal() as alice,
        team.machine("bob").at_terminal() as bob,
    ):
        for terminal in (alice, bob):
            terminal.expect_text("#lobby >")
        alice.enter("is anybody here?")
        bob.expect(r"\d\d:\d\d #lobby alice: is anybody here\?")
        bob.enter("I am, @alice")
        alice.expect(r"\d\d:\d\d #lobby bob: I am, @alice")
        bob.enter("/me waves")
        alice.expect(r"\d\d:\d\d #lobby \* bob waves")
        alice.enter("//quit is how one leaves")
        for terminal in (alice, bob):
            terminal.expect_text("#lobby alice: /quit is how one leaves")
        for terminal in (alice, bob):
            # Each line once, the own ones too: they are shown when the server has them.
            assert terminal.shown.count("alice: is anybody here?") == 1
            terminal.enter("/quit")
            assert terminal.end() == 0
