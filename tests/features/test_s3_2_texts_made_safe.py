"""Row S3.2: texts from others have no power over a screen, and who wrote them is told what was changed or refused."""

import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from secure_chat.exit_codes import ExitCode
from secure_chat.limits import MAX_NAME_CHARACTERS, MAX_TEXT_BYTES, MAX_TOPIC_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.frames import split_frames
from tests.client.line.screen_model import ScreenModel
from tests.features.machine import Machine
from tests.features.team import ADMIN, SETTINGS, Team, give_profile, running_team
from tests.support.installation import Installation
from tests.support.pseudo_terminal import COLUMNS, ROWS
from tests.support.wire_client import RefusedByServer, WireClient, client_id

# What a terminal, or an eye, would obey. Each is put between two halves of a word.
HOSTILE: Final = {
    "sets the clipboard (OSC 52)": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "the same, ended otherwise": "\x1b]52;c;cm0gLXJmIC8=\x1b\\",
    "sets the title": "\x1b]0;owned\x07",
    "sets the title (C1)": "\x9d0;owned\x9c",
    "an unfinished title": "\x1b]2;owned",
    "moves the cursor up (CSI)": "\x1b[3A\x1b[2K",
    "moves the cursor up (C1 CSI)": "\x9b3A\x9b2K",
    "paints": "\x1b[38;5;201m",
    "asks for an answer": "\x1b[6n\x1b[c\x1bZ",
    "a device's string": '\x1bP$q"p\x1b\\\x90+q544e\x9c',
    "resets": "\x1bc\x1b[!p",
    "another character set": "\x1b(0\x0e\x0f",
    "prints": "\x1b[5i\x1b[4i",
    "a link": "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "rings": "\x07\x07",
    "steps back": "\b\b\b\b\b\b\x7f",
    "starts over": "\rwalter: I resign",
    "overrides the direction": "\u202eevil\u202c",
    "isolates": "\u2066\u2067\u2068evil\u2069",
    "embeds": "\u202a\u202bevil\u202c",
    "separates lines": "\u2028walter: I resign\u2029\x85\x0b\x0c",
    "is invisible": "a\u200b\u2060\u00ad\U000e0041\U000e007fb",
}
# Bidirectional and invisible format characters that no screen may be given here; none of the texts needs one.
FORBIDDEN_FORMATS: Final = frozenset(
    "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\u00ad"
)
SAFE: Final = ["plain", "Grüße, ñandú, 你好", "👨‍👩‍👧 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "שלום עולם", "a\nb\n  c"]


def hostile(what: str, word: str = "planted") -> str:
    """A text in which the word can be seen, and the rest should be powerless."""
    return f"{word} {list(HOSTILE).index(what)} {HOSTILE[what]} end"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("safe"), ["alice", "bob", "walter"], ["dev"]) as made:
        yield made


# --- the sender is told ----------------------------------------------------------------------------


def test_s3_2_a_changed_text_is_told_to_the_sender(team: Team) -> None:
    with team.wire("walter") as walter, team.wire("bob") as bob:
        walter.open("dev")
        for number, text in enumerate([*map(hostile, HOSTILE), *SAFE]):
            accepted = bob.post("dev", text, client_id(1, number))
            heard = walter.wait_for(e.Message).text
            assert accepted.changed == (None if heard == text else heard), repr(text)
            assert (heard == text) == (text in SAFE), repr(text)
        with team.machine("alice").at_terminal() as alice:
            alice.expect_text("#lobby >")
            alice.enter("left \u202eright")
            alice.expect_text("* made safe to show, what was sent instead: left \ufffdright [text.changed]\n")
            alice.expect_text("alice: left \ufffdright\n")
    told = team.machine("alice").done("send", "-t", "#dev", "-m", "left \u202eright")
    assert "The text was changed, it is kept as: left \ufffdright [text.changed]\n" in told.stderr
    (sent,) = team.machine("alice").done("--json", "send", "-t", "#dev", "-m", "a\x9b2Jb").objects
    assert sent["changed"] == "ab"


