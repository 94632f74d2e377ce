"""The line client as a real process without a server: what is said leads to what a test wants to see.

`python -m tests.client.line.stage [--color]`. A client in memory stands behind the real screens.
"""

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Final

from secure_chat.client import events as e
from secure_chat.client.direct.events import ContactsFound
from secure_chat.client.line.main import chat
from secure_chat.errors import ConnectionLost, NothingAnswers, NotMember, TokenUnknown
from secure_chat.protocol.events import Message, RoomSummary
from tests.client.line.fake_client import OWN_NAME, SERVER, Asked, FakeClient

BURST: Final = 1000
IMPATIENT_SECONDS: Final = 0.2
CROWD: Final = tuple(f"guest{number:03}" for number in range(100))
EVIL: Final = "\x1b[2J\x1b]52;c;aGk=\x07\x9b31m\x07\r\u202eevil\nb\x08\x1b[1A\x1b[?1049h"


class MemoryKeeping:
    """Keeps nothing but what was there at the start, and shows what it was asked to keep on standard error."""

    def lines(self) -> list[str]:
        return ["the day before yesterday", "yesterday"]

    def drafts(self) -> dict[str, str]:
        return {}

    def keep_line(self, text: str) -> None:
        if text == "full":
            from secure_chat.errors import VaultFull

            raise VaultFull

    def keep_draft(self, room: str, text: str) -> None:
        with contextlib.suppress(OSError):  # the window may be closed
            print(f"draft kept in {room}: {text}", file=sys.stderr, flush=True)


class Stage:
    """Answers the calls of the line client."""

    def __init__(self) -> None:
        self.client = FakeClient(on_asked=self._asked)
        self._numbers = {"dev": 0, "lobby": 0}
        self._acts: dict[str, Callable[[], None]] = {
            "burst": self._burst,
            "evil": lambda: self._say("dev", "dave", EVIL),
            "mention": lambda: self._say("dev", "dave", "@alice look"),
            "offline": self._offline,
            "online": self._online,
            "locked": lambda: self._tell(e.PassphraseNeeded(TokenUnknown())),
            "stopped": lambda: self._tell(e.Stopped(ConnectionLost())),
            "removed": lambda: self._tell(e.RoomLost("lobby", kicked=True)),
            "bug": self._bug,
            "crowd": lambda: self._tell(e.PresenceChanged("dev", CROWD, (), len(CROWD))),
        }
        self._is_online = True

    def begin(self) -> None:
        self._tell(e.Connecting(SERVER))
        self._tell(e.Connected(SERVER, OWN_NAME, "member", resumed=True, again=False, rooms=("dev", "lobby")))
        for room in ("dev", "lobby"):
            self._tell(e.RoomEntered(room, "", 2, head=0, first=1, after=0, unread=0, again=False))

    def _tell(self, event: e.Event) -> None:
        self.client.events.put(event)

    def _say(self, room: str, sender: str, text: str, ticket: e.Ticket | None = None, *, action: bool = False) -> None:
        self._numbers[room] += 1
        message = Message(room, self._numbers[room], time.time_ns() // 1_000_000, sender, b"\0" * 16, text, action)
        self._tell(e.Heard(message, own=sender == OWN_NAME, late=False, ticket=ticket))

    def _asked(self, asked: Asked) -> None:
        match asked.call, asked.arguments:
            case "post", (str() as room, str() as text, bool() as action):
                self._posted(asked.ticket, room, text, action=action)
            case "give_passphrase", (str() as passphrase,):
                self._say("lobby", "dave", f"it has {len(passphrase)} letters")
            case "list_rooms", _:
                rooms = (RoomSummary("dev", "", 2, True), RoomSummary("lobby", "", 2, True))
                self._tell(e.Answered(asked.ticket, e.RoomsFound(rooms, more=False, total=2)))
            case "contacts", _:
                self._tell(e.Answered(asked.ticket, ContactsFound(())))
            case "mark_read" | "reconnect", _:
                return
            case _:
                self._tell(e.Failed(asked.ticket, NotMember()))

    def _posted(self, ticket: e.Ticket, room: str, text: str, *, action: bool) -> None:
        if not self._is_online and text != "online":
            self._tell(e.LineQueued(ticket, room, 1))
            self.client.unsent += (e.UnsentLine(ticket, room, text),)
            return
        if text.startswith("refuse "):
            self._tell(e.LineRefused(ticket, room, NotMember(), text))
            return
        self._tell(e.LineAccepted(ticket, room, self._numbers[room] + 1, 0))
        self._say(room, OWN_NAME, text, ticket, action=action)
        self._acts.get(text, lambda: None)()

    def _burst(self) -> None:
        for number in range(1, BURST + 1):
            self._say("dev", "dave", f"burst {number}")

    def _offline(self) -> None:
        self._is_online = False
        self._tell(e.Disconnected(NothingAnswers(), 4.0))
        self._tell(e.Countdown(3))

    def _online(self) -> None:
        self._is_online = True
        self._tell(e.Connected(SERVER, OWN_NAME, "member", resumed=True, again=True, rooms=("dev", "lobby")))

    def _bug(self) -> None:
        raise RuntimeError("a fault of this program")


def main() -> int:
    """Chat on the stage."""
    stage = Stage()
    stage.begin()
    return chat(stage.client, MemoryKeeping(), color="--color" in sys.argv, pipe_patience=IMPATIENT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
