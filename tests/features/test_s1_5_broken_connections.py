"""Row S1.5: connections break in every way, the others are told, and nobody else suffers."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from tests.features.team import Team, running_team
from tests.support.installation import HOST
from tests.support.wire_client import WireClient, client_id

GARBAGE = b"\xff\xfe\x00garbage" * 500
MALLORIES = [f"mallory{number}" for number in range(6)]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    names = ["alice", "bob", "slow", *MALLORIES]
    with running_team(tmp_path_factory.mktemp("broken"), names, ["dev"]) as made:
        yield made


def reset(plain: socket.socket) -> None:
    """End a connection as a crashed machine does: without a word of TLS, by a reset."""
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def talk(team: Team, run: int) -> None:
    """Alice and bob have a conversation, as if nothing had been."""
    with team.wire("alice") as alice, team.wire("bob") as bob:
        bob.open("dev")
        number = alice.post("dev", "does it still work?", client_id(run, 1)).number
        heard = bob.wait_for(e.Message)
        assert (heard.number, heard.sender, heard.text) == (number, "alice", "does it still work?")


def misbehave(team: Team) -> None:
    """Garbage and resets in every state of a connection."""
    address = (HOST, team.installation.port)
    for start in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02", GARBAGE):
        plain = socket.create_connection(address)
        with suppress(OSError):
            plain.sendall(start)
        reset(plain)
    for words in (GARBAGE, (2**32 - 1).to_bytes(4, "big"), encode(c.Ping(1)), b"\x00\x00"):
        stranger = team.installation.connect()
        stranger.tls.sendall(words)
        reset(stranger.tls)
    for name, words in zip(
        MALLORIES, (GARBAGE, b"\x00\x00\x00\x01\xc1", b"\x00", b"\xff\xff", b"", GARBAGE), strict=True
    ):
        mallory = team.wire(name)
        mallory.open("dev")
        mallory.tls.sendall(words)
        reset(mallory.tls)


def test_s1_5_the_others_are_told_of_an_abrupt_disconnect(team: Team) -> None:
    with team.machine("bob").at_terminal() as bob:
        bob.expect_text("#lobby >")
        alice = team.wire("alice")
        alice.open("lobby")
        with team.wire("slow") as witness:
            witness.open("lobby")
            reset(alice.tls)
            witness.wait(lambda said: isinstance(said, e.Presence) and "alice" in said.offline)
        bob.enter("/users")
        bob.expect(r"bob +member +online")
        assert "alice" not in bob.shown.rpartition("/users")[2]
        bob.enter("/quit")
        assert bob.end() == 0


def test_s1_5_a_client_that_misbehaves_ends_alone(team: Team) -> None:
    with team.wire("alice") as alice, team.wire("mallory0") as mallory:
        alice.open("dev")
        mallory.tls.sendall(GARBAGE)
        failure = mallory.wait_for(e.Failure)
        assert (failure.id, failure.code) == (0, "frame.too_large")
        mallory.wait_until_closed()
        number = alice.post("dev", "nobody else has noticed", client_id(50, 1)).number
        assert alice.wait_for(e.Message).number == number
        assert not any(isinstance(said, e.Failure) for said in alice.said)


def test_s1_5_not_a_dead_thread(team: Team) -> None:
    talk(team, 60)
    before = team.server.threads()
    misbehave(team)
    talk(team, 61)
    assert team.server.threads() == before
    assert team.server.process.poll() is None
    assert "Traceback" not in team.log
    assert "CRITICAL" not in team.log


def test_s1_5_not_a_stuck_room(team: Team) -> None:
    """One member does not read at all, and then goes without a word, in the middle of a frame."""
    with closing(WireClient(HOST, team.installation.port, team.installation.authority, receive_buffer=4096)) as slow:
        slow.resume(team.installation.people["slow"])
        slow.open("dev")
        with team.wire("alice") as alice, team.wire("bob") as bob:
            bob.open("dev")
            for count in range(300):
                number = alice.post("dev", "x" * 8000, client_id(70, count)).number
                heard = bob.wait_for(e.Message)
                assert heard.number == number
            slow.tls.sendall(encode(c.Ping(9))[:7])
            reset(slow.tls)
            number = alice.post("dev", "and now without him", client_id(70, 1000)).number
            assert bob.wait_for(e.Message).number == number
    talk(team, 71)
