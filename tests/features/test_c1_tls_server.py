"""Rows C1 to C3: a threaded server that speaks TLS 1.3 alone, lets in who proves who they are, and limits everybody."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from secure_chat.certificates.contexts import client_context
from secure_chat.limits import INVITE_TOKEN_BYTES, RESUME_TOKEN_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import LOGIN_SECRET_BYTES
from secure_chat.protocol.codec import encode
from secure_chat.protocol.frames import frame
from tests.features.team import Team, running_team
from tests.support.command import PATIENCE_SECONDS
from tests.support.installation import HOST
from tests.support.people import make_person
from tests.support.wire_client import RefusedByServer, WireClient, client_id

STRICT = """\
[rates]
posts_per_second = 0.5
posts_burst = 3
reads_per_second = 0.01
reads_burst = 3
joins_per_second = 0.01
joins_burst = 3
logins_per_minute = 1
logins_burst = 3
registrations_per_hour = 2
registrations_burst = 3
[presence]
grace_seconds = 0
"""
BURST = 3
ALERT, ALERT_BYTES = b"\x15", 7  # RFC 8446, 6: the header of its record, its level, what it says
BEFORE_LOGIN = {c.NameQuery, c.InviteQuery, c.Register, c.Login, c.Resume, c.Recover, c.Pong}  # a pong has no answer
ID = client_id(1, 1)
AFTER_LOGIN = [
    c.TokenConfirm(1, bytes(32)),
    c.Logout(1),
    c.PassphraseChange(1, bytes(32), bytes(32)),
    c.Ping(1),
    c.RoomCreate(1, "mine"),
    c.RoomJoin(1, "dev"),
    c.RoomLeave(1, "dev"),
    c.RoomOpen(1, "dev"),
    c.RoomPost(1, "dev", ID, "from nobody"),
    c.RoomTopic(1, "dev", ID, "from nobody"),
    c.RoomKick(1, "dev", ID, "walter"),
    c.RoomList(1),
    c.RoomMembers(1, "dev"),
    c.RoomHistory(1, "dev", 1, 100),
    c.RoomSearch(1, "nobody"),
    c.UserList(1),
    c.PrekeysPublish(1),
    c.DeviceListQuery(1, "walter"),
    c.PrekeysClaim(1, bytes(16), [1]),
    c.DirectSend(1, bytes(16), [c.DirectPart(1, omitted=1)]),
    c.DirectAcknowledge(1, [bytes(16)]),
    c.DirectDefer(1, [bytes(16)]),
    c.InviteCreate(1, bytes(32)),
    c.InviteOwn(1),
    c.InviteSettle(1, [bytes(32)]),
]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with running_team(tmp_path_factory.mktemp("tls"), ["alice", "walter", "mallory"], ["dev"]) as made:
        yield made


@pytest.fixture
def strict_team(tmp_path: Path) -> Iterator[Team]:
    with running_team(tmp_path, ["bob", "walter", "mallory"], ["dev"], settings=STRICT) as made:
        yield made


# --- C1: TLS 1.3 ---------------------------------------------------------------------------------


def test_c1_the_server_speaks_tls_1_3_and_nothing_else(team: Team) -> None:
    with team.installation.connect() as client:
        assert client.tls.version() == "TLSv1.3"
    assert team.server.threads() > 1
    assert said_under(team, client_context(team.installation.authority)), "the way of the refused ones leads nowhere"
    refuse_other_versions_and_protocols(team)
    hello = frame(b"\x81\xa4type\xa5hello")
    requests = {
        "nothing of TLS": encode(c.NameQuery(1, "alice")),
        "a frame": hello,
        "the web": b"GET / HTTP/1.1\r\nHost: team\r\n\r\n",
        "SSL 3": bytes.fromhex("16030000310100002d0300") + bytes(32) + bytes.fromhex("000006000a002f00350100"),
    }
    for what, request in requests.items():
        answer = answer_to(team.installation.port, request)
        assert (answer[:1], len(answer)) in ((b"", 0), (ALERT, ALERT_BYTES)), f"{what}: {answer!r}"
    assert listening_ports(team.server.pid) == [team.installation.port]


def refuse_other_versions_and_protocols(team: Team) -> None:
    """A client that trusts the server's authority, and would take anything, is told nothing."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MINIMUM_SUPPORTED):
        context = client_context(team.installation.authority)
        context.minimum_version, context.maximum_version = version, ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError, match=r"protocol|alert"):
            said_under(team, context)
    for protocols in ([], ["http/1.1"], ["secure-chat/2"]):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if protocols:
            context.set_alpn_protocols(protocols)
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            assert said_under(team, context) == b"", protocols


