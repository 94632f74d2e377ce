"""Row S1.3: a wrong login is answered and disconnected, and nothing tells whether the name exists."""

import secrets
from collections.abc import Iterator

import pytest

from benchmarks.measure import cpu_microseconds
from secure_chat.limits import MAX_FAILED_LOGINS
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import LOGIN_SECRET_BYTES
from secure_chat.protocol.codec import encode
from tests.features.machine import Machine
from tests.features.team import Team, running_team

REQUEST = 7
KINDS = ("wrong", "disabled", "unknown")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    names = [f"{kind}{number}" for kind in ("wrong", "disabled") for number in range(2 * MAX_FAILED_LOGINS)]
    with running_team(tmp_path_factory.mktemp("wrong"), ["alice", *names]) as made:
        for name in names:
            if name.startswith("disabled"):
                made.admin("user", "disable", name, "--yes")
        yield made


def answer_to_a_wrong_login(team: Team, name: str, *, with_device: bool) -> bytes:
    """Every byte that the server says to a wrong login of this name, to the end of the connection."""
    with team.installation.connect() as client:
        proof = team.installation.people["alice"].proof(client.server_id, client.hello.nonce, client.leaf_hash)
        secret = secrets.token_bytes(LOGIN_SECRET_BYTES)
        client.tls.sendall(encode(c.Login(REQUEST, name, secret, proof if with_device else None)))
        said = b""
        while data := client.tls.recv(65536):
            said += data
        return said


def test_s1_3_a_wrong_login_is_answered_and_then_disconnected(team: Team) -> None:
    with team.installation.connect() as client:
        failure = client.answer_to(client.send(c.Login(REQUEST, "alice", bytes(LOGIN_SECRET_BYTES), None)))
        assert isinstance(failure, e.Failure)
        assert failure.code == "auth.failed"
        assert failure.sentence.startswith("User name or passphrase is wrong.")
        client.wait_until_closed()
        assert not client.said
    stranger = Machine(team.directory / "home-of-a-stranger", passphrase="not the right one")
    done = stranger.run("login", typed=f"{team.installation.link()}\nalice\nnot the right one\n", at_hand=False)
    assert done.returncode == 5
    assert "User name or passphrase is wrong." in done.stderr


@pytest.mark.parametrize("with_device", [True, False], ids=["as a device", "without a device"])
def test_s1_3_not_words_that_tell_who_exists(team: Team, with_device: bool) -> None:
    numbers = range(MAX_FAILED_LOGINS) if with_device else range(MAX_FAILED_LOGINS, 2 * MAX_FAILED_LOGINS)
    # The first wrong login of each name, the second, and so on: the tries left are counted for unknown names as well.
    for attempt in numbers:
        said = {kind: answer_to_a_wrong_login(team, f"{kind}{attempt}", with_device=with_device) for kind in KINDS}
        assert b"auth.failed" in said["wrong"]
        assert said["wrong"] == said["disabled"] == said["unknown"]


def test_s1_3_not_work_that_tells_who_exists(team: Team) -> None:
    cpu = dict.fromkeys(KINDS, 0.0)
    for attempt in range(4):
        for kind in KINDS:
            before = cpu_microseconds(team.server.pid)
            answer_to_a_wrong_login(team, f"{kind}{attempt}", with_device=attempt % 2 == 0)
            cpu[kind] += cpu_microseconds(team.server.pid) - before
    # A login without bcrypt costs a twentieth of one with it, at the lowest cost that is allowed.
    assert max(cpu.values()) < 3 * min(cpu.values()), cpu
