"""One-shot commands against a real server: data on standard output, talk on standard error, the promised exit codes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from secure_chat.client.vault import login_state
from secure_chat.exit_codes import ExitCode
from tests.client.one_shot.shell import Shell
from tests.support.answering import Machine, newcomer
from tests.support.client_people import PASSPHRASE
from tests.support.installation import Installation

pytestmark = pytest.mark.usefixtures("cheap_login_derivations")


@pytest.fixture
def alice(somebody: Callable[[], Shell]) -> Shell:
    return somebody()


def test_what_is_sent_is_acknowledged_and_can_be_read_searched_and_paged(alice: Shell) -> None:
    room = alice.make_room()
    sent = alice.run("send", "-t", f"#{room}", "-m", "the build is green", "--json")
    assert sent.code == ExitCode.OK
    assert sent.objects == [
        {"schema": 1, "type": "accepted", "room": room, "number": 2, "time": sent.objects[0]["time"], "changed": None}
    ]
    assert alice.run("send", "-t", f"#{room}", "--action", "-m", "waves").code == ExitCode.OK

    read = alice.run("history", f"#{room}", "-n", "2", "--json")
    assert [(each["type"], each["number"], each["text"], each["action"]) for each in read.objects] == [
        ("message", 2, "the build is green", False),
        ("message", 3, "waves", True),
    ]
    lines = alice.run("history", room, "--before", "3").output.splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        f"#{room} · {alice.name} joined",
        f"#{room} {alice.name}: the build is green",
    ]
    found = alice.run("search", "green", f"in:#{room}", f"from:{alice.name}", "--json")
    assert [each["text"] for each in found.objects] == ["the build is green"]
    assert alice.run("search", "green", "after:2999-01-01", "--json").objects == []


def test_read_prints_what_is_new_once_and_since_a_number_or_a_time_what_is_wanted(alice: Shell) -> None:
    room = alice.make_room()
    for text in ("one", "two", "three"):
        alice.run("send", "-t", f"#{room}", "-m", text)
    texts = [each.get("text") for each in alice.run("read", "-t", f"#{room}", "--json").objects]
    assert texts[-3:] == ["one", "two", "three"]
    assert alice.run("read", "-t", f"#{room}", "--json").objects == []
    again = alice.run("read", "-t", f"#{room}", "--since", "3", "--json")
    assert [each["number"] for each in again.objects] == [3, 4]
    lately = alice.run("read", "-t", f"#{room}", "--since", "2h", "--json")
    assert [each["number"] for each in lately.objects] == [1, 2, 3, 4]
    assert alice.run("read", "-t", f"#{room}", "--since", "yesterday").code == ExitCode.USAGE
    assert alice.run("read", "--since", "3").code == ExitCode.USAGE


def test_standard_input_is_one_message_or_one_for_each_line(alice: Shell) -> None:
    room = alice.make_room()
    alice.run("send", "-t", f"#{room}", typed="first line\nsecond line ä\n".encode())
    alice.run("send", "-t", f"#{room}", "--lines", "-m", "-", typed=b"a\n\nb\n")
    texts = [each.get("text") for each in alice.run("history", room, "-n", "3", "--json").objects]
    assert texts == ["first line\nsecond line ä", "a", "b"]
    shown = alice.run("history", room, "-n", "3").output
    assert "first line\n    second line ä\n" in shown
    assert alice.run("send", "-t", f"#{room}", typed=b"\n").code == ExitCode.USAGE
    assert alice.run("send", "-t", f"#{room}", typed=b"\xff").code == ExitCode.USAGE
    too_long = alice.run("send", "-t", f"#{room}", "-m", "x" * 9312)
    assert too_long.code == ExitCode.USAGE
    assert "9,312 bytes, the limit is 8,192. Nothing was sent." in too_long.errors


def test_sending_into_several_rooms_says_when_only_some_took_it(alice: Shell) -> None:
    room = alice.make_room()
    partly = alice.run("send", "-t", f"#{room}", "-t", "#not-mine", "-m", "hello", "--json")
    assert partly.code == ExitCode.PARTLY_SENT
    assert [each["type"] for each in partly.objects] == ["accepted", "refused"]
    refused = alice.run("send", "-t", "#not-mine", "-m", "hello")
    assert refused.code == ExitCode.NOT_FOUND
    assert refused.output == ""


def test_rooms_users_and_status_are_listed(alice: Shell) -> None:
    room = alice.make_room()
    rooms = alice.run("rooms", room, "--json")
    assert rooms.objects == [{"schema": 1, "type": "room", "room": room, "topic": "", "members": 1, "joined": True}]
    assert alice.run("rooms", room).output == f"* #{room}\t1\n"
    users = alice.run("users", "--json")
    assert {"name": alice.name, "online": True, "role": "member", "schema": 1, "type": "person"} in users.objects
    members = alice.run("users", "--room", f"#{room}")
    assert members.output.split("\t")[::2] == [alice.name, "member\n"]
    status = alice.run("status", "--json").objects[0]
    assert (status["name"], status["tls"], status["rooms"]) == (alice.name, "TLS 1.3", sorted(["lobby", room]))
    assert "authority" in alice.run("status").output


def test_the_profile_is_named_on_standard_error_unless_it_was_chosen(alice: Shell) -> None:
    unasked = alice.run("rooms")
    assert unasked.errors == f"Profile {alice.machine.profiles.choose().title}.\n"
    assert alice.run("rooms", "--profile", alice.name).errors == ""
    assert alice.run("rooms", "-q").errors == ""
    nobody = alice.run("rooms", "--profile", "nobody-here")
    assert nobody.code == ExitCode.NOT_FOUND
    assert "profile.unknown" in nobody.errors


def test_a_passphrase_file_that_others_can_read_or_that_is_wrong_is_refused(alice: Shell) -> None:
    alice.passphrase_file.chmod(0o640)
    exposed = alice.run("rooms")
    assert exposed.code == ExitCode.USAGE
    assert "Others can read or change" in exposed.errors
    assert "chmod 600" in exposed.errors
    alice.passphrase_file.chmod(0o600)
    alice.passphrase_file.write_text("not this one\n", encoding="utf-8")
    wrong = alice.run("rooms", "--json")
    assert wrong.code == ExitCode.PERMISSION
    assert wrong.objects[-1]["code"] == "vault.passphrase"


def test_a_profile_that_is_open_elsewhere_is_busy_at_once(alice: Shell) -> None:
    with alice.client():
        busy = alice.run("rooms")
    assert busy.code == ExitCode.PROFILE_BUSY
    assert "profile.busy" in busy.errors


def test_after_logging_out_the_next_command_logs_in_with_the_passphrase(alice: Shell) -> None:
    assert alice.run("logout").code == ExitCode.OK
    with alice.machine.profiles.choose().acquire() as locked, locked.unlock(PASSPHRASE) as vault:
        assert login_state.resume_tokens(vault).current is None
    assert alice.run("rooms").code == ExitCode.OK
    with alice.machine.profiles.choose().acquire() as locked, locked.unlock(PASSPHRASE) as vault:
        assert login_state.resume_tokens(vault).current is not None


def test_the_settings_in_force_are_shown_with_their_origin(alice: Shell) -> None:
    shown = alice.run("config", "show", "--origin").output.splitlines()
    assert f"data = {alice.machine.home}\t(--data)" in shown
    assert "retry_first_seconds = 1\t(default)" in shown
    records = alice.run("config", "show", "--json").objects
    assert {"schema": 1, "type": "setting", "name": "color", "value": "auto", "origin": "default"} in records


def test_the_line_client_speaks_no_json(alice: Shell) -> None:
    refused = alice.run("--json")
    assert refused.code == ExitCode.USAGE
    assert "--json needs a command" in refused.errors


def test_login_says_who_one_is(alice: Shell) -> None:
    done = alice.run("login", "--json")
    assert done.code == ExitCode.OK
    assert (done.objects[0]["type"], done.objects[0]["name"], done.objects[0]["rooms"]) == (
        "logged_in",
        alice.name,
        ["lobby"],
    )
    assert alice.run("login", alice.machine.recovery_link).errors.endswith(
        f"Logged in as {alice.name}. Rooms: #lobby\n"
    )


def test_the_passphrase_is_changed_by_two_files(alice: Shell, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_text("a new passphrase\n", encoding="utf-8")
    assert alice.run("passwd", "--new-passphrase-file", str(new)).code == ExitCode.OK
    assert alice.run("rooms").code == ExitCode.PERMISSION
    alice.passphrase_file.write_text("a new passphrase\n", encoding="utf-8")
    assert alice.run("rooms").code == ExitCode.OK


def test_a_server_that_is_not_there_is_said_with_exit_code_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installation, machine = Installation(tmp_path / "gone"), Machine(tmp_path / "gone-data")
    token = installation.invite()
    with installation.start():
        machine.joining(installation.link(token), newcomer("olga")).run().vault.close()
    person = Shell("olga", machine, tmp_path, capsys)
    gone = person.run("rooms", "--json")
    assert gone.code == ExitCode.NETWORK
    assert gone.objects[-1]["code"] == "net.refused"
    assert "Nothing answers at" in gone.errors
