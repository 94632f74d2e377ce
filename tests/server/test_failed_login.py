"""A failed login on a real server: the same bytes whoever it was, and then the end of the connection."""

import secrets
from pathlib import Path

import pytest

from secure_chat.protocol import administration as a
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode
from secure_chat.server.settings.control_client import ask
from secure_chat.server.settings.paths import DataDirectory
from tests.support.installation import Installation
from tests.support.people import TestPerson, make_person


@pytest.mark.parametrize("with_device", [True, False], ids=["as a device", "without a device"])
@pytest.mark.negative(41)
def test_nobody_learns_whether_a_name_exists(tmp_path: Path, with_device: bool) -> None:
    installation = Installation(tmp_path)
    wrong, disabled = installation.seed(["alice", "carol"])
    wrong.login_secret = secrets.token_bytes(32)
    with installation.start():
        ask(DataDirectory(installation.data), a.SetUserState(1, "carol", "disabled"))
        answers = [
            failed_login(installation, person, with_device=with_device)
            for person in (wrong, disabled, make_person("nobody-here"))
        ]
    assert len(set(answers)) == 1
    assert b"4 tries left before a 60 s pause" in answers[0]


def failed_login(installation: Installation, person: TestPerson, *, with_device: bool) -> bytes:
    """The bytes of the answer; the connection is closed after it, and nothing else was said."""
    with installation.connect() as client:
        proof = person.proof(client.server_id, client.hello.nonce, client.leaf_hash) if with_device else None
        reply = client.answer_to(client.send(c.Login(1, person.name, person.login_secret, proof)))
        assert isinstance(reply, e.Failure)
        client.wait_until_closed()
        assert list(client.said) == []
    return encode(reply)


def test_five_tries_then_a_pause_that_the_right_passphrase_waits_out_too(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    (alice,) = installation.seed(["alice"])
    right = alice.login_secret
    with installation.start():
        alice.login_secret = secrets.token_bytes(32)
        for _ in range(5):
            failed_login(installation, alice, with_device=True)
        alice.login_secret = right
        with installation.connect() as client:
            proof = alice.proof(client.server_id, client.hello.nonce, client.leaf_hash)
            reply = client.answer_to(client.send(c.Login(1, alice.name, right, proof)))
            assert isinstance(reply, e.Failure)
            assert reply.code == "rate.limited"
            assert reply.retry_after is not None
            assert 0 < reply.retry_after <= 60
        installation.connect_as("alice").close()  # who has a token was never in doubt
