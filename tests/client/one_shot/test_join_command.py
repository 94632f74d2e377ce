"""`join` and `login` as processes: answers from lines, the recovery key on standard output, impostors refused."""

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.pins import log_pin
from secure_chat.e2ee.recovery_kit import parse_recovery_key
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.commands import AnyCommand, InviteQuery
from secure_chat.protocol.events import Failure, Said
from secure_chat.protocol.link import InviterPart, Link, parse_link
from tests.certificates.impostors import Issuer, write
from tests.support.client_people import TestClient, vault_of
from tests.support.command import home
from tests.support.installation import HOST, Installation
from tests.support.scripted_server import ScriptedServer
from tests.support.terminal import CLIENT, PersonAtTerminal

LOG_KEY = bytes(range(32))


def client(person: PersonAtTerminal, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """A command without the passphrase at hand and without a terminal."""
    return subprocess.run(
        [*CLIENT, *arguments],
        input=typed,
        env=home(person.home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        start_new_session=True,
    )


@pytest.fixture
def person(tmp_path: Path) -> PersonAtTerminal:
    return PersonAtTerminal(tmp_path, "alice")


def kept(person: PersonAtTerminal) -> list[Path]:
    return [path for path in person.home.rglob("*") if path.is_file() and path.name not in ("passphrase", "lock")]


def test_a_script_joins_by_lines_recovers_elsewhere_and_logs_in(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "server")
    token = installation.invite()
    alice, elsewhere = PersonAtTerminal(tmp_path, "alice"), PersonAtTerminal(tmp_path, "alice-elsewhere")
    lines = f"alice\n{alice.passphrase}\n{alice.passphrase}\n"
    with installation.start():
        joined = client(alice, "join", typed=f"{installation.link(token)}\n{lines}")
        assert joined.returncode == ExitCode.OK, joined.stderr
        key, link = (line.rpartition(": ")[2] for line in joined.stdout.splitlines())
        parse_recovery_key(key)
        assert parse_link(link).token == b""
        assert joined.stderr.splitlines() == [
            "Server certificate matches the invite.",
            "Your keys were made on this device.",
            "Joined as alice. Rooms: #lobby",
        ]
        assert alice.passphrase not in joined.stdout + joined.stderr

        again = client(alice, "login", typed=f"alice\n{alice.passphrase}\n")
        assert again.returncode == ExitCode.OK, again.stderr
        assert "Logged in as alice. Rooms: #lobby" in again.stderr

        stranger = client(elsewhere, "login", link, typed=f"alice\n{alice.passphrase}\n")
        assert stranger.returncode == ExitCode.PERMISSION
        assert "[device.elsewhere]" in stranger.stderr
        assert "secure-chat login --recovery" in stranger.stderr

        recovered = client(
            elsewhere, "login", "--recovery", "--json", typed=f"{link}\nalice\n{alice.passphrase}\n{key}\n"
        )
        assert recovered.returncode == ExitCode.OK, recovered.stderr
        record = json.loads(recovered.stdout)
        assert (record["type"], record["name"], record["recovery_key"]) == ("joined_server", "alice", "")
        assert client(alice, "login", typed=f"alice\n{alice.passphrase}\n").returncode == ExitCode.PERMISSION


def test_without_terminal_file_and_keyring_the_ways_are_named(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "server")
    alice = PersonAtTerminal(tmp_path, "alice")
    token = installation.invite()
    with installation.start():
        alice.join(installation.link(token))
        mute = client(alice, "rooms")
    assert mute.returncode == ExitCode.USAGE
    assert "--passphrase-file PATH" in mute.stderr


def test_answers_that_end_too_soon_are_named_and_leave_nothing(tmp_path: Path) -> None:
    installation, alice = Installation(tmp_path / "server"), PersonAtTerminal(tmp_path, "alice")
    token = installation.invite()
    with installation.start():
        short = client(alice, "join", installation.link(token), typed="alice\n")
    assert short.returncode == ExitCode.USAGE
    assert "expected: Passphrase" in short.stderr
    assert kept(alice) == []


# --- servers that are not the one of the invite --------------------------------------------------


@pytest.mark.negative(56)
@pytest.mark.parametrize(
    ("impostor", "text", "code"),
    [
        ("another authority", "This is not the server of your invite", "tls.pin"),
        ("another name", f"The server's certificate is not for {HOST}, the name you asked for.", "tls.name"),
        ("ended", "The server's certificate has ended or has not begun by your clock", "tls.time"),
        ("another key log", "not the key log of your invite", "tls.pin"),
    ],
)
@pytest.mark.negative(56)
def test_another_server_under_the_same_invite_ends_join_with_exit_code_four_and_was_sent_nothing(
    impostor: str, text: str, code: str, tmp_path: Path, person: PersonAtTerminal
) -> None:
    real = Issuer.make()
    issuer = Issuer.make() if impostor == "another authority" else real
    names = ("team.example.org",) if impostor == "another name" else (HOST,)
    now = datetime.now(UTC) - (timedelta(days=30) if impostor == "ended" else timedelta())
    certificate, key = issuer.issue(*names, now=now)
    files = write(tmp_path, key, certificate, issuer.certificate)
    expected = log_pin(bytes(32) if impostor == "another key log" else LOG_KEY)
    with ScriptedServer(server_context(files.certificate, files.key), LOG_KEY) as server:
        link = Link(HOST, server.port, real.public_key, expected, bytes(range(16)))
        typed = f"{link.format()}\nalice\n{person.passphrase}\n{person.passphrase}\n"
        refused = client(person, "join", typed=typed)
        assert server.ended.wait(60)
    assert refused.returncode == ExitCode.SERVER_IDENTITY
    assert text in refused.stderr
    assert "Nothing was sent." in refused.stderr
    assert f"[{code}]" in refused.stderr
    assert refused.stdout == ""
    assert server.received == b""
    assert kept(person) == []


@pytest.mark.negative(76)
def test_an_invite_by_standard_input_is_in_no_argument_and_in_no_variable(
    tmp_path: Path, person: PersonAtTerminal
) -> None:
    authority = Issuer.make()
    certificate, key = authority.issue(HOST, now=datetime.now(UTC))
    files = write(tmp_path, key, certificate, authority.certificate)
    shown: list[bytes] = []

    def look_and_refuse(command: AnyCommand) -> list[Said | bytes]:
        assert isinstance(command, InviteQuery)
        shown.extend(Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        return [Failure(command.id, "invite.unknown", "No."), b""]

    with ScriptedServer(server_context(files.certificate, files.key), LOG_KEY, look_and_refuse) as server:
        part = InviterPart(bytes(range(100, 116)), bytes(range(50, 66)))
        token = bytes(range(16))
        link = Link(HOST, server.port, authority.public_key, log_pin(LOG_KEY), token, part).format()
        process = subprocess.Popen(
            [*CLIENT, "join"],
            env=home(person.home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        process.communicate(link + "\n", timeout=60)
    assert process.returncode == ExitCode.NOT_FOUND
    arguments, variables = shown
    assert arguments.endswith(b"join\0")
    for part_of_link in link.partition("#")[2].split(".")[1:]:
        assert part_of_link.encode() not in arguments + variables
    assert kept(person) == []


def test_a_link_that_is_none_is_refused_without_repeating_it(person: PersonAtTerminal) -> None:
    refused = client(person, "join", typed="secure-chat://host/j#1.secret-part\n")
    assert refused.returncode == ExitCode.USAGE
    assert "secret-part" not in refused.stderr + refused.stdout


# --- following -----------------------------------------------------------------------------------


def test_read_follows_what_is_being_said_until_ctrl_c(tmp_path: Path) -> None:
    installation, alice = Installation(tmp_path / "server"), PersonAtTerminal(tmp_path, "alice")
    [bob] = installation.seed(["bob"])
    token = installation.invite()
    with installation.start(), TestClient(vault_of(installation, bob, tmp_path / "bob")) as speaker:
        alice.join(installation.link(token))
        command = [*CLIENT, "--passphrase-file", str(alice.passphrase_file), "read", "--follow", "--json"]
        with subprocess.Popen(command, env=home(alice.home), stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout is not None
            said = iter(json.loads(line) for line in following.stdout)
            assert next(each for each in said if each.get("name") == "alice")["change"] == "joined"
            for text in ("one", "two"):
                speaker.core.post("lobby", text)
            spoken = (each for each in said if each["type"] == "message")
            assert [next(spoken)["text"], next(spoken)["text"]] == ["one", "two"]
            following.send_signal(signal.SIGINT)
            assert following.wait(60) == ExitCode.INTERRUPTED
        again = alice.run("read", "--json")
        assert "one" not in again.stdout, "what was followed is read"
