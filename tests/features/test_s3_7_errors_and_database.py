"""Row S3.7: an error says what happened and what to do next; what the server has acknowledged survives its end."""

import copy
import re
import shlex
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from secure_chat.exit_codes import ExitCode
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat_tools.certs.main import main as certs_main
from tests.features.machine import Machine
from tests.features.team import SETTINGS, Team, give_profile, running_team
from tests.support.command import run
from tests.support.installation import HOST, Installation
from tests.support.wire_client import client_id
from tests.tools.calls import Done, Tool

CERTS = Tool("secure-chat-certs", "secure_chat_tools.certs.main", certs_main)
MANY = 300


@dataclass(frozen=True)
class Mistake:
    """What somebody did, and what must be said: sentence, next step and code as people read them, and the number."""

    done: Done
    code: str
    exit_code: ExitCode
    sentence: str
    next_step: str


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("errors"), ["alice", "bob"], ["dev"]) as made:
        yield made


def test_s3_7_an_error_says_what_happened_and_what_to_do(team: Team) -> None:
    for mistake in (*mistakes_of_people(team), *mistakes_of_operators(team)):
        code, stated = mistake.code, f"{mistake.code}: {mistake.done}"
        assert mistake.done.returncode == mistake.exit_code, stated
        lines = mistake.done.stderr.splitlines()
        said = next((number for number, line in enumerate(lines) if line.endswith(f"[{code}]")), None)
        assert said is not None, stated
        assert re.search(mistake.sentence, lines[said]), stated
        assert lines[said + 1 :], f"no next step; {stated}"
        assert re.fullmatch(f"  .*{mistake.next_step}.*", lines[said + 1]), stated
        assert "Traceback" not in mistake.done.stderr, stated
    (error,) = team.machine("alice").call("--json", "history", "#devv").objects
    assert (error["code"], error["sentence"]) == ("room.unknown", "There is no room #devv. Did you mean #dev?")
    assert error["next_step"] == "secure-chat rooms"
    what_is_next_can_be_typed(team)
    at_the_prompt_nothing_is_lost(team)


def mistakes_of_people(team: Team) -> Iterator[Mistake]:
    """At a shell, as a person or a script."""
    alice = team.machine("alice")
    yield Mistake(
        alice.call("send", "-t", "#dev", "-m", "x" * 9000),
        "message.too_long",
        ExitCode.USAGE,
        r"9,000 bytes, the limit is 8,192\. Nothing was sent\.",
        "shorten it or send it in two parts",
    )
    yield Mistake(
        alice.call("history", "#devv"),
        "room.unknown",
        ExitCode.NOT_FOUND,
        r"There is no room #devv\. Did you mean #dev\?",
        "secure-chat rooms",
    )
    yield Mistake(
        alice.call("--profile", "nobody", "rooms"), "profile.unknown", ExitCode.NOT_FOUND, "called nobody", "alice@"
    )
    yield Mistake(alice.call("sned"), "usage.invalid", ExitCode.USAGE, "'sned'", "secure-chat --help")
    newcomer = team.empty_machine("newcomer")
    yield Mistake(
        newcomer.call("rooms"),
        "profile.unknown",
        ExitCode.NOT_FOUND,
        "no profile on this machine",
        "secure-chat join LINK, or with an account already: secure-chat login --recovery LINK",
    )
    yield Mistake(
        newcomer.join("secure-chat://cut", "bob"), "link.invalid", ExitCode.USAGE, "cut off", "the whole line"
    )
    with socket.socket() as nobody_listens:
        nobody_listens.bind((HOST, 0))
        elsewhere = copy.copy(team.installation)
        elsewhere.port = nobody_listens.getsockname()[1]
        bob = Machine(team.directory / "bob-elsewhere")
        give_profile(elsewhere, team.installation.people["bob"], bob)
        yield Mistake(
            bob.call("rooms"), "net.refused", ExitCode.NETWORK, "Nothing answers at", "secure-chat-server status"
        )


