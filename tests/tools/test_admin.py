"""secure-chat-admin while its server is stopped: what it says, asks, refuses and prints."""

import contextlib
import re
import shlex
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pexpect
import pytest

from secure_chat.errors import UsageInvalid
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import INVITE_HOURS, MAX_INVITE_HOURS, MAX_INVITE_ROOMS, MAX_PAGE_ROWS
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.link import Link, parse_link
from secure_chat.protocol.states import Role
from secure_chat.storage.administration import operator_name
from secure_chat.storage.database import DATABASE_NAME
from secure_chat.storage.entries import AnyEntry, CreateInvite
from secure_chat.storage.store import Store
from secure_chat_tools.admin.arguments import PROGRAM, parse
from secure_chat_tools.admin.main import main
from tests.support.installation import Installation
from tests.tools.calls import Done, Tool, objects

ADMIN = Tool(PROGRAM, "secure_chat_tools.admin.main", main)
NOW = 1_800_000_000_000
LINK = re.compile(r"^(?P<program>\S+) join '(?P<link>secure-chat://[^']+)'$")
PORT = 7443  # of a server that is never started

COMMANDS = [
    *([], ["user"], ["user", "list"], ["user", "show"], ["user", "add"], ["user", "disable"], ["user", "enable"]),
    *(["user", "delete"], ["user", "reset"], ["user", "logout"]),
    *(["invite"], ["invite", "create"], ["invite", "list"], ["invite", "revoke"], ["sessions"]),
]


def link_in(done: Done) -> Link:
    """The link of the one command that was printed."""
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    match = LINK.fullmatch(line)
    assert match is not None, line
    assert match["program"].endswith("secure-chat")
    return parse_link(match["link"])


class Stopped:
    """An installation whose server does not run, and its operator."""

    def __init__(self, directory: Path) -> None:
        self.installation = Installation(directory)
        self.installation.port = PORT
        settings = self.installation.settings_file
        settings.write_text(settings.read_text("utf-8").replace("port = 0", f"port = {PORT}"), "utf-8")
        self.installation.seed(["alice", "bob"], ["dev"])
        self.home = directory

    def admin(self, *arguments: str) -> Done:
        return ADMIN.run(self.home, "--config", "secure-chat.toml", *arguments)

    def state_of(self, name: str) -> str:
        (fact,) = self.admin("user", "show", name, "--json").objects
        return str(fact["user"]["state"])

    def commit(self, *entries: AnyEntry) -> None:
        store = Store.open(self.installation.data, now_ms=NOW)
        try:
            store.commit(entries, NOW)
        finally:
            store.close()


