"""A connection exists only to the server of the link: every other one is refused, explained, and was sent nothing."""

import os
import socket
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from secure_chat.certificates.contexts import server_context
from secure_chat.certificates.pins import authority_pin, format_pin, log_pin
from secure_chat.client.channel import Channel, connect
from secure_chat.client.server_identity import ServerIdentity
from secure_chat.client.waiting import Waiter
from secure_chat.errors import (
    ChatError,
    ConnectionLost,
    FrameTooLarge,
    HostUnknown,
    NothingAnswers,
    NotMember,
    RefusedByServer,
    ServerSaidNonsense,
    TlsError,
    TlsNameError,
    TlsPinError,
    TlsTimeError,
)
from secure_chat.protocol.codec import encode
from secure_chat.protocol.commands import AnyCommand, NameQuery, Ping, Pong, RoomJoin, UserList
from secure_chat.protocol.events import Failure, NameFacts, PeoplePage, PingEvent, PongReply, Presence, RoomOpened, Said
from secure_chat.protocol.frames import frame
from tests.certificates.impostors import Issuer, look_alike, write
from tests.support.installation import HOST
from tests.support.scripted_server import Answer, ScriptedServer, silence

LOG_KEY = os.urandom(32)
LONG_AGO = datetime.now(UTC) - timedelta(days=30)


@pytest.fixture(scope="module")
def authority() -> Issuer:
    return Issuer.make()


@pytest.fixture
def waiter() -> Iterator[Waiter]:
    with Waiter() as waiting:
        yield waiting


def serving(
    directory: Path,
    issuer: Issuer,
    answer: Answer = silence,
    *,
    names: tuple[str, ...] = (HOST,),
    now: datetime | None = None,
    first_words: bytes | None = None,
) -> ScriptedServer:
    certificate, key = issuer.issue(*names, now=datetime.now(UTC) if now is None else now)
    files = write(directory, key, certificate, issuer.certificate)
    return ScriptedServer(server_context(files.certificate, files.key), LOG_KEY, answer, first_words=first_words)


def identity(issuer: Issuer, port: int, log_key: bytes = LOG_KEY) -> ServerIdentity:
    return ServerIdentity(HOST, port, issuer.public_key, log_pin(log_key))


# --- who the server is ---------------------------------------------------------------------------


def test_the_server_of_the_link_is_connected_to_and_heard(tmp_path: Path, authority: Issuer, waiter: Waiter) -> None:
    with serving(tmp_path, authority) as server, connect(identity(authority, server.port), waiter) as channel:
        assert channel.hello.log_pk == LOG_KEY
        assert channel.tls_version == "TLS 1.3"
        assert len(channel.leaf_hash) == 32
    assert server.received == b"", "nothing is sent before somebody asks for something"


@pytest.mark.parametrize("kind", ["another authority", "a look-alike", "a look-alike with the same identifier"])
def test_another_authority_under_the_same_invite_is_refused(
    kind: str, tmp_path: Path, authority: Issuer, waiter: Waiter
) -> None:
    other = Issuer.make() if kind == "another authority" else look_alike(authority, same_identifier="same" in kind)
    with serving(tmp_path, other) as server:
        with pytest.raises(TlsPinError, match="not the server of your invite") as refusal:
            connect(identity(authority, server.port), waiter)
        assert server.ended.wait(60)
    assert format_pin(authority_pin(authority.public_key)) in str(refusal.value)
    assert "Nothing was sent." in str(refusal.value)
    assert server.received == b""


def test_a_certificate_for_another_name_is_refused(tmp_path: Path, authority: Issuer, waiter: Waiter) -> None:
    with serving(tmp_path, authority, names=("team.example.org",)) as server:
        with pytest.raises(TlsNameError, match=f"not for {HOST}, the name you asked for") as refusal:
            connect(identity(authority, server.port), waiter)
        assert server.ended.wait(60)
    assert f"issue server --san {HOST}" in refusal.value.next_step
    assert server.received == b""


