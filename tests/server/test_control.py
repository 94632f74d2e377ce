"""The administration socket of a running server: who may use it, what it does, and that it harms nobody."""

import os
import secrets
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from secure_chat.errors import (
    Busy,
    ChatError,
    CommandInvalid,
    NameInvalid,
    PermissionDenied,
    ServerNotRunning,
    UserUnknown,
)
from secure_chat.limits import MAX_CONTROL_CONNECTIONS, MAX_FRAME_BYTES, MAX_SMALL_REQUEST_BYTES
from secure_chat.protocol import administration as a
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.frames import FrameReader, frame
from secure_chat.server import control_socket
from secure_chat.server.settings.control_client import ask
from secure_chat.server.settings.paths import DataDirectory, socket_address
from tests.support.installation import Installation
from tests.support.people import make_person
from tests.support.wire_client import RefusedByServer

_Reply = TypeVar("_Reply")


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """A server of the test's own, for what changes accounts or counts connections."""
    with started(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One server for all who only ask."""
    with started(tmp_path_factory.mktemp("shared")) as made:
        yield made


@contextmanager
def started(directory: Path) -> Iterator[Installation]:
    made = Installation(directory)
    made.seed(["alice", "bob"])
    with made.start():
        yield made


def asked(installation: Installation, command: a.AdministrationCommand, kind: type[_Reply]) -> _Reply:
    reply = ask(DataDirectory(installation.data), command)
    assert isinstance(reply, kind), reply
    return reply


def refused(installation: Installation, command: a.AdministrationCommand) -> ChatError:
    with pytest.raises(ChatError) as caught:
        ask(DataDirectory(installation.data), command)
    return caught.value


def test_the_socket_is_in_a_directory_that_nobody_else_may_enter(shared: Installation) -> None:
    directory = DataDirectory(shared.data)
    assert stat.S_IMODE(directory.run.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.control_socket.stat().st_mode) == 0o600


def test_the_server_says_how_it_is_and_where(installation: Installation) -> None:
    with installation.connect_as("alice"):
        status = asked(installation, a.AskStatus(7), a.Status)
        assert (status.id, status.port, status.accounts, status.people, status.connections) == (
            7,
            installation.port,
            2,
            1,
            1,
        )
    address = asked(installation, a.AskAddress(1), a.Address)
    assert (address.host, address.port, address.authority) == ("127.0.0.1", installation.port, installation.authority)
    counters = asked(installation, a.AskStatistics(1), a.Statistics).counters
    assert [counter.name for counter in counters] == sorted(counter.name for counter in counters)


def test_an_invite_made_on_the_socket_lets_somebody_in_once(installation: Installation) -> None:
    token = secrets.token_bytes(16)
    made = asked(
        installation, a.CreateInvite(1, invite_token_hash(token), 72, "administrator", ["lobby"]), a.InviteMade
    )
    carol = make_person("carol")
    with installation.connect() as client:
        assert client.register(carol, token).role == "administrator"
    with installation.connect() as client, pytest.raises(RefusedByServer) as caught:
        client.register(make_person("dora"), token)
    assert caught.value.failure.code == "invite.used"
    rows = {row.invite: row for row in asked(installation, a.ListInvites(1), a.InvitePage).invites}
    assert (rows[made.invite].state, rows[made.invite].used_by) == ("used", "carol")


def test_a_revoked_invite_lets_nobody_in(installation: Installation) -> None:
    token = secrets.token_bytes(16)
    made = asked(installation, a.CreateInvite(1, invite_token_hash(token), 1), a.InviteMade)
    asked(installation, a.RevokeInvite(1, made.invite), e.Done)
    with installation.connect() as client, pytest.raises(RefusedByServer) as caught:
        client.register(make_person("carol"), token)
    assert caught.value.failure.code.startswith("invite.")
    assert refused(installation, a.RevokeInvite(1, 10**6)).code == "invite.unknown"


def test_a_name_that_was_invited_is_bound_to_its_invite(installation: Installation) -> None:
    token = secrets.token_bytes(16)
    asked(installation, a.AddUser(1, "carol", invite_token_hash(token), 72), a.InviteMade)
    with installation.connect() as client, pytest.raises(RefusedByServer) as caught:
        client.register(make_person("mallory"), token)
    assert caught.value.failure.code == "invite.bound"
    with installation.connect() as client:
        client.register(make_person("carol"), token)
    assert isinstance(refused(installation, a.AddUser(1, "", invite_token_hash(token), 72)), NameInvalid)


def test_a_disabled_account_is_thrown_out_and_cannot_come_back_until_it_is_enabled(installation: Installation) -> None:
    with installation.connect_as("bob") as client:
        asked(installation, a.SetUserState(1, "Bob", "disabled"), e.Done)
        client.wait_until_closed()
    with installation.connect() as client, pytest.raises(RefusedByServer) as caught:
        client.login(installation.people["bob"])
    assert caught.value.failure.code == "auth.failed"
    asked(installation, a.SetUserState(1, "bob", "enabled"), e.Done)
    with installation.connect() as client:
        client.login(installation.people["bob"])


def test_an_account_is_logged_out_everywhere(installation: Installation) -> None:
    with installation.connect_as("bob") as client:
        asked(installation, a.LogOutUser(1, "bob"), e.Done)
        client.wait_until_closed()
    with installation.connect() as client, pytest.raises(RefusedByServer) as caught:
        client.resume(installation.people["bob"])
    assert caught.value.failure.code == "auth.token_unknown"


def test_people_and_sessions_are_listed_with_who_is_online(installation: Installation) -> None:
    with installation.connect_as("alice"):
        users = asked(installation, a.ListUsers(1), a.AccountPage)
        assert [(row.name, row.online) for row in users.accounts] == [("alice", True), ("bob", False)]
        sessions = asked(installation, a.ListSessions(1), a.SessionPage).sessions
        assert {(row.name, row.online) for row in sessions} == {("alice", True), ("bob", False)}
        shown = asked(installation, a.ShowUser(1, "alice"), a.AccountDetails)
        assert (shown.facts.name, shown.rooms, len(shown.devices)) == ("alice", ["lobby"], 1)
        assert shown.user_id == installation.people["alice"].user_id
    assert isinstance(refused(installation, a.ShowUser(1, "nobody-here")), UserUnknown)


def test_nonsense_ends_the_operators_connection_and_nobody_elses(shared: Installation) -> None:
    with shared.connect_as("alice") as client:
        for data in (frame(b"\xc1"), b"\xff\xff\xff\xff", frame(b"x" * MAX_SMALL_REQUEST_BYTES) + b"more"):
            with connection(shared) as raw:
                raw.sendall(data)
                answer = received(raw)
                assert answer == [] or is_refusal(answer[0], CommandInvalid.code)
        client.ask(c.Ping(client.next_id()))
    assert asked(shared, a.AskStatus(1), a.Status).accounts == 2


def test_two_requests_at_once_are_too_many(shared: Installation) -> None:
    with connection(shared) as raw:
        raw.sendall(a.encode(a.AskStatus(1)) + a.encode(a.AskStatus(2)))
        assert received(raw) == []


def test_one_request_follows_another_on_one_connection(shared: Installation) -> None:
    with connection(shared) as raw:
        frames = FrameReader(MAX_FRAME_BYTES)
        for number in (1, 2, 3):
            raw.sendall(a.encode(a.AskStatus(number)))
            bodies: list[bytes] = []
            while not bodies:
                bodies = frames.feed(raw.recv(65536))
            reply = a.decode_reply(bodies[0])
            assert isinstance(reply, a.Status)
            assert reply.id == number


def test_silent_operators_are_bounded_and_the_next_is_told_why(shared: Installation) -> None:
    silent = [connection(shared) for _ in range(MAX_CONTROL_CONNECTIONS)]
    try:
        with connection(shared) as raw:
            assert is_refusal(received(raw)[0], Busy.code)
    finally:
        for each in silent:
            each.close()
    while True:  # their places are free as soon as the server has seen them go
        try:
            assert asked(shared, a.AskStatus(1), a.Status).accounts == 2
            return
        except Busy:
            continue


def test_many_operators_at_once_all_get_their_answers(shared: Installation) -> None:
    results: list[int] = []

    def work(number: int) -> None:
        results.append(asked(shared, a.AskStatus(number), a.Status).id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == list(range(1, 9))


def test_another_user_of_the_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert control_socket.operator_of(here)
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        monkeypatch.setattr(control_socket, "_PEER", _OtherUser())
        with pytest.raises(PermissionDenied):
            control_socket.operator_of(here)


class _OtherUser:
    """What the system says about a peer that belongs to neither the server's user nor root."""

    size = 12

    def unpack(self, _: bytes) -> tuple[int, int, int]:
        return 1, 54321, 54321


def test_without_a_server_one_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(ServerNotRunning):
        ask(DataDirectory(tmp_path), a.AskStatus(1))


def test_the_socket_goes_with_the_server_and_a_dead_ones_is_replaced(tmp_path: Path) -> None:
    made = Installation(tmp_path)
    path = DataDirectory(made.data).control_socket
    server = made.start()
    server.kill()
    assert path.exists()
    with made.start():
        assert asked(made, a.AskStatus(1), a.Status).accounts == 0
    assert not path.exists()


def test_what_operators_did_is_in_the_log_and_no_token_is(installation: Installation) -> None:
    token_hash = secrets.token_bytes(32)
    asked(installation, a.CreateInvite(1, token_hash, 1), a.InviteMade)
    asked(installation, a.SetUserState(1, "bob", "disabled"), e.Done)
    log = (installation.data / "log" / "app.log").read_text(encoding="utf-8")
    assert "CreateInvite" in log
    assert "SetUserState bob" in log
    assert token_hash.hex() not in log


def connection(installation: Installation) -> socket.socket:
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(60)
    with socket_address(DataDirectory(installation.data).control_socket) as address:
        raw.connect(address)
    return raw


def received(raw: socket.socket) -> list[bytes]:
    """The bodies of all frames until the server closes or has answered once."""
    frames = FrameReader(MAX_FRAME_BYTES)
    try:
        while data := raw.recv(65536):
            if bodies := frames.feed(data):
                return bodies
    except ConnectionResetError:
        pass
    return []


def is_refusal(body: bytes, code: str) -> bool:
    reply = a.decode_reply(body)
    return isinstance(reply, e.Failure) and reply.code == code