@pytest.fixture
def stopped(tmp_path: Path) -> Stopped:
    return Stopped(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    """For calls that change nothing."""
    return Stopped(tmp_path_factory.mktemp("untouched"))


# --- lists and pages -----------------------------------------------------------------------------


def test_accounts_are_listed_with_their_role_and_state_and_nobody_is_online(stopped: Stopped) -> None:
    listed = stopped.admin("user", "list")
    heading, *rows = listed.stdout.splitlines()
    assert heading.split("  ")[0] == "NAME"
    assert [row.split()[:4] for row in rows] == [
        ["alice", "member", "enabled", "no"],
        ["bob", "member", "enabled", "no"],
    ]
    assert listed.stderr == ""
    quiet = stopped.admin("-q", "user", "list").stdout.splitlines()
    assert [row.split() for row in quiet] == [row.split() for row in rows]
    facts = stopped.admin("user", "list", "--json").objects
    assert [(fact["type"], fact["name"], fact["online"]) for fact in facts] == [
        ("user", "alice", False),
        ("user", "bob", False),
    ]


def test_one_account_is_shown_with_its_devices_and_rooms(stopped: Stopped) -> None:
    shown = stopped.admin("user", "show", "Alice")
    person = stopped.installation.people["alice"]
    assert shown.stdout.startswith("alice: member, enabled, not online\n")
    assert "#dev, #lobby" in shown.stdout
    assert f"{person.device.device_id:08x}" in shown.stdout
    (fact,) = stopped.admin("user", "show", "alice", "--json").objects
    assert fact["user_id"] == person.user_id.hex()
    assert [device["device_id"] for device in fact["devices"]] == [f"{person.device.device_id:08x}"]
    assert fact["devices"][0]["last_seen"] is not None


def test_sessions_are_the_devices_that_may_come_back(stopped: Stopped) -> None:
    assert [fact["name"] for fact in stopped.admin("sessions", "--json").objects] == ["alice", "bob"]
    (session, _) = stopped.admin("sessions", "--json").objects
    number = session["device_id"]
    assert f"  {number}  " in stopped.admin("sessions", "-q").stdout  # one way of writing it
    assert number == f"{stopped.installation.people['alice'].device.device_id:08x}"
    assert stopped.admin("user", "logout", "alice", "--yes").returncode == 0
    assert [fact["name"] for fact in stopped.admin("sessions", "--json").objects] == ["bob"]
    nobody = stopped.admin("sessions", "--online")
    assert (nobody.stdout, nobody.stderr) == ("", "  Nobody is logged in.\n")


@pytest.mark.parametrize("action", ["disable", "logout"])
def test_who_is_logged_out_was_seen_all_the_same(stopped: Stopped, action: str) -> None:
    def device() -> dict[str, object]:
        (fact,) = stopped.admin("user", "show", "bob", "--json").objects
        (row,) = fact["devices"]
        return dict(row)

    seen = device()["last_seen"]
    assert seen is not None
    assert stopped.admin("user", action, "bob", "--yes").returncode == 0
    assert (device()["last_seen"], device()["may_resume"]) == (seen, False)
    assert "needs the passphrase, last seen never" not in stopped.admin("user", "show", "bob").stdout


def test_a_logout_of_nobodys_device_says_so(stopped: Stopped) -> None:
    first = stopped.admin("user", "logout", "bob", "--yes")
    assert "  - Every connection ends at once; 1 device cannot come back without the passphrase.\n" in first.stderr
    again = stopped.admin("user", "logout", "bob", "--yes")
    assert "  - No device is logged in.\n" in again.stderr


def test_a_list_that_is_longer_than_a_page_is_listed_whole(stopped: Stopped) -> None:
    count = MAX_PAGE_ROWS + 3
    invites = [CreateInvite(bytes([1]) + n.to_bytes(31, "big"), "join", Role.MEMBER, (), NOW) for n in range(count)]
    stopped.commit(*invites)
    numbers = [fact["invite"] for fact in stopped.admin("invite", "list", "--json").objects]
    assert numbers == list(range(count + 2, 0, -1))  # two by which alice and bob came


def test_what_another_wrote_cannot_speak_to_the_terminal(stopped: Stopped) -> None:
    hostile = "eve\x1b]0;owned\x07\x1b[31m\u202e\n9 open"
    stopped.commit(CreateInvite(bytes(32), "join", Role.MEMBER, (), NOW, made_by=hostile))
    for arguments in (["invite", "list"], ["invite", "list", "--json"]):
        done = stopped.admin(*arguments)
        assert "eve" in done.stdout
        assert not re.search("[\x1b\x07\u202e]", done.stdout + done.stderr)
        assert len(done.stdout.splitlines()) == 3 + ("--json" not in arguments)


# --- links ---------------------------------------------------------------------------------------


def test_an_invite_is_one_line_that_can_be_pasted_and_the_talk_is_apart(stopped: Stopped) -> None:
    done = stopped.admin("invite", "create")
    link = link_in(done)
    installation = stopped.installation
    assert (link.host, link.port, link.authority) == ("127.0.0.1", PORT, installation.authority)
    assert parse_link(installation.link()).address_only() == link.address_only()
    assert "hand it over where nobody else reads it" in done.stderr
    assert "secure-chat-admin --config secure-chat.toml invite revoke 3" in done.stderr
    client, manager = done.stdout.split(" join ")[0], done.stderr.split("before that: ")[1].split(" --config")[0]
    assert manager == f"{client}-admin"  # both by name, or both by the path at which they are
    assert stopped.admin("-q", "invite", "create").stderr == ""


def test_a_second_link_for_a_name_ends_the_first_and_says_so(stopped: Stopped) -> None:
    stopped.admin("user", "add", "carol")
    stopped.admin("user", "add", "dora")
    again = stopped.admin("user", "add", "carol")
    assert "The link that was made for carol before, 3, no longer works." in again.stderr
    states = {fact["invite"]: fact["state"] for fact in stopped.admin("invite", "list", "--json").objects}
    assert [states[number] for number in (3, 4, 5)] == ["revoked", "open", "open"]


def test_a_link_as_json_says_what_it_is_for(stopped: Stopped) -> None:
    (fact,) = stopped.admin("user", "add", "Carol", "--json").objects
    assert (fact["type"], fact["purpose"], fact["name"], fact["invite"]) == ("link", "join", "carol", 3)
    assert fact["link"] in fact["command"]
    assert parse_link(fact["link"]).token


def test_the_token_is_told_to_standard_output_and_kept_nowhere(stopped: Stopped) -> None:
    done = stopped.admin("-v", "user", "add", "carol")
    token = link_in(done).token
    encoded = done.stdout.strip().rstrip("'").rpartition(".")[2]
    assert encoded not in done.stderr
    kept = b"".join(path.read_bytes() for path in stopped.installation.data.rglob("*") if path.is_file())
    assert invite_token_hash(token) in kept
    assert token not in kept
    assert encoded.encode() not in kept
    assert encoded not in stopped.admin("-v", "invite", "list", "--json").stdout


@pytest.mark.negative(43)
def test_no_link_of_these_tools_names_an_inviter_or_holds_a_secret(stopped: Stopped) -> None:
    for command in (("user", "add", "carol"), ("invite", "create"), ("user", "reset", "alice", "--yes")):
        assert link_in(stopped.admin(*command)).inviter is None


def test_the_list_of_invites_says_who_made_them_for_what_and_until_when(stopped: Stopped, tmp_path: Path) -> None:
    stopped.admin("user", "add", "carol", "--role", "administrator", "--room", "#dev", "--room", "dev", "--hours", "1")
    stopped.admin("invite", "create")
    stopped.admin("user", "reset", "bob", "--yes")
    reset, free, bound, *used = stopped.admin("invite", "list", "--json").objects
    me = operator_name(tmp_path.stat().st_uid)
    assert {fact["made_by"] for fact in (reset, free, bound)} == {me}
    assert (bound["purpose"], bound["name"], bound["role"]) == ("join", "carol", "administrator")
    assert bound["rooms"] == ["dev"]
    assert (free["name"], free["role"], free["rooms"]) == ("", "member", [])
    assert (reset["purpose"], reset["name"]) == ("reset", "bob")
    assert [fact["state"] for fact in (reset, free, bound, *used)] == ["open"] * 3 + ["used"] * 2
    assert {fact["used_by"] for fact in used} == {"alice", "bob"}
    hours = [hours_between(fact["created"], fact["expires"]) for fact in (bound, free, reset)]
    assert hours == [1, INVITE_HOURS, INVITE_HOURS]


def hours_between(begin: object, end: object) -> int:
    return round((datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(begin))).total_seconds() / 3600)


