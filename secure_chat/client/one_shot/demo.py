"""`secure-chat demo`: a server and two people as processes, two messages on their way, and what the server kept."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.output import Output
from secure_chat.client.one_shot.records import DemoRecord
from secure_chat.client.one_shot.throwaway import Person, Server, running_server, stage
from secure_chat.exit_codes import ExitCode
from secure_chat.sanitize import one_line

IN_THE_ROOM: Final = "The picnic is on Saturday at three."
IN_PRIVATE: Final = "Her present is under the stairs."
ANSWER: Final = "I have seen it. The red paper was a good idea."
_SHOWN_BYTES: Final = 48

# What an operator can see with any tool for SQLite.
_WAITING: Final = "SELECT envelope FROM mailboxes ORDER BY id"
_LOGGED: Final = """\
SELECT sent, sender.name, recipient.name, size, envelope_id
FROM direct_log AS log
JOIN accounts AS sender ON sender.id = log.sender JOIN accounts AS recipient ON recipient.id = log.account
ORDER BY log.id"""


def run(surroundings: Surroundings) -> int:
    """Show it; a Ctrl-C, a closed window or a kill ends it as well, and leaves nothing behind."""
    story = _Story(surroundings.output)
    with stage() as place:
        story.say(f"Everything that follows lies in {place.directory}, and is removed at the end.")
        story.say("A server starts on this machine; alice and bob will join it. That takes some seconds.")
        with running_server(place) as server:
            alice, bob = Person(place, "alice"), Person(place, "bob")
            story.say("A server runs. alice joins by the administrator's invite: her keys are made on her side.")
            alice.join(server.link)
            story.say("bob joins by alice's invite: another home, another program, keys of his own.")
            bob.join(alice.run("invite").strip())
            story.tell_of_the_room(server, alice, bob)
            story.tell_of_the_message(server, alice, bob)
            story.tell_of_the_answer(server, alice, bob)
    story.say("", "The server has ended, and the directory is gone.")
    return ExitCode.OK


class _Story:
    def __init__(self, output: Output) -> None:
        self._output = output

    def say(self, *lines: str) -> None:
        for line in lines:
            self._output.data(DemoRecord(text=line), line)

    def tell_of_the_room(self, server: Server, alice: Person, bob: Person) -> None:
        self.say("", "1. A message in a room")
        self._command(alice, "send", "-t", "#lobby", "-m", IN_THE_ROOM)
        self._command(bob, "read", "-t", "#lobby")
        self.say("  What the server has of it:")
        self._search(server, IN_THE_ROOM)
        self.say("  Rooms are kept and searched by the server: whoever runs it can read them.")

    def tell_of_the_message(self, server: Server, alice: Person, bob: Person) -> None:
        self.say("", "2. A direct message; bob is away")
        self._command(alice, "send", "-t", bob.name, "-m", IN_PRIVATE)
        self.say("  What the server has of it:")
        self._search(server, IN_PRIVATE)
        self._mailboxes(server)
        self.say("  bob comes back:")
        self._command(bob, "read", "-t", alice.name)
        self.say("  and what the server has now:")
        self._mailboxes(server)

    def tell_of_the_answer(self, server: Server, alice: Person, bob: Person) -> None:
        self.say("", "3. The answer")
        self._command(bob, "send", "-t", alice.name, "-m", ANSWER)
        self._command(alice, "read", "-t", bob.name)
        self.say("  What the server has of it:")
        self._search(server, ANSWER)
        self._log(server)
        self.say("  It knows who wrote to whom, when, and about how much. It does not know what.")

    def _command(self, person: Person, *arguments: str) -> None:
        words = " ".join(word if word.isalnum() or word.startswith("-") else f"'{word}'" for word in arguments)
        self.say(f"  {person.name}$ secure-chat {words}")
        self.say(*(f"    {line}" for line in person.run(*arguments).splitlines()))

    def _search(self, server: Server, text: str) -> None:
        """Look for the words in all that the server has written, and show where they stand."""
        found = False
        for path in server.files():
            before, there, after = path.read_bytes().partition(text.encode("utf-8"))
            if there:
                found = True
                around = before[-_SHOWN_BYTES // 2 :] + there + after[: _SHOWN_BYTES // 2]
                self.say(f"    {path.name}: …{one_line(around.decode('ascii', 'replace')).replace('�', '.')}…")
        if not found:
            names = ", ".join(path.name for path in server.files())
            self.say(f"    the words are in none of its files ({names})")

    def _mailboxes(self, server: Server) -> None:
        with _database(server) as database:
            envelopes = [bytes(row[0]) for row in database.execute(_WAITING)]
        for envelope in envelopes:
            self.say(f"    an envelope of {len(envelope):,} bytes waits: …{envelope[-_SHOWN_BYTES:].hex()}")
        if not envelopes:
            self.say("    no envelope: it was forgotten when bob's device had it on its disk")

    def _log(self, server: Server) -> None:
        with _database(server) as database:
            rows = database.execute(_LOGGED).fetchall()
        for sent, sender, recipient, size, identifier in rows:
            moment = datetime.fromtimestamp(sent / 1000, UTC)
            self.say(f"    {moment:%H:%M:%S} {sender} to {recipient}, {size:,} bytes, envelope {identifier.hex()}")


@contextlib.contextmanager
def _database(server: Server) -> Iterator[sqlite3.Connection]:
    """The server's database, to look into."""
    path = server.data / "secure-chat.db"
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        yield database