def test_a_certificate_that_has_ended_is_refused(tmp_path: Path, authority: Issuer, waiter: Waiter) -> None:
    with serving(tmp_path, authority, now=LONG_AGO) as server:
        with pytest.raises(TlsTimeError, match="by your clock"):
            connect(identity(authority, server.port), waiter)
        assert server.ended.wait(60)
    assert server.received == b""


@pytest.mark.parametrize("known", ["by its pin", "whole"])
def test_another_key_log_is_refused_before_anything_is_sent(
    known: str, tmp_path: Path, authority: Issuer, waiter: Waiter
) -> None:
    expected = os.urandom(32)
    with serving(tmp_path, authority) as server:
        meant = identity(authority, server.port, expected)
        if known == "whole":
            meant = ServerIdentity(HOST, server.port, authority.public_key, log_pin(expected), expected)
        with pytest.raises(TlsPinError, match="key log") as refusal:
            connect(meant, waiter)
        assert server.ended.wait(60)
    assert "Nothing was sent." in str(refusal.value)
    assert server.received == b""


def test_a_server_of_another_protocol_is_refused(tmp_path: Path, authority: Issuer, waiter: Waiter) -> None:
    certificate, key = authority.issue(HOST)
    files = write(tmp_path, key, certificate, authority.certificate)
    context = server_context(files.certificate, files.key)
    context.set_alpn_protocols([])
    with ScriptedServer(context, LOG_KEY) as server, pytest.raises(TlsError):
        connect(identity(authority, server.port), waiter)
    assert server.received == b""


@pytest.mark.parametrize(
    ("words", "code"),
    [(encode(PongReply(1)), "server.nonsense"), (encode(Failure(0, "busy", "Full.")), "busy")],
    ids=["another word", "a refusal"],
)
def test_who_does_not_say_hello_is_not_talked_to(
    words: bytes, code: str, tmp_path: Path, authority: Issuer, waiter: Waiter
) -> None:
    with serving(tmp_path, authority, first_words=words) as server:
        with pytest.raises(ChatError) as refusal:
            connect(identity(authority, server.port), waiter)
        assert server.ended.wait(60)
    assert refusal.value.code == code
    assert server.received == b""


def test_where_nothing_listens_the_person_learns_that_nothing_answers(authority: Issuer, waiter: Waiter) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NothingAnswers, match=f"Nothing answers at {HOST}:{port}") as refusal:
        connect(identity(authority, port), waiter)
    assert "secure-chat-server status" in refusal.value.next_step


def test_a_name_that_leads_nowhere_is_said(authority: Issuer, waiter: Waiter) -> None:
    nowhere = ServerIdentity("nowhere.invalid", 7443, authority.public_key, log_pin(LOG_KEY))
    with pytest.raises(HostUnknown, match=r"nowhere\.invalid"):
        connect(nowhere, waiter)


def test_a_server_that_closes_before_tls_is_a_lost_connection(authority: Issuer, waiter: Waiter) -> None:
    with socket.create_server((HOST, 0)) as listener:

        def close_the_first() -> None:
            plain, _ = listener.accept()
            plain.close()

        closing = threading.Thread(target=close_the_first)
        closing.start()
        with pytest.raises(ConnectionLost):
            connect(identity(authority, listener.getsockname()[1]), waiter)
        closing.join()


def test_a_wait_for_a_silent_server_can_be_ended_from_another_thread(authority: Issuer) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with socket.create_server((HOST, 0)) as listener, Waiter(on_wake=stop) as waiter:
        accepted: list[socket.socket] = []

        def wake_once_connected() -> None:
            accepted.append(listener.accept()[0])
            waiter.wake()

        waking = threading.Thread(target=wake_once_connected)
        waking.start()
        with pytest.raises(KeyboardInterrupt):
            connect(identity(authority, listener.getsockname()[1]), waiter)
        waking.join()
        accepted[0].close()


# --- asking and hearing --------------------------------------------------------------------------