def test_an_invite_is_revoked_once_and_for_all(stopped: Stopped) -> None:
    stopped.admin("invite", "create")
    assert stopped.admin("invite", "revoke", "3").stdout == "  [ok] Invite 3 is revoked.\n"
    assert stopped.admin("invite", "revoke", "3").returncode == 0
    assert stopped.admin("invite", "list", "--json").objects[0]["state"] == "revoked"
    used = stopped.admin("invite", "revoke", "1")
    assert (used.returncode, "invite.used" in used.stderr) == (ExitCode.PERMISSION, True)
    unknown = stopped.admin("invite", "revoke", "99")
    assert unknown.returncode == ExitCode.NOT_FOUND
    for refused in (used, unknown):  # whoever has made the invites is not told to ask for another one
        assert refused.stderr.endswith("secure-chat-admin --config secure-chat.toml invite list\n")


def test_a_link_that_nobody_could_use_is_said_to_be_none(stopped: Stopped) -> None:
    settings = stopped.installation.settings_file
    settings.write_text('registration = "closed"\n' + settings.read_text("utf-8"), "utf-8")
    assert "Registration is closed" in stopped.admin("invite", "create").stderr
    assert "Registration is closed" not in stopped.admin("user", "add", "carol").stderr
    assert "Registration is closed" not in stopped.admin("invite", "create", "--role", "administrator").stderr


