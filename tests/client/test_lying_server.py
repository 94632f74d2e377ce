"""A server that lies: it reaches no terminal, ends no thread, keeps nobody busy for ever and locks nobody out."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pexpect
import pytest

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.pins import log_pin
from secure_chat.client.events import Stopped, Ticket
from secure_chat.client.persistence import Persistence
from secure_chat.client.vault import login_state
from secure_chat.client.vault.records import LOGIN_COUNTER
from secure_chat.client.vault.tables import SELF
from secure_chat.errors import ServerSaidNonsense
from secure_chat.limits import MAX_HELD_EVENTS, MAX_LOGIN_COUNTER
from secure_chat.protocol import commands as c
from secure_chat.protocol.codec import encode
from secure_chat.protocol.commands import AnyCommand, InviteQuery
from secure_chat.protocol.events import (
    InviteFacts,
    JoinedRoom,
    Message,
    PeoplePage,
    Person,
    PingEvent,
    PongReply,
    Presence,
    RoomOpened,
    RoomPage,
    RoomSummary,
    Said,
    SearchPage,
    Welcome,
)
from secure_chat.protocol.link import Link
from tests.certificates.impostors import Issuer, write
from tests.support.answering import Machine, newcomer
from tests.support.client_people import TestClient, options, vault_of
from tests.support.installation import HOST, Installation
from tests.support.people import TestPerson, make_person
from tests.support.scripted_server import Answer, ScriptedServer
from tests.support.terminal import PersonAtTerminal

CONTROLS = "\x1b]52;c;cHduZWQ=\x07\x1b[2J\u202e"
TALK = """
from secure_chat.client.asking import Terminal
terminal = Terminal.open()
terminal.say("said " + chr(27) + "]52;c;cHduZWQ=" + chr(7) + chr(27) + "[2J" + chr(0x202e) + "end")
terminal.line("asked " + chr(27) + "]52;c;cHduZWQ=" + chr(7) + chr(0x9b) + "2J end: ")
terminal.close()
"""


@contextmanager
def lying(directory: Path, answer: Answer) -> Iterator[tuple[ScriptedServer, Link]]:
    """A server under the authority of the link that says what the test writes."""
    authority, log_key = Issuer.make(), os.urandom(32)
    certificate, key = authority.issue(HOST, now=datetime.now(UTC))
    files = write(directory, key, certificate, authority.certificate)
    with ScriptedServer(server_context(files.certificate, files.key), log_key, answer) as server:
        yield server, Link(HOST, server.port, authority.public_key, log_pin(log_key), os.urandom(16))


# --- joining -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "name"), [("join", f"al{CONTROLS}"), ("join", "ALICE"), ("reset", "a\nb"), ("join\x1b[31m", "")]
)
def test_an_invite_for_a_name_that_nobody_can_have_ends_it_before_anything_is_asked_or_said(
    purpose: str, name: str, tmp_path: Path
) -> None:
    def answer(command: AnyCommand) -> list[Said | bytes]:
        return [InviteFacts(command.id, purpose, 2**42, name)] if isinstance(command, InviteQuery) else [b""]

    machine, asking = Machine(tmp_path / "home"), newcomer("alice")
    with lying(tmp_path, answer) as (server, link):
        with pytest.raises(ServerSaidNonsense) as refused:
            machine.joining(link.format(), asking).run()
        assert len(server.commands) == 1
    assert (asking.prompts, asking.said, machine.files()) == ([], [], [])
    assert refused.value.sentence.isprintable()


def test_whatever_is_said_and_asked_has_no_power_over_the_terminal(tmp_path: Path) -> None:
    terminal = PersonAtTerminal(tmp_path, "alice").spawn([sys.executable, "-c", TALK])
    terminal.expect_exact(" end: ")
    shown = terminal.before or ""
    terminal.sendline("")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert "said " in shown
    assert "asked " in shown
    assert not set(shown) & {"\x1b", "\x9b", "\x07", "\u202e"}


# --- logged in -----------------------------------------------------------------------------------


class Liar:
    """What a server answers to a client that resumes, attends one room, and asks; a test puts its lies in place."""

    def __init__(self, person: TestPerson) -> None:
        self.person = person
        self.counter_before = 0
        self.rooms: Sequence[JoinedRoom] = ()
        self.before_welcome: list[Said | bytes] = []
        self.pages: Callable[[AnyCommand], list[Said | bytes]] | None = None

    def answer(self, command: AnyCommand) -> list[Said | bytes]:
        """To one command."""
        match command:
            case c.Resume():
                return [*self.before_welcome, self._welcome(command.id)]
            case c.RoomOpen():
                return [RoomOpened(command.id, command.room, "", 5, 1, 5, 1)]
            case c.Ping():
                return [PongReply(command.id)]
        return [] if self.pages is None else self.pages(command)

    def _welcome(self, request: int) -> Welcome:
        person = self.person
        return Welcome(request, person.user_id, person.name, "member", self.counter_before, 1, 0, list(self.rooms))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Certificates for a server that is never started."""
    return Installation(tmp_path_factory.mktemp("installation"))


