"""Row S1.3: a wrong login is answered with one message, then the connection ends; nothing tells who exists."""

import os
import secrets
from collections.abc import Callable, Iterator

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import LOGIN_SECRET_BYTES
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.frames import split_frames
from tests.features.story import NAME, WRONG_PASSPHRASE, Story
from tests.features.team import Team, running_team
from tests.support.people import TestPerson, make_person
from tests.support.wire_client import WireClient

DISABLED = ("disabled", "disabled2", "disabled3")
TRIES = 5  # before a pause
COUNTING = """\
import os
import bcrypt


def counted(name, original):
    def computation(secret, salt_or_hash):
        with open(os.environ["COUNTED"], "a", encoding="ascii") as file:
            print(name, salt_or_hash[:7].decode(), file=file)
        return original(secret, salt_or_hash)

    return computation


for each in ("checkpw", "hashpw", "kdf"):
    setattr(bcrypt, each, counted(each, getattr(bcrypt, each)))
"""


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Its server writes down every bcrypt that it computes."""
    directory = tmp_path_factory.mktemp("wrong")
    counting = directory / "counting"
    counting.mkdir()
    (counting / "sitecustomize.py").write_text(COUNTING, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(counting), os.environ.get("PYTHONPATH")))))
        patch.setenv("COUNTED", str(directory / "counted"))
        names = [f"{name}.{which}" for name in ("wrong", "wrong2", *DISABLED, "deleted") for which in ("words", "work")]
        with running_team(directory, ["bert", *names]) as made:
            for which in ("words", "work"):
                for name in DISABLED:
                    made.admin("user", "disable", f"{name}.{which}", "--yes")
                made.admin("user", "delete", f"deleted.{which}", "--yes")
            yield made


def ask(team: Team, make: Callable[[WireClient], c.Command]) -> bytes:
    """All that a new connection receives after hello for one request, to its end, which the server makes."""
    with team.installation.connect() as client:
        client.send(make(client))
        received = b""
        while data := client.tls.recv(65536):
            received += data
        return received


def login(name: str, person: TestPerson, secret: bytes) -> Callable[[WireClient], c.Login]:
    """A login under a name, by the device of a person."""
    return lambda client: c.Login(1, name, secret, person.proof(client.server_id, client.hello.nonce, client.leaf_hash))


def logins_that_fail(team: Team, which: str) -> dict[str, Callable[[WireClient], c.Login]]:
    """Of everybody who cannot log in, each trying for the first time. `which`: a set of people."""
    people, wrong = team.installation.people, secrets.token_bytes(LOGIN_SECRET_BYTES)
    right = people["bert"].login_secret  # as all seeded people have it
    stranger = make_person("stranger")
    return {
        "wrong": login(f"wrong.{which}", people[f"wrong.{which}"], wrong),
        "disabled": login(f"disabled.{which}", people[f"disabled.{which}"], right),
        "disabled and wrong": login(f"disabled2.{which}", people[f"disabled2.{which}"], wrong),
        "deleted": login(f"deleted.{which}", people[f"deleted.{which}"], right),
        "unknown": login(f"stranger.{which}", stranger, right),
        "no name at all": login(f"no such name! {which}", stranger, right),
        "wrong, without a device": lambda _: c.Login(1, f"wrong2.{which}", wrong),
        "disabled, without a device": lambda _: c.Login(1, f"disabled3.{which}", right),
        "unknown, without a device": lambda _: c.Login(1, f"stranger2.{which}", wrong),
    }


def test_s1_3_a_wrong_login_is_answered_and_then_disconnected(story: Story) -> None:
    refused = story.done["wrong login"]
    assert refused.returncode == 5
    assert "User name or passphrase is wrong. 4 tries left before a 60 s pause. [auth.failed]" in refused.stderr
    with story.team.installation.connect() as client:
        client.send(c.Login(1, NAME, secrets.token_bytes(LOGIN_SECRET_BYTES)))
        client.wait_until_closed()
        (failure,) = client.said
    assert isinstance(failure, e.Failure)
    assert (failure.id, failure.code) == (1, "auth.failed")


def test_s1_3_not_words_that_tell_who_exists(team: Team, story: Story) -> None:
    answers = {what: ask(team, make) for what, make in logins_that_fail(team, "words").items()}
    assert b"auth.failed" in answers["wrong"]
    assert set(answers.values()) == {answers["wrong"]}, answers
    known = [ask(team, login("bert", team.installation.people["bert"], bytes(32))) for _ in range(TRIES + 1)]
    unknown = [ask(team, login("bort", make_person("bort"), bytes(32))) for _ in range(TRIES + 1)]
    assert known[:TRIES] == unknown[:TRIES]
    assert [words(answer) for answer in known] == [words(answer) for answer in unknown]
    assert words(known[TRIES])[0] == "rate.limited"
    for make in (register, recover, lambda name: lambda _: c.NameQuery(1, name)):
        assert ask_and_close(team, make("bert")) == ask_and_close(team, make("nobody-here"))
    stranger = story.team.empty_machine("a-stranger").run(
        "login", story.team.installation.link(), typed=f"nobody-here\n{WRONG_PASSPHRASE}\n", at_hand=False
    )
    assert stranger == story.done["wrong login"], "a person at the client sees no difference either"


def words(answer: bytes) -> tuple[str, str]:
    """Code and sentence of the one failure in an answer."""
    (body,) = split_frames(answer)
    failure = decode_said(body)
    assert isinstance(failure, e.Failure)
    return failure.code, failure.sentence


def register(name: str) -> Callable[[WireClient], c.Register]:
    """A registration without an invite, which this server wants."""
    person = make_person(name)
    return lambda client: c.Register(
        1,
        name,
        person.login_secret,
        person.device_list.signed.encode(),
        person.signed_prekey.published.encode(),
        person.proof(client.server_id, client.hello.nonce, client.leaf_hash),
    )


def recover(name: str) -> Callable[[WireClient], c.Recover]:
    """A recovery without a login before it."""
    person = make_person(name)
    return lambda client: c.Recover(
        1,
        name,
        person.login_secret,
        person.device_list.signed.encode(),
        person.signed_prekey.published.encode(),
        person.proof(client.server_id, client.hello.nonce, client.leaf_hash),
    )


def ask_and_close(team: Team, make: Callable[[WireClient], c.Command]) -> e.AnySaid:
    """The answer to a request after which the connection may go on."""
    with team.installation.connect() as client:
        return client.answer_to(client.send(make(client)))


def test_s1_3_not_work_that_tells_who_exists(team: Team) -> None:
    counted = team.directory / "counted"
    work: dict[str, list[str]] = {}
    for what, make in logins_that_fail(team, "work").items():
        before = len(counted.read_text(encoding="ascii")) if counted.exists() else 0
        assert b"auth.failed" in ask(team, make)
        work[what] = counted.read_text(encoding="ascii")[before:].splitlines()
    assert work["wrong"] == ["checkpw $2b$10$"], "the search for work finds none"
    assert all(done == work["wrong"] for done in work.values()), work