def test_a_server_whose_port_is_not_known_yet_has_no_links(stopped: Stopped) -> None:
    settings = stopped.installation.settings_file
    settings.write_text(settings.read_text("utf-8").replace(f"port = {PORT}", "port = 0"), "utf-8")
    for arguments in (["invite", "create"], ["user", "add", "carol"], ["user", "reset", "bob", "--yes"]):
        done = stopped.admin(*arguments)
        assert (done.returncode, done.stdout) == (ExitCode.NETWORK, "")
        assert "secure-chat-server run" in done.stderr
    assert len(stopped.admin("invite", "list", "--json").objects) == 2
    assert len(stopped.admin("sessions", "--json").objects) == 2, "bob was logged out for a link that was not made"


def test_in_a_checkout_it_is_said_which_server_this_is_about(tmp_path: Path) -> None:
    Stopped(tmp_path / "var")
    data = tmp_path / ".local" / "share" / "secure-chat-server"
    refused = ADMIN.run(tmp_path, "user", "list")
    assert refused.returncode != 0
    data.mkdir(parents=True, mode=0o700)
    Store.open(data, now_ms=NOW).close()
    listed = ADMIN.run(tmp_path, "user", "list", "-v")
    assert listed.returncode == 0, listed.stderr
    for done in (refused, listed):
        assert f"  This is about the server of {data}. The one of this directory: " in done.stderr
        assert "secure-chat-admin --config var/secure-chat.toml\n" in done.stderr
    for named in (["--config", "var/secure-chat.toml"], ["-q"]):
        assert "This is about" not in ADMIN.run(tmp_path, *named, "user", "list").stderr
    assert "This is about" not in ADMIN.run(tmp_path, "user", "list", SECURE_CHAT_SERVER_DATA=str(data)).stderr


# --- states of people ----------------------------------------------------------------------------


def test_disabling_enabling_and_deleting_say_when_it_was_so_before(stopped: Stopped) -> None:
    assert stopped.admin("user", "disable", "bob", "--yes").stdout == "  [ok] bob is disabled.\n"
    assert stopped.state_of("bob") == "disabled"
    assert stopped.admin("user", "disable", "bob").stdout == "  [ok] bob is disabled already.\n"
    assert stopped.admin("user", "enable", "bob").returncode == 0
    assert stopped.state_of("bob") == "enabled"
    (again,) = stopped.admin("user", "enable", "bob", "--json").objects
    assert (again["type"], again["what"], again["changed"]) == ("done", "enabled", False)
    assert stopped.admin("user", "delete", "bob", "--yes").returncode == 0
    assert stopped.admin("user", "delete", "bob").stdout == "  [ok] bob was deleted before.\n"
    assert stopped.admin("user", "enable", "bob").returncode == ExitCode.NOT_FOUND


def test_a_deleted_name_is_never_given_again_and_its_links_end(stopped: Stopped) -> None:
    stopped.admin("user", "reset", "bob", "--yes")
    stopped.admin("user", "delete", "bob", "--yes")
    done = stopped.admin("user", "add", "bob")
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert "name.taken" in done.stderr
    assert stopped.admin("user", "add", "B0b").returncode == ExitCode.USAGE, "a look-alike"
    assert stopped.admin("invite", "list", "--json").objects[0]["state"] == "revoked"


def test_a_reset_of_a_disabled_account_says_that_its_link_waits(stopped: Stopped) -> None:
    stopped.admin("user", "disable", "bob", "--yes")
    done = stopped.admin("user", "reset", "bob", "--yes")
    assert link_in(done).token
    assert "the link works only after: " in done.stderr
    assert "secure-chat-admin --config secure-chat.toml user enable bob" in done.stderr


# --- questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["disable", "delete", "reset", "logout"])
def test_what_ends_something_is_not_done_without_a_yes(stopped: Stopped, action: str) -> None:
    done = stopped.admin("user", action, "bob")
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert "usage.no_terminal" in done.stderr
    assert "--yes" in done.stderr
    assert stopped.state_of("bob") == "enabled"
    assert len(stopped.admin("sessions", "--json").objects) == 2
    assert len(stopped.admin("invite", "list", "--json").objects) == 2