def replies(command: AnyCommand) -> Iterable[Said | bytes]:
    match command:
        case NameQuery():
            return [Presence("dev", ["bob"], [], 1), NameFacts(command.id, 1), Presence("dev", [], ["bob"], 0)]
        case RoomJoin():
            return [Failure(command.id, "room.not_member", "Not \x1b[31mthere.", retry_after=float("inf"))]
        case Ping():
            return [PingEvent(77)]
        case Pong():
            return [PongReply(1)]
        case _:
            return [b""]


@pytest.fixture
def talking(tmp_path: Path, authority: Issuer, waiter: Waiter) -> Iterator[Channel]:
    with (
        serving(tmp_path, authority, replies) as server,
        connect(identity(authority, server.port), waiter) as channel,
    ):
        yield channel


def test_an_answer_is_found_among_other_things_and_these_are_not_lost(talking: Channel) -> None:
    assert talking.ask(NameQuery(talking.request_id(), "alice"), NameFacts).login_kdf == 1
    said: list[Said] = []
    while len(said) < 2:
        said += talking.turn(talking.waiter.clock() + 60)
    assert said == [Presence("dev", ["bob"], [], 1), Presence("dev", [], ["bob"], 0)]


def test_a_refusal_is_raised_as_its_error_and_its_words_are_made_safe(talking: Channel) -> None:
    with pytest.raises(NotMember) as refusal:
        talking.ask(RoomJoin(talking.request_id(), "dev"), RoomOpened)
    assert "\x1b" not in refusal.value.sentence
    assert refusal.value.retry_after == 3600, "no server puts a client to sleep for good"


def test_a_servers_ping_is_answered_by_itself(talking: Channel) -> None:
    assert talking.ask(Ping(talking.request_id()), PongReply).id == 1


def test_another_kind_of_answer_is_nonsense(talking: Channel) -> None:
    with pytest.raises(ServerSaidNonsense):
        talking.ask(NameQuery(talking.request_id(), "alice"), PongReply)


def test_a_server_that_closes_instead_of_answering_is_a_lost_connection(talking: Channel) -> None:
    with pytest.raises(ConnectionLost):
        talking.ask(UserList(talking.request_id()), PeoplePage)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (frame(b"\xc1"), ServerSaidNonsense),
        (frame(msgspec.msgpack.encode({"type": "presence", "room": 5})), None),
        (frame(msgspec.msgpack.encode({"type": "message", "room": 5})), ServerSaidNonsense),
        (b"\xff\xff\xff\xff", FrameTooLarge),
    ],
    ids=["no map", "a type of a later version", "a known type with other fields", "a length beyond the limit"],
)
def test_what_is_no_protocol_ends_the_connection_and_what_is_newer_is_let_pass(
    words: bytes, error: type[Exception] | None, tmp_path: Path, authority: Issuer, waiter: Waiter
) -> None:
    def answer(command: AnyCommand) -> Iterable[Said | bytes]:
        return [words, PongReply(command.id)]

    with (
        serving(tmp_path, authority, answer) as server,
        connect(identity(authority, server.port), waiter) as channel,
    ):
        if error is None:
            channel.ask(Ping(channel.request_id()), PongReply)
        else:
            with pytest.raises(error):
                channel.ask(Ping(channel.request_id()), PongReply)


def test_an_error_of_a_later_version_keeps_its_code(tmp_path: Path, authority: Issuer, waiter: Waiter) -> None:
    def answer(command: AnyCommand) -> Iterable[Said | bytes]:
        return [Failure(command.id, "room.haunted", "There are ghosts.")]

    with (
        serving(tmp_path, authority, answer) as server,
        connect(identity(authority, server.port), waiter) as channel,
    ):
        with pytest.raises(RefusedByServer, match="There are ghosts") as refusal:
            channel.ask(Ping(channel.request_id()), PongReply)
        assert refusal.value.code == "room.haunted"
        assert RefusedByServer.code != "room.haunted"
