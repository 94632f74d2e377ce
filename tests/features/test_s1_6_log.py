"""Row S1.6: what the server's log says, that it is rotated, and what never stands in it."""

import re
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from secure_chat.errors import ChatError
from secure_chat.protocol import administration as a
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import LOGIN_SECRET_BYTES
from secure_chat.protocol.frames import frame
from secure_chat.protocol.link import parse_link
from secure_chat.server.settings.control_client import ask
from secure_chat.server.settings.paths import DataDirectory
from tests.features.search import secrets_in
from tests.features.story import Story
from tests.features.team import SETTINGS, Team, running_team
from tests.support.people import TestPerson, make_person
from tests.support.wire_client import RefusedByServer, client_id

LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) "
    r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) [a-z_.]+: (?P<what>.+)"
)
# What would begin a new line, or write over one, in a file, a terminal or a tool that shows a log.
LINE_ENDS = [
    *("\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00"),
    *("\x1b[2K\r", "\x1b]0;x\x07", "\x9b2J", "\b" * 100, "\u202e", "\\n"),
]
TRACE = "    | "  # before the lines of a traceback


@dataclass
class Log:
    """Both places into which a server writes, once it has ended."""

    file: str = ""
    errors: str = ""


@contextmanager
def logging_team(
    directory: Path, log: Log, names: Sequence[str], administrators: Sequence[str] = (), settings: str = SETTINGS
) -> Iterator[Team]:
    """A team whose log is there after the block: all of it, for the server has ended."""
    with running_team(directory, names, ["dev"], administrators=administrators, settings=settings) as team:
        yield team
        assert team.server.terminate() == 0
    log.file, log.errors = team.log, "".join(team.server.errors)


def break_something(team: Team, trigger: str) -> None:
    """Make the database itself refuse something, as a fault would."""
    with closing(sqlite3.connect(team.database)) as database, database:
        database.execute(f"CREATE TRIGGER {trigger} BEGIN SELECT RAISE(ABORT, 'planted'); END")


def register(team: Team, person: TestPerson, token: bytes) -> e.Welcome:
    with team.installation.connect() as client:
        return client.register(person, token)


def test_s1_6_the_log_has_times_levels_and_what_happened(tmp_path: Path) -> None:
    log, began = Log(), datetime.now(UTC)
    with logging_team(tmp_path, log, ["alice", "bert"]) as team:
        break_something(team, "broken BEFORE INSERT ON room_log WHEN NEW.body = 'breaks'")
        token = parse_link(team.invite()).token
        register(team, make_person("newcomer"), token)
        team.machine("alice").done("send", "-t", "#dev", "-m", "hello")
        with team.installation.connect() as client, pytest.raises(RefusedByServer):
            client.ask(c.Login(1, "bert", secrets.token_bytes(LOGIN_SECRET_BYTES)))
        with team.wire("bert") as bert, pytest.raises(RefusedByServer, match="internal"):
            bert.post("dev", "breaks", client_id(1, 1))
    assert log.file == log.errors
    assert (team.installation.data / "log" / "app.log").stat().st_mode & 0o777 == 0o600
    found = [match for match in map(LINE.fullmatch, log.file.splitlines()) if match is not None]
    times = [datetime.fromisoformat(match["time"]) for match in found]
    assert times == sorted(times)
    assert began.replace(microsecond=0) <= times[0]
    assert times[-1] <= datetime.now(UTC)
    for level, what in (
        ("INFO", r"secure-chat-server \S+ listens on 127\.0\.0\.1:\d+"),
        ("INFO", r"127\.0\.0\.1 has connected"),
        ("INFO", r"registration as newcomer from 127\.0\.0\.1"),
        ("INFO", r"alice has logged in from 127\.0\.0\.1 as device [0-9a-f]{8}"),
        ("INFO", r"alice has left \(closed\)"),
        ("INFO", r"failed login as bert from 127\.0\.0\.1"),
        ("INFO", r"bert has left \(.+\)"),
        ("ERROR", r"PostMessage failed, log id [0-9a-f]{8}"),
        ("INFO", r"stopping: SIGTERM"),
    ):
        assert any(match["level"] == level and re.fullmatch(what, match["what"]) for match in found), what
    (error,) = [number for number, line in enumerate(log.file.splitlines()) if "PostMessage failed" in line]
    assert log.file.splitlines()[error + 1].startswith(f"{TRACE}Traceback")


def test_s1_6_the_log_is_rotated(tmp_path: Path) -> None:
    log, size, files = Log(), 4096, 3
    settings = f"{SETTINGS}file_bytes = {size}\nfiles = {files}\n"
    with logging_team(tmp_path, log, ["alice"], settings=settings) as team:
        for _ in range(120):  # two lines each, of some 70 bytes
            team.installation.connect().close()
    directory = team.installation.data / "log"
    names = ["app.log", *(f"app.log.{number}" for number in range(1, files + 1))]
    assert sorted(path.name for path in directory.iterdir()) == names
    assert all((directory / name).stat().st_size <= size for name in names)
    assert all((directory / name).stat().st_mode & 0o777 == 0o600 for name in names)
    kept = "".join((directory / name).read_text(encoding="utf-8") for name in reversed(names))
    assert len(kept) > (files - 1) * size, "hardly anything is kept"
    assert log.errors.endswith(kept), "a line was lost or torn where a file ends"


# --- what never stands there ---------------------------------------------------------------------