def test_a_plan_is_shown_and_the_name_typed_makes_it_happen(stopped: Stopped) -> None:
    with at_terminal(stopped, "user", "delete", "bob") as child:
        child.expect_exact("bob leaves 2 rooms (#dev, #lobby)")
        child.expect_exact("There is no way back.")
        child.expect_exact("Type bob to go on")
        child.sendline("bob")
        child.expect_exact("bob is deleted.")
        assert child.wait() == 0
    assert stopped.state_of("bob") == "deleted"


@pytest.mark.parametrize("typed", ["alice\n", "y\n", "\n", "yes\n", "\x04"])
def test_anything_else_changes_nothing(stopped: Stopped, typed: str) -> None:
    with at_terminal(stopped, "user", "delete", "bob") as child:
        child.expect_exact("Type bob to go on")
        child.send(typed)
        child.expect_exact("usage.not_confirmed")
        assert child.wait() == ExitCode.USAGE
    assert stopped.state_of("bob") == "enabled"


def test_an_interrupt_at_the_question_changes_nothing(stopped: Stopped) -> None:
    with at_terminal(stopped, "user", "delete", "bob") as child:
        child.expect_exact("Type bob to go on")
        child.sendintr()
        assert child.wait() == ExitCode.INTERRUPTED
        assert "Traceback" not in child.read()
    assert stopped.state_of("bob") == "enabled"


def test_nobody_has_to_wait_while_somebody_thinks_about_the_question(stopped: Stopped) -> None:
    with at_terminal(stopped, "user", "disable", "bob") as child:
        child.expect_exact("Type bob to go on")
        assert stopped.admin("user", "disable", "alice", "--yes").returncode == 0
        child.sendline("bob")
        child.expect_exact("bob is disabled.")
        assert child.wait() == 0


@contextlib.contextmanager
def at_terminal(stopped: Stopped, *arguments: str) -> Iterator["pexpect.spawn[str]"]:
    child = ADMIN.at_terminal(stopped.home, "--config", "secure-chat.toml", *arguments)
    try:
        yield child
    finally:
        child.close()


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], ExitCode.USAGE, "COMMAND"),
        (["frob"], ExitCode.USAGE, "invalid choice: 'frob'"),
        (["user"], ExitCode.USAGE, "ACTION"),
        (["user", "show"], ExitCode.USAGE, "NAME"),
        (["user", "show", "zed"], ExitCode.NOT_FOUND, "There is no user zed. [user.unknown]"),
        (["user", "show", "bob\udcff"], ExitCode.USAGE, "name.invalid"),
        (["user", "show", "b ob"], ExitCode.USAGE, "name.invalid"),
        (["user", "disable", "zed", "--yes"], ExitCode.NOT_FOUND, "user.unknown"),
        (["user", "logout", "zed", "--yes"], ExitCode.NOT_FOUND, "user.unknown"),
        (["user", "reset", "zed", "--yes"], ExitCode.NOT_FOUND, "user.unknown"),
        (["user", "add", "alice"], ExitCode.USAGE, "name.taken"),
        (["user", "add", "administrator"], ExitCode.USAGE, "reserved"),
        (["user", "add", "carol", "--room", "nowhere"], ExitCode.NOT_FOUND, "room.unknown"),
        (["user", "add", "carol", "--room", "no room"], ExitCode.USAGE, "room.name_invalid"),
        (["invite", "create", "--role", "owner"], ExitCode.USAGE, "--role"),
        (["invite", "create", "--hours", "0"], ExitCode.USAGE, "--hours"),
        (["invite", "create", "--hours", str(MAX_INVITE_HOURS + 1)], ExitCode.USAGE, f"1 to {MAX_INVITE_HOURS}"),
        (["invite", "create", "--hours", "٣"], ExitCode.USAGE, "--hours"),
        (["invite", "create", *["--room=dev"] * (MAX_INVITE_ROOMS + 1)], ExitCode.USAGE, f"{MAX_INVITE_ROOMS} rooms"),
        (["invite", "revoke", "-1"], ExitCode.USAGE, "usage.invalid"),
        (["invite", "revoke", "9" * 30], ExitCode.USAGE, "NUMBER"),
        (["user", "list", "\x1b[31m"], ExitCode.USAGE, "usage.invalid"),
    ],
)
def test_a_mistake_has_its_exit_code_and_its_sentence(
    untouched: Stopped, arguments: list[str], code: ExitCode, said: str
) -> None:
    done = untouched.admin(*arguments)
    assert said in done.stderr
    assert (done.returncode, done.stdout) == (code, "")
    assert "\x1b" not in done.stderr
    (error,) = objects(untouched.admin("--json", *arguments).stderr)
    assert error["type"] == "error"
    assert error["code"] in done.stderr


