"""The recorder in front of a server: people notice nothing, and every frame of both ways is kept as it is."""

from pathlib import Path

from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_command, decode_said, encode
from tests.support.installation import Installation
from tests.support.tls_recorder import Recorded, TlsRecorder
from tests.support.wire_client import client_id

SAID = "the ferry leaves at nine"


def test_a_person_behind_the_recorder_logs_in_and_talks_and_both_ways_are_kept(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(["alice"], ["dev"])
    with installation.start() as server, TlsRecorder(installation, server.port) as recorder:
        with installation.connect_as("alice", port=recorder.port) as alice:
            alice.post("dev", SAID, client_id(1, 1))
        kept = recorder.bodies()
        commands = [decode_command(body) for body in recorder.bodies(to_server=True)]
        said = [decode_said(body) for body in recorder.bodies(to_server=False)]
    assert any(SAID.encode() in body for body in kept)
    assert [type(command).__name__ for command in commands] == ["Resume", "RoomPost"]
    assert isinstance(said[0], e.Hello)
    assert any(isinstance(each, e.Accepted) for each in said)


def test_what_the_recorder_alters_is_what_arrives_and_what_came_is_what_it_keeps(tmp_path: Path) -> None:
    def close_registration(recorded: Recorded) -> bytes:
        said = None if recorded.to_server else decode_said(recorded.body)
        if not isinstance(said, e.Hello):
            return recorded.body
        return encode(e.Hello(said.nonce, said.log_pk, "closed"))[4:]

    installation = Installation(tmp_path)
    with installation.start() as server, TlsRecorder(installation, server.port, close_registration) as recorder:
        with installation.connect(port=recorder.port) as stranger:
            assert stranger.hello.registration == "closed"
        (hello,) = [decode_said(body) for body in recorder.bodies()]
        assert isinstance(hello, e.Hello)
        assert hello.registration == "invite"
