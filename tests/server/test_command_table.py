"""The published table command x state x role, cell by cell, on a real server."""

import itertools
import secrets
from collections.abc import Iterator
from typing import get_args

import pytest

from secure_chat.errors import ChatError, NotNow, PermissionDenied
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.states import TRANSITIONS, Role, State, answer
from tests.support.installation import Installation
from tests.support.people import TestPerson, make_person
from tests.support.wire_client import WireClient

COMMANDS = sorted({command for _, command in TRANSITIONS}, key=lambda command: command.__name__)
STATES = [state for state in State if state is not State.CLOSING]
REFUSED_FOR_ITS_CONTENT = {
    c.Register: {"invite.unknown"},
    c.Login: {"auth.failed"},
    c.Resume: {"auth.token_unknown"},
    c.Recover: {"invite.unknown"},
    c.InviteQuery: {"invite.unknown"},
    c.PassphraseChange: {"auth.failed"},
    c.TokenConfirm: {"auth.token_unknown"},
    c.RoomOpen: {"room.unknown"},
    c.RoomPost: {"room.unknown"},
    c.RoomTopic: {"room.unknown"},
    c.RoomKick: {"room.unknown"},
    c.RoomMembers: {"room.unknown"},
    c.RoomHistory: {"room.unknown"},
    c.DeviceListQuery: {"user.unknown"},
    c.PrekeysClaim: {"user.unknown"},
    c.DirectSend: {"user.unknown"},
}
"""What a permitted command below is answered with when it is not done: it was taken, its content was not right."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("table"))
    made.seed(["member"])
    made.seed(["boss"], role=Role.ADMINISTRATOR)
    with made.start():
        yield made


def request_of(command: type[c.Command], client: WireClient) -> c.Command:
    """A well-formed command of this kind that harms nobody."""
    number, person = client.next_id(), make_person("stranger")
    proof = person.proof(client.server_id, client.hello.nonce, client.leaf_hash)
    device_list, prekey = person.device_list.signed.encode(), person.signed_prekey.published.encode()
    client_id, room, secret, token = secrets.token_bytes(16), "nowhere", person.login_secret, secrets.token_bytes(16)
    requests: dict[type[c.Command], c.Command] = {
        c.NameQuery: c.NameQuery(number, "stranger"),
        c.InviteQuery: c.InviteQuery(number, secrets.token_bytes(32)),
        c.Register: c.Register(number, "stranger", secret, device_list, prekey, proof, token),
        c.Login: c.Login(number, "stranger", secret, proof),
        c.Resume: c.Resume(number, secrets.token_bytes(32), proof),
        c.Recover: c.Recover(number, "stranger", secret, device_list, prekey, proof, token),
        c.TokenConfirm: c.TokenConfirm(number, secrets.token_bytes(32)),
        c.Logout: c.Logout(number),
        c.PassphraseChange: c.PassphraseChange(number, secrets.token_bytes(32), secret),
        c.Ping: c.Ping(number),
        c.Pong: c.Pong(number),
        c.RoomCreate: c.RoomCreate(number, f"room{secrets.token_hex(8)}"),
        c.RoomJoin: c.RoomJoin(number, "lobby"),
        c.RoomLeave: c.RoomLeave(number, "lobby"),
        c.RoomOpen: c.RoomOpen(number, room),
        c.RoomPost: c.RoomPost(number, room, client_id, "hello"),
        c.RoomTopic: c.RoomTopic(number, room, client_id, "topic"),
        c.RoomKick: c.RoomKick(number, room, client_id, "member"),
        c.RoomList: c.RoomList(number),
        c.RoomMembers: c.RoomMembers(number, room),
        c.RoomHistory: c.RoomHistory(number, room, 1, 10),
        c.RoomSearch: c.RoomSearch(number, "hello"),
        c.UserList: c.UserList(number),
        c.PrekeysPublish: c.PrekeysPublish(number),
        c.DeviceListQuery: c.DeviceListQuery(number, "nobody"),
        c.PrekeysClaim: c.PrekeysClaim(number, token, [1]),
        c.DirectSend: c.DirectSend(number, token, [c.DirectPart(1, omitted=1)]),
        c.DirectAcknowledge: c.DirectAcknowledge(number, [token]),
        c.DirectDefer: c.DirectDefer(number, [token]),
        c.InviteCreate: c.InviteCreate(number, secrets.token_bytes(32)),
        c.InviteOwn: c.InviteOwn(number),
        c.InviteSettle: c.InviteSettle(number, [secrets.token_bytes(32)]),
    }
    return requests[command]


def in_state(installation: Installation, state: State, role: Role) -> WireClient:
    """A connection in this state; in that before it for AUTHENTICATING, which `put` begins."""
    client = installation.connect()
    person = installation.people["boss" if role is Role.ADMINISTRATOR else "member"]
    if state is State.READY:
        client.resume(person)
    elif state is State.LIMITED:
        reply = client.ask(c.Login(client.next_id(), person.name, person.login_secret))
        assert isinstance(reply, e.WelcomeLimited)
    return client


def put(client: WireClient, request: c.Command, state: State, person: TestPerson) -> None:
    """Send a request into this state. AUTHENTICATING lasts for a bcrypt: the login goes out in one piece with it."""
    before = c.Login(client.next_id(), person.name, person.login_secret)
    client.send_together([before, request] if state is State.AUTHENTICATING else [request])


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", STATES)
def test_every_command_is_taken_or_refused_as_the_table_says(
    installation: Installation, state: State, role: Role
) -> None:
    person = installation.people["boss" if role is Role.ADMINISTRATOR else "member"]
    client = in_state(installation, state, role)
    try:
        for command in COMMANDS:
            expected = answer(state, role if state is State.READY else Role.MEMBER, command)
            request = request_of(command, client)
            put(client, request, state, person)
            check_cell(client, request, expected, f"{command.__name__} in {state.value} as {role.value}")
            if command is c.Logout and expected is State.CLOSING:
                come_back(installation, person)
            if state is State.AUTHENTICATING or expected not in (state, NotNow, PermissionDenied):
                client.close()  # no longer in this state
                client = in_state(installation, state, role)
    finally:
        client.close()


def check_cell(client: WireClient, request: c.Command, expected: State | type[ChatError], cell: str) -> None:
    if isinstance(request, c.Pong) and isinstance(expected, State):
        ping = c.Ping(client.next_id())  # pong has no reply; that the next one is answered says that it was taken
        assert isinstance(client.ask(ping), e.PongReply), cell
        return
    reply = client.answer_to(request.id)
    if isinstance(expected, State):
        if isinstance(reply, e.Failure):
            assert reply.code in REFUSED_FOR_ITS_CONTENT.get(type(request), set()), f"{cell}: {reply.code}"
        if expected is State.CLOSING or (expected is State.AUTHENTICATING and isinstance(reply, e.Failure)):
            client.wait_until_closed()
    else:
        assert isinstance(reply, e.Failure), cell
        assert reply.code == expected.code, cell


def come_back(installation: Installation, person: TestPerson) -> None:
    """A logout ended the resume token: log in by passphrase for the next cell."""
    with installation.connect() as client:
        client.login(person)


def test_nothing_is_taken_after_a_logout(installation: Installation) -> None:
    person = installation.people["member"]
    with installation.connect() as client:
        client.login(person)
        logout, late = c.Logout(client.next_id()), c.RoomCreate(client.next_id(), "too-late")
        client.send(logout)
        client.send(late)
        client.wait_until_closed()
        answers = [said for said in client.said if getattr(said, "id", 0) == late.id]
        assert all(isinstance(said, e.Failure) and said.code == "command.not_now" for said in answers)
    with installation.connect() as client:
        client.login(person)
        page = client.ask(c.RoomList(client.next_id(), pattern="too-late"))
        assert isinstance(page, e.RoomPage)
        assert page.rooms == []


def test_the_table_names_every_command_and_every_cell_has_one_answer() -> None:
    assert set(COMMANDS) == set(get_args(c.AnyCommand))
    for state, role, command in itertools.product(State, Role, COMMANDS):
        assert isinstance(answer(state, role, command), State | type)