def test_the_most_hours_and_rooms_are_allowed(stopped: Stopped) -> None:
    rooms = ["--room=dev"] * MAX_INVITE_ROOMS
    assert link_in(stopped.admin("invite", "create", "--hours", str(MAX_INVITE_HOURS), *rooms)).token


def test_a_database_of_another_checkout_is_refused_as_the_server_does(tmp_path: Path) -> None:
    stopped = Stopped(tmp_path)
    with contextlib.closing(sqlite3.connect(stopped.installation.data / DATABASE_NAME)) as connection:
        connection.execute("ALTER TABLE invites DROP COLUMN settled")
    done = stopped.admin("invite", "list")
    assert (done.returncode, done.stdout) == (ExitCode.BUG, "")
    assert "it has no column invites.settled. [storage.foreign]\n  keep the file: " in done.stderr


def test_in_the_wrong_place_nothing_is_made(tmp_path: Path) -> None:
    for arguments in (["user", "list"], ["invite", "create"]):
        done = ADMIN.run(tmp_path, *arguments)
        assert done.returncode == ExitCode.USAGE
        assert "There is no server's database in" in done.stderr
        assert "--config FILE" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert ADMIN.run(tmp_path, "--config", "missing.toml", "user", "list").returncode == ExitCode.USAGE


def test_a_process_says_the_same(stopped: Stopped) -> None:
    done = ADMIN.run_process(stopped.home, "--config", "secure-chat.toml", "user", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == stopped.admin("user", "list").stdout


# --- help ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_three_examples_that_are_understood(tmp_path: Path, command: list[str]) -> None:
    done = ADMIN.run(tmp_path, *command, "--help")
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if line.startswith(f"  {PROGRAM} ")]
    assert len(lines) == 3
    for line in lines:
        example, *_ = re.split(r"\s{2,}", line.strip())
        parsed = parse(shlex.split(example)[1:])
        assert parsed.command.startswith(" ".join(command))


def test_version_and_completion_are_printed(tmp_path: Path) -> None:
    version = ADMIN.run(tmp_path, "--version")
    assert (version.returncode, version.stdout.split()[0]) == (0, PROGRAM)
    for shell in ("bash", "zsh", "tcsh"):
        script = ADMIN.run(tmp_path, "--print-completion", shell)
        assert script.returncode == 0
        assert "revoke" in script.stdout


def test_options_stand_before_or_after_the_command() -> None:
    before = parse(["--config", "x.toml", "--json", "--yes", "-q", "--no-color", "user", "delete", "bob"])
    between = parse(["user", "--config", "x.toml", "--json", "--yes", "-q", "delete", "--no-color", "bob"])
    after = parse(["user", "delete", "bob", "--config", "x.toml", "--json", "--yes", "-q", "--no-color"])
    assert before == between == after
    with pytest.raises(UsageInvalid):
        parse(["user", "delete"])


def test_a_terminal_gets_colours_unless_it_or_somebody_does_not_want_them(stopped: Stopped) -> None:
    call = ["--config", "secure-chat.toml", "user", "enable", "bob"]
    assert "\x1b[32m[ok]" in ADMIN.on_terminal(stopped.home, *call, TERM="xterm")
    assert "\x1b" not in ADMIN.on_terminal(stopped.home, *call, "--no-color", TERM="xterm")
    assert "\x1b" not in ADMIN.on_terminal(stopped.home, *call, TERM="xterm", NO_COLOR="1")
