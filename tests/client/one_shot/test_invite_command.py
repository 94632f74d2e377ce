"""`secure-chat invite` as a process: a link on standard output by which a guest joins; as JSON, and as a code."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.link import parse_link
from tests.support.installation import UNHURRIED, Installation
from tests.support.terminal import PersonAtTerminal


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonAtTerminal]:
    directory = tmp_path_factory.mktemp("invites")
    installation, person = Installation(directory / "server"), PersonAtTerminal(directory, "alice")
    token = installation.invite()
    with installation.start():
        person.join(installation.link(token))
        yield person


def test_the_link_alone_is_on_standard_output_and_a_guest_joins_by_it(alice: PersonAtTerminal, tmp_path: Path) -> None:
    made = alice.run("invite")
    assert made.returncode == ExitCode.OK, made.stderr
    [line] = made.stdout.splitlines()
    assert parse_link(line).inviter is not None
    assert "It works once, until " in made.stderr
    bob = PersonAtTerminal(tmp_path, "bob")
    bob.join(line)


def test_with_json_there_is_one_object_and_with_qr_a_code_beside_it(alice: PersonAtTerminal) -> None:
    made = alice.run("invite", "--json", "--qr")
    record = json.loads(made.stdout)
    assert record["type"] == "invite"
    link = parse_link(record["link"])
    assert link.inviter is not None
    assert record["expires"] > 0
    assert "\u2588" in made.stderr
    assert record["link"] not in made.stderr
    quiet = alice.run("invite", "-q", "--qr")
    assert quiet.stderr == ""


def test_a_server_that_leaves_inviting_to_its_administrators_says_so(tmp_path: Path) -> None:
    settings = UNHURRIED + "[invites]\nby_members = false\n"
    installation, person = Installation(tmp_path / "server", settings), PersonAtTerminal(tmp_path, "carol")
    token = installation.invite()
    with installation.start():
        person.join(installation.link(token))
        refused = person.run("invite")
    assert refused.returncode == ExitCode.PERMISSION
    assert "[permission.denied]" in refused.stderr
    assert refused.stdout == ""
