"""What a person does the day after the first conversation: reads on by a pipe, changes the passphrase."""

import shlex
import subprocess
from collections.abc import Iterator

import pytest

from secure_chat.exit_codes import ExitCode
from tests.features.machine import CLIENT, PASSPHRASE
from tests.features.team import Team, running_team
from tests.support.command import PATIENCE_SECONDS

NEW_PASSPHRASE = "another horse"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("next-day"), ["alice"]) as made:
        yield made


def test_whoever_has_seen_enough_of_the_output_is_not_complained_to(team: Team) -> None:
    alice = team.machine("alice")
    done = subprocess.run(
        ["sh", "-c", f"yes hello | head -n 100 | {shlex.join(CLIENT)} --profile alice | head -n 1"],
        cwd=alice.home,
        env=alice.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    address = f"127.0.0.1:{team.installation.port}"
    assert done.stdout == f"* connected to {address}, TLS 1.3, certificate as invited\n"
    assert done.stderr == ""


def test_a_changed_passphrase_is_the_one_that_opens_the_profile(team: Team) -> None:
    machine = team.empty_machine("bob")
    joined = machine.join(team.invite(), "bob")
    assert joined.returncode == ExitCode.OK, joined.stderr
    asked = f"Passphrase of bob@127.0.0.1:{team.installation.port}:"
    with machine.at_terminal("--profile", "bob", at_hand=False) as bob:
        bob.expect_text(asked)
        bob.enter(PASSPHRASE)
        bob.expect_text("#lobby >")
        bob.enter("/passwd")
        for prompt, typed in (
            ("Passphrase until now:", PASSPHRASE),
            ("New passphrase:", NEW_PASSPHRASE),
            ("New passphrase again:", NEW_PASSPHRASE),
        ):
            bob.expect_text(prompt)
            bob.enter(typed)
        bob.expect_text("* the passphrase is changed; your other devices must log in anew")
        bob.enter("/quit")
        assert bob.end() == ExitCode.OK
        assert "horse" not in bob.shown
    with machine.at_terminal("--profile", "bob", at_hand=False) as bob:
        bob.expect_text(asked)
        bob.enter(PASSPHRASE)
        bob.expect_text("does not open")
        bob.enter(NEW_PASSPHRASE)
        bob.expect_text("#lobby >")
        bob.type("\x04")
        assert bob.end() == ExitCode.OK