def said_under(team: Team, context: ssl.SSLContext) -> bytes:
    """What the server says first to a client of this context."""
    with (
        socket.create_connection((HOST, team.installation.port), timeout=PATIENCE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as tls,
    ):
        return tls.recv(4096)


def answer_to(port: int, request: bytes) -> bytes:
    """All that the server sends to somebody who sends this without TLS, and then nothing more."""
    answer = b""
    with (
        socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS) as plain,
        contextlib.suppress(ConnectionError),
    ):
        plain.sendall(request)
        plain.shutdown(socket.SHUT_WR)
        while data := plain.recv(4096):
            answer += data
    return answer


def listening_ports(process: int) -> list[int]:
    """The TCP ports at which a process listens."""
    inodes = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    ports = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/{process}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = row.split()
            if fields[9] in inodes and (fields[3] == "0A" or table.startswith("udp")):
                ports.append(int(fields[1].rpartition(":")[2], 16))
    return ports


# --- C2: logging in ------------------------------------------------------------------------------


def test_c2_nobody_talks_without_logging_in(team: Team) -> None:
    assert {type(command) for command in AFTER_LOGIN} == set(get_args(c.AnyCommand)) - BEFORE_LOGIN
    with team.wire("walter") as walter:
        head = walter.open("dev").head
        for command in AFTER_LOGIN:
            with team.installation.connect() as nobody:
                refusal = nobody.answer_to(nobody.send(command))
                assert isinstance(refusal, e.Failure), command
                assert refusal.code == "command.not_now", command
                assert not nobody.said, "something was told to nobody"
        refuse_what_proves_nothing(team)
        said = walter.post("dev", "still nobody else", client_id(2, 1))
        assert walter.wait_for(e.Message).sender == "walter"
        assert said.number == head + 1, "somebody has done something"


def refuse_what_proves_nothing(team: Team) -> None:
    """A name is not enough, nor a token without its device, nor another's device, nor a proof of another connection."""
    alice, mallory = team.installation.people["alice"], team.installation.people["mallory"]
    with team.installation.connect() as client:
        proof = alice.proof(client.server_id, client.hello.nonce, client.leaf_hash)
    codes = []
    for command in (
        c.Login(1, "alice", bytes(LOGIN_SECRET_BYTES), proof),
        c.Resume(1, bytes(RESUME_TOKEN_BYTES), proof),
        c.Resume(1, alice.resume_token, proof),  # which was made for another connection
        c.Login(1, "alice", alice.login_secret, None),
    ):
        with team.installation.connect() as thief:
            codes.append(talks_after(thief, command))
    with team.installation.connect() as thief:
        other = mallory.proof(thief.server_id, thief.hello.nonce, thief.leaf_hash)
        codes.append(talks_after(thief, c.Resume(1, alice.resume_token, other)))
    assert codes == ["auth.failed", "auth.token_unknown", "auth.signature", "command.not_now", "auth.token_unknown"]