@pytest.fixture
def liar() -> Liar:
    return Liar(make_person("alice"))


@pytest.fixture
def server(installation: Installation, liar: Liar) -> Iterator[ScriptedServer]:
    files = installation.certificates
    context = server_context(files.server_certificate, files.server_key)
    with ScriptedServer(context, installation.log_public_key, liar.answer) as serving:
        yield serving


@pytest.fixture
def new_client(installation: Installation, liar: Liar, server: ScriptedServer, tmp_path: Path) -> TestClient:
    vault = vault_of(installation, liar.person, tmp_path / "vault", port=server.port)
    return TestClient(vault, options(persistence=Persistence(patience=0.0)), connects=False)


def how_it_ended(client: TestClient) -> str:
    """The code of the error for which the client gave up."""
    error = client.wait_for(Stopped).error
    assert error is not None
    return error.code


@pytest.mark.parametrize("counter_before", [MAX_LOGIN_COUNTER + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_count_of_logins_that_cannot_be_is_not_taken_over_and_the_device_can_still_log_in(
    counter_before: int, liar: Liar, new_client: TestClient
) -> None:
    liar.counter_before = counter_before
    vault = new_client.core.vault
    with new_client:
        assert how_it_ended(new_client) == "server.nonsense"
        counter = vault.get(LOGIN_COUNTER, SELF)
        assert counter is not None
        assert counter.value == 1
        assert login_state.resume_tokens(vault).current == liar.person.resume_token


@pytest.mark.parametrize("name", ["a\x1b[2J", "Lobby", "", "a" * 33, "lobby\n"])
def test_a_room_of_a_name_that_no_room_can_have_is_not_entered(name: str, liar: Liar, new_client: TestClient) -> None:
    liar.rooms = (JoinedRoom(name, "", 5, 1),)
    with new_client:
        assert how_it_ended(new_client) == "server.nonsense"


def test_who_says_everything_but_the_answer_is_not_listened_to_without_end(liar: Liar, new_client: TestClient) -> None:
    presence = encode(Presence("lobby", ["x" * 30] * 20, [], 20))
    liar.before_welcome = [presence * 50] * (MAX_HELD_EVENTS // 50 + 2)
    with new_client:
        assert how_it_ended(new_client) == "server.nonsense"


Ask = Callable[[TestClient], Ticket]
LISTS: dict[str, tuple[Ask, Callable[[int], Said]]] = {
    "rooms": (
        lambda client: client.core.list_rooms("", "dev"),
        lambda number: RoomPage(number, [RoomSummary("dev", "", 1, False)], True, 2),
    ),
    "rooms, an empty page": (lambda client: client.core.list_rooms(), lambda number: RoomPage(number, [], True, 2)),
    "people": (
        lambda client: client.core.list_users("bob"),
        lambda number: PeoplePage(number, [Person("ann", "member", True)], True, 2),
    ),
    "members": (
        lambda client: client.core.list_members("lobby"),
        lambda number: PeoplePage(number, [Person("bob", "member", True)] * 2, True, 2),
    ),
    "a search": (lambda client: client.core.search("words", before=7), lambda number: SearchPage(number, b"", 7)),
    "a message of no time": (
        lambda client: client.core.search("words"),
        lambda number: SearchPage(number, encode(Message("lobby", 1, -(2**62), "bob", bytes(16), "text")), 0),
    ),
}


@pytest.mark.parametrize("which", LISTS)
def test_pages_that_do_not_go_on_are_refused_and_whoever_asked_is_told(
    which: str, liar: Liar, new_client: TestClient
) -> None:
    ask, page = LISTS[which]
    liar.rooms = (JoinedRoom("lobby", "", 5, 1),)
    liar.pages = lambda command: [page(command.id)]
    with new_client as client:
        client.enter("lobby")
        assert client.failure(ask(client)) == "server.nonsense"


@pytest.mark.long
def test_a_server_that_asks_for_signs_of_life_and_takes_none_is_not_answered_without_end(
    liar: Liar, new_client: TestClient, server: ScriptedServer
) -> None:
    asked = 400_000
    flood = [encode(PingEvent(1)) * 4000] * (asked // 4000)
    liar.rooms = (JoinedRoom("lobby", "", 5, 1),)
    liar.pages = lambda command: [*flood, RoomPage(command.id, [], False, 0)] if isinstance(command, c.RoomList) else []
    with new_client as client:
        client.enter("lobby")
        client.outcome(client.core.list_rooms())
        client.outcome(client.core.status())  # everything that was sent before it has arrived
    assert 0 < sum(isinstance(command, c.Pong) for command in server.commands) < asked