def mistakes_of_operators(team: Team) -> Iterator[Mistake]:
    """At the server."""
    wrong = team.directory / "wrong.toml"
    wrong.write_text("\n\nprot = 1\n", encoding="utf-8")
    wrong.chmod(0o600)
    checked = run(team.directory, "check-config", "--config", str(wrong))
    yield Mistake(
        Done(checked.returncode, checked.stdout, checked.stderr),
        "config.unknown",
        ExitCode.USAGE,
        r"wrong\.toml line 3: unknown key `prot`, did you mean `listen\.port`\?",
        str(wrong),
    )
    second = run(team.directory, "run", "--config", str(team.installation.settings_file))
    yield Mistake(
        Done(second.returncode, second.stdout, second.stderr),
        "storage.locked",
        ExitCode.RATE_LIMITED,
        "Another process works on",
        "secure-chat-server status",
    )
    yield Mistake(
        CERTS.run_process(team.directory, "--dir", "nowhere", "verify"),
        "certificate.not_found",
        ExitCode.NOT_FOUND,
        "no authority in nowhere",
        "secure-chat-certs --dir nowhere init",
    )


def what_is_next_can_be_typed(team: Team) -> None:
    """The command that an error names is pasted as it stands, and what failed does not fail that way any more."""
    failed = CERTS.run(team.directory, "--dir", "elsewhere", "verify")
    program, *arguments = next_command(failed.stderr)
    assert Path(program).name == CERTS.program
    assert CERTS.run(team.directory, *arguments).returncode == ExitCode.OK
    assert "[certificate.not_found]" not in CERTS.run(team.directory, "--dir", "elsewhere", "show").stderr
    second = run(team.directory, "run", "--config", str(team.installation.settings_file))
    program, *arguments = next_command(second.stderr)
    assert Path(program).name == "secure-chat-server"
    status = run(team.directory, *arguments)
    assert (status.returncode, "pid" in status.stdout) == (ExitCode.OK, True), status


def next_command(stderr: str) -> list[str]:
    """The words of the command after "do this:" in the line below an error."""
    return shlex.split(stderr.splitlines()[1].partition(": ")[2])


def at_the_prompt_nothing_is_lost(team: Team) -> None:
    """A slip of the finger is said, and comes back to the prompt instead of going out."""
    with team.machine("alice").at_terminal() as alice:
        alice.expect_text("#lobby >")
        alice.enter("/jion dev")
        alice.expect(r"! Unknown command /jion, did you mean /join\? Nothing was sent\.[^!]*\[usage\.command_unknown\]")
        alice.expect_text("#lobby > /jion dev")
        alice.type("\x15")  # an empty prompt again
        alice.enter("/quit")
        assert alice.end() == ExitCode.OK


def test_s3_7_what_was_said_is_there_after_a_restart(tmp_path: Path) -> None:
    installation = Installation(tmp_path, SETTINGS)
    installation.seed(["alice", "bob"], ["dev"])
    with installation.start() as server:
        numbers = say_many(installation)
        with installation.connect_as("bob") as bob:
            assert isinstance(bob.ask(c.RoomTopic(bob.next_id(), "dev", client_id(2, 1), "tides")), e.Accepted)
            assert isinstance(bob.ask(c.RoomCreate(bob.next_id(), "made-before")), e.RoomOpened)
        server.kill()  # at once, with everything acknowledged
    with closing(sqlite3.connect(installation.data / "secure-chat.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with installation.start():
        with installation.connect_as("alice") as alice:
            head = alice.open("dev").head
            kept = [event for event in alice.pages("dev", 1, head) if isinstance(event, e.Message)]
            assert {event.number: event.text for event in kept} == numbers
            assert alice.post("dev", "and it goes on", client_id(1, MANY)).number == head + 1
        with installation.connect_as("bob") as bob:
            assert bob.open("made-before").head
            assert bob.open("dev").topic == "tides"
        machine = Machine(tmp_path / "home-of-bob")
        give_profile(installation, installation.people["bob"], machine)
        lines = machine.done("history", "#dev", "-n", "all").stdout.splitlines()
        said = [line.partition("alice: ")[2] for line in lines if "alice: " in line]
        assert said == [*numbers.values(), "and it goes on"]


def say_many(installation: Installation) -> dict[int, str]:
    """Say many things in #dev; the text of each under the number that the server has acknowledged."""
    with installation.connect_as("alice") as alice:
        posts = [c.RoomPost(alice.next_id(), "dev", client_id(1, count), f"number {count}") for count in range(MANY)]
        for post in posts:
            alice.send(post)
        numbers: dict[int, str] = {}
        for post in posts:
            accepted = alice.reply_to(post.id)
            assert isinstance(accepted, e.Accepted)
            numbers[accepted.number] = post.text
    return numbers