def test_s3_2_a_text_over_the_limit_is_refused_and_the_sender_told(team: Team) -> None:
    too_long = "ü" * (MAX_TEXT_BYTES // 2) + "x"
    with team.wire("bob") as bob:
        head = bob.open("dev").head
        assert refusal(bob, c.RoomPost(bob.next_id(), "dev", client_id(2, 1), too_long)) == "message.too_long"
        topic = c.RoomTopic(bob.next_id(), "dev", client_id(2, 2), "x" * (MAX_TOPIC_BYTES + 1))
        assert refusal(bob, topic) == "message.too_long"
        name = c.RoomCreate(bob.next_id(), "x" * (MAX_NAME_CHARACTERS + 1))
        assert refusal(bob, name) == "room.name_invalid"
        sent = team.machine("alice").call("send", "-t", "#dev", "-m", too_long)
        assert sent.returncode == ExitCode.USAGE
        assert "8,193 bytes, the limit is 8,192. Nothing was sent. [message.too_long]" in sent.stderr
        with team.machine("alice").at_terminal() as alice:
            alice.expect_text("#lobby >")
            alice.enter("/go dev")
            alice.expect_text("#dev >")
            alice.paste(too_long)
            alice.enter("")
            alice.expect(r"8,193 bytes, the limit is 8,192\.[^!]*Nothing was sent")
            alice.expect("ü{100}")  # it is back at the prompt
        assert bob.post("dev", "nothing came in between", client_id(2, 3)).number == head + 1


def refusal(client: WireClient, command: c.Command) -> str:
    """With which code a request is refused."""
    with pytest.raises(RefusedByServer) as refused:
        client.ask(command)
    return refused.value.failure.code


def test_s3_2_not_a_silent_cut(team: Team) -> None:
    longest = "".join(f"{number:07}-" for number in range(MAX_TEXT_BYTES // 8))
    assert len(longest) == MAX_TEXT_BYTES
    topic = longest[:MAX_TOPIC_BYTES]
    with team.wire("walter") as walter, team.wire("bob") as bob:
        walter.open("dev")
        assert bob.post("dev", longest, client_id(3, 1)).changed is None
        number = walter.wait_for(e.Message)
        assert number.text == longest
        (kept,) = [
            said.text for said in walter.pages("dev", number.number, number.number) if isinstance(said, e.Message)
        ]
        assert kept == longest
        accepted = bob.ask(c.RoomTopic(bob.next_id(), "dev", client_id(3, 2), topic))
        assert isinstance(accepted, e.Accepted)
        assert walter.wait_for(e.TopicSet).text == topic
        for count, text in enumerate(["e\u0301" * 3000, "👍🏽" * 1000, "x" + "\u0301" * 4000, " \n" * 2000 + "x"]):
            answer = bob.answer_to(bob.send(c.RoomPost(bob.next_id(), "dev", client_id(4, count), text)))
            if isinstance(answer, e.Accepted):
                heard = walter.wait_for(e.Message).text
                assert answer.changed == (None if heard == text else heard), "changed, and nobody was told"
            else:
                assert isinstance(answer, e.Failure)
    for command in ("history", "read"):
        arguments = ("#dev", "-n", "all") if command == "history" else ("-t", "#dev", "--since", "1")
        assert longest in team.machine("alice").done(command, *arguments).stdout
    with team.machine("alice").at_terminal() as alice:
        alice.expect_text("#lobby >")
        alice.enter("/go dev")
        alice.enter("/history all")
        alice.read_until(lambda shown: longest in "".join(shown.split()), "the longest text whole")
        assert topic in "".join(alice.shown.split())


# --- no escape ------------------------------------------------------------------------------------


def test_s3_2_not_a_terminal_escape_on_any_screen(tmp_path: Path) -> None:
    installation = Installation(tmp_path, SETTINGS)
    installation.seed(["alice", "bob", "evelyn", "walter"], ["dev"])
    with installation.start(), installation.connect_as("bob") as bob:
        for number in range(len(HOSTILE)):
            bob.post("dev", f"planted {number}", client_id(1, number))  # becomes hostile behind the server's back
        bob.ask(c.RoomTopic(bob.next_id(), "dev", client_id(1, 1000), "planted topic"))
    plant(installation)
    machine = Machine(tmp_path / "home-of-alice")
    give_profile(installation, installation.people["alice"], machine)
    with installation.start() as server:
        shown = {"the line client": line_client(installation, machine)}
        for command in (
            ("history", "#dev", "-n", "all"),
            ("read", "-t", "#dev", "--since", "1"),
            ("search", "planted", "-n", "all"),
            ("rooms",),
            ("users", "--room", "#dev"),
        ):
            for manner in ((), ("--json",)) if command[0] in ("history", "rooms") else ((),):
                done = machine.done(*manner, *command)
                shown[" ".join((*manner, *command))] = done.stdout + done.stderr
        for operation in (("user", "list"), ("user", "show", "walter"), ("invite", "list"), ("sessions",)):
            for manner in ((), ("--json",)):
                done = ADMIN.run(tmp_path, "--config", str(installation.settings_file), *manner, *operation)
                shown["admin " + " ".join((*manner, *operation))] = done.stdout + done.stderr
        assert server.process.poll() is None
    shown["the server's log"] = (installation.data / "log" / "app.log").read_text(encoding="utf-8")
    shown["standard error"] = "".join(server.errors)
    for screen, text in shown.items():
        assert powers_in(text) == [], screen
    for screen in ("the line client", "history #dev -n all", "read -t #dev --since 1", "search planted -n all"):
        for number in range(len(HOSTILE)):
            assert f"planted {number} " in shown[screen], f"{screen} has not shown what it was given"
        assert "live 3 " in shown[screen] or screen.startswith("search"), screen
    for screen in ("users --room #dev", "admin user list", "admin sessions", "admin invite list", "rooms"):
        assert "evelyn" in shown[screen] or "planted topic" in shown[screen], screen


def plant(installation: Installation) -> None:
    """Write hostile texts into the database of a stopped server, as if it did not make anything safe."""
    texts = [hostile(what) for what in HOSTILE]
    name = "evelyn" + HOSTILE["sets the title"] + HOSTILE["overrides the direction"]
    with closing(sqlite3.connect(installation.data / "secure-chat.db")) as database:
        rows = database.execute("SELECT id, frame FROM room_log").fetchall()
        frames = {row: decode_said(body) for row, frame in rows for body in split_frames(frame)}
        for row, said in frames.items():
            if isinstance(said, e.Message):
                number = int(said.text.split()[1])
                changed: e.Said = e.Message(
                    said.room, said.number, said.time, name if number == 2 else "bob", said.client_id, texts[number]
                )
            elif isinstance(said, e.TopicSet):
                changed = e.TopicSet(said.room, said.number, said.time, name, "planted topic " + texts[0])
            elif isinstance(said, e.Joined) and said.name == "evelyn":
                changed = e.Kicked(said.room, said.number, said.time, name, name, texts[3])
            else:
                continue
            database.execute("UPDATE room_log SET frame = ? WHERE id = ?", (encode(changed), row))
        database.execute("UPDATE rooms SET topic = ? WHERE name = 'dev'", ("planted topic " + texts[0] + texts[5],))
        database.execute("UPDATE accounts SET name = ? WHERE name = 'evelyn'", (name,))
        database.execute("UPDATE invites SET made_by = ?, name = ?", (name, name))
        database.commit()


def line_client(installation: Installation, machine: Machine) -> str:
    """What alice sees who has everything listed, while something is said. Every byte is accounted for."""
    with installation.connect_as("bob") as bob, machine.at_terminal() as alice:
        alice.expect_text("#lobby >")
        alice.enter("/go dev")
        alice.expect_text("#dev >")
        for command in ("/topic", "/rooms", "/members", "/users", "/search planted", "/history all"):
            alice.enter(command)
        for number, what in enumerate(HOSTILE):
            bob.post("dev", hostile(what, "live"), client_id(5, number))
        alice.expect_text(f"live {len(HOSTILE) - 1} ")
        alice.read_until(lambda shown: shown.count(f"planted {len(HOSTILE) - 1} ") >= 2, "what was searched and listed")
        alice.enter("/quit")
        assert alice.end() == ExitCode.OK
        screen = ScreenModel(ROWS, COLUMNS)
        written = alice.written.decode("utf-8")
        assert not [what for what, text in HOSTILE.items() if f" {text} end" in written]
        screen.feed("".join(letter for letter in written if letter.isascii()))  # a control it does not know is an error
        assert screen.bells == 0
        return alice.shown


def powers_in(text: str) -> list[str]:
    """What a terminal or an eye would obey. A tab is a command's own: no hostile text has one."""
    return sorted(
        {
            f"U+{ord(letter):04X}"
            for letter in text
            if (unicodedata.category(letter) in ("Cc", "Zl", "Zp") and letter not in "\n\t")
            or letter in FORBIDDEN_FORMATS
            or 0xE0000 <= ord(letter) < 0xE0080
        }
    )