def test_s1_6_not_the_text_of_a_message(tmp_path: Path) -> None:
    log = Log()
    texts = {
        kind: f"secret of the {kind} at the lighthouse"
        for kind in ("message action topic reason search refused broken typed piped changed nonsense".split())
    }
    with logging_team(tmp_path, log, ["alice", "bert", "carol"], ("olga",)) as team:
        break_something(team, "broken BEFORE INSERT ON room_log WHEN NEW.body LIKE '%of the broken%'")
        with team.wire("bert") as bert, team.wire("olga") as olga:
            bert.post("dev", texts["message"], client_id(1, 1))
            bert.ask(c.RoomPost(bert.next_id(), "dev", client_id(1, 2), texts["action"], action=True))
            bert.ask(c.RoomTopic(bert.next_id(), "dev", client_id(1, 3), texts["topic"]))
            bert.ask(c.RoomSearch(bert.next_id(), texts["search"]))
            bert.post("dev", f"\x1b[31m{texts['changed']}", client_id(1, 4))
            for text in (texts["refused"] * 300, texts["broken"]):
                with pytest.raises(RefusedByServer, match=r"message\.too_long|internal"):
                    bert.post("dev", text, client_id(1, 5))
            olga.ask(c.RoomKick(olga.next_id(), "dev", client_id(2, 1), "carol", texts["reason"]))
            post = {
                "type": "room.post",
                "id": 9,
                "room": "dev",
                "client_id": bytes(16),
                "text": 1,
                "x": texts["nonsense"],
            }
            bert.tls.sendall(frame(msgspec.msgpack.encode(post)))
            bert.wait_until_closed()
        team.machine("alice").done("send", "-t", "#dev", "-m", texts["piped"])
        with team.machine("alice").at_terminal() as alice:
            alice.expect_text("#lobby >")
            alice.enter(texts["typed"])
            alice.expect_text(f"alice: {texts['typed']}")
    kept = {kind: text.encode() for kind, text in texts.items()}
    database = b"".join(path.read_bytes() for path in team.installation.data.glob("*.db*"))
    not_kept = {"search", "refused", "broken", "nonsense"}
    assert set(kept) - set(secrets_in(database, kept)) == not_kept, "the search finds too little"
    assert "PostMessage failed" in log.file, "nothing was logged that could have held a text"
    assert not secrets_in((log.file + log.errors).encode(), kept)
    assert "lighthouse" not in log.file + log.errors


def test_s1_6_not_a_secret(story: Story, tmp_path: Path) -> None:
    words = story.team.log + "".join(story.team.server.errors)
    assert "registration as alice" in words, "nothing was logged that could have held one"
    assert not secrets_in(words.encode(), story.kept_back | story.sent)
    log, unlucky = Log(), make_person("unlucky")
    with logging_team(tmp_path, log, ["late"]) as team:
        late = team.installation.people["late"]
        break_something(team, "broken BEFORE INSERT ON accounts WHEN NEW.name = 'unlucky'")
        of_late = "NEW.account = (SELECT id FROM accounts WHERE name = 'late')"
        for happening in ("INSERT", "UPDATE"):
            break_something(team, f"broken_{happening} BEFORE {happening} ON token_families WHEN {of_late}")
        token = parse_link(team.invite()).token
        with pytest.raises(RefusedByServer, match="internal"):
            register(team, unlucky, token)
        with pytest.raises(RefusedByServer, match="internal"), team.installation.connect() as client:
            client.login(late)
    assert log.file.count("failed, log id") >= 2, "nothing broke in which a secret was"
    sent = {
        "invite token": token,
        "login secret": unlucky.login_secret,
        "seeded login secret": late.login_secret,
        "resume token": late.resume_token,
        "bcrypt": b"$2b$10$",
    }
    assert not secrets_in((log.file + log.errors).encode(), sent)


def test_s1_6_not_a_forged_line(tmp_path: Path) -> None:
    forged = "2026-01-01T00:00:00.000Z INFO accounts: root has logged in"
    log = Log()
    with logging_team(tmp_path, log, ["bert"], ("olga",)) as team:
        for line_end in LINE_ENDS:
            hostile = f"eve{line_end}{forged}"
            ask_as_nobody(team, hostile)
            with team.wire("bert") as bert, team.wire("olga") as olga:
                for command in (
                    c.RoomJoin(1000, hostile),
                    c.RoomCreate(1001, hostile),
                    c.RoomTopic(1002, "dev", client_id(1, 1), hostile),
                    c.RoomPost(1003, hostile, client_id(1, 2), hostile),
                ):
                    bert.answer_to(bert.send(command))
                olga.answer_to(olga.send(c.RoomKick(1000, "dev", client_id(2, 1), hostile, hostile)))
            with pytest.raises(ChatError):
                ask(DataDirectory(team.installation.data), a.AddUser(1, hostile, bytes(32), 1))
    assert log.file == log.errors
    assert "root has logged in" in log.file, "nothing hostile was logged at all"
    lines = log.file.split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert line.isprintable(), repr(line)
        assert line.startswith(TRACE) or LINE.fullmatch(line), line
        assert not line.startswith(forged[:20]), line


def ask_as_nobody(team: Team, name: str) -> None:
    """Everything that may be asked before a login, under a name that was made to be logged."""
    person = make_person("somebody")
    device_list, prekey = person.device_list.signed.encode(), person.signed_prekey.published.encode()
    with team.installation.connect() as client:
        proof = person.proof(client.server_id, client.hello.nonce, client.leaf_hash)
    for command in (
        c.NameQuery(1, name),
        c.Login(1, name, person.login_secret, proof),
        c.Register(1, name, person.login_secret, device_list, prekey, proof),
        c.Recover(1, name, person.login_secret, device_list, prekey, proof),
    ):
        with team.installation.connect() as client:
            client.answer_to(client.send(command))
    with team.installation.connect() as client:
        client.tls.sendall(frame(msgspec.msgpack.encode({"type": "ping", "id": 1, name: name})))
        client.wait_until_closed()