def talks_after(client: WireClient, command: c.Command) -> str:
    """With which code somebody is refused who asks for a login and then talks, whatever the answer was."""
    answer = client.answer_to(client.send(command))
    if isinstance(answer, e.Failure):
        client.wait_until_closed()
        return answer.code
    refusal = client.answer_to(client.send(c.RoomPost(2, "dev", client_id(3, 1), "from nobody")))
    assert isinstance(refusal, e.Failure)
    return refusal.code


# --- C3: limits ----------------------------------------------------------------------------------


def test_c3_who_asks_too_fast_is_told_to_wait(strict_team: Team) -> None:
    with strict_team.wire("mallory") as mallory, strict_team.wire("walter") as walter:
        slow_down_posts(mallory, walter)
        slow_down(mallory, c.RoomHistory(1000, "dev", 1, 1))
        slow_down(mallory, c.RoomJoin(2000, "dev"))
    slow_down_a_terminal(strict_team)
    slow_down_registrations(strict_team)
    slow_down_logins(strict_team)


def slow_down_posts(mallory: WireClient, walter: WireClient) -> None:
    """Who posts too fast is told for how long to wait, and nobody else is; after so long the next one is taken."""
    posts = [c.RoomPost(mallory.next_id(), "dev", client_id(4, number), f"number {number}") for number in range(20)]
    for post in posts:
        mallory.send(post)
    answers = [mallory.answer_to(post.id) for post in posts]
    refused = [answer for answer in answers if isinstance(answer, e.Failure)]
    assert len(answers) - len(refused) >= BURST
    assert {refusal.code for refusal in refused} == {"rate.limited"}
    wait = refused[-1].retry_after
    assert wait is not None
    assert 0 < wait <= 2
    walter.post("dev", "I need not wait", client_id(5, 1))
    while mallory.pump(wait):
        pass
    mallory.post("dev", "I have waited", client_id(4, 100))


def slow_down(mallory: WireClient, command: c.Command) -> None:
    """The same request again and again is answered at first, and then the answer is for how long to wait."""
    again = [msgspec.structs.replace(command, id=command.id + number) for number in range(BURST + 1)]
    first, *_, last = [mallory.answer_to(mallory.send(request)) for request in again]  # one that takes long counts more
    assert not isinstance(first, e.Failure)
    assert isinstance(last, e.Failure)
    assert last.code == "rate.limited"
    assert (last.retry_after or 0) > 0


def slow_down_a_terminal(team: Team) -> None:
    """At a terminal the lines that wait go by themselves, in order."""
    with team.machine("bob").at_terminal() as bob:
        bob.expect_text("#lobby >")
        for number in range(BURST + 2):  # so few a second that not even a slow machine keeps to it
            bob.enter(f"line {number}")
        bob.expect(r"[Ss]low down")
        bob.expect_text(f"bob: line {BURST + 1}\n")
        at = [bob.shown.index(f"bob: line {number}\n") for number in range(BURST + 2)]
        assert at == sorted(at)


def slow_down_registrations(team: Team) -> None:
    """One address makes only so many accounts an hour."""
    refusals = []
    for number in range(BURST + 1):
        with team.installation.connect() as client, pytest.raises(RefusedByServer) as refused:
            client.register(make_person(f"newcomer{number}"), bytes(INVITE_TOKEN_BYTES))
        refusals.append(refused.value.failure)
    assert [refusal.code for refusal in refusals] == ["invite.unknown"] * BURST + ["rate.limited"]
    assert 60 < (refusals[-1].retry_after or 0) <= 3600


def slow_down_logins(team: Team) -> None:
    """One address guesses only so often, even under many names."""
    refusals = []
    for number in range(BURST + 1):
        with team.installation.connect() as client, pytest.raises(RefusedByServer) as refused:
            client.login(make_person(f"guess{number}"))
        refusals.append(refused.value.failure)
    assert [refusal.code for refusal in refusals] == ["auth.failed"] * BURST + ["rate.limited"]
    assert 1 < (refusals[-1].retry_after or 0) <= 60
