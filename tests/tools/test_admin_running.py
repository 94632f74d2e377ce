"""secure-chat-admin while its server runs: what each command does to people who are connected, over the wire."""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, reset_device_list
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import LOGIN_SECRET_BYTES, invite_token_hash
from secure_chat.protocol.link import Link, parse_link
from tests.support.installation import Installation
from tests.support.people import TestPerson, make_person
from tests.support.wire_client import RefusedByServer, WireClient, client_id
from tests.tools.calls import Done, ended
from tests.tools.test_admin import ADMIN, link_in

# Each test has people of its own: the server runs for all of them.
PEOPLE = "ann bert cora dave emil fred gina hugo iris".split()


@dataclass(frozen=True)
class Running:
    """An installation whose server runs, and its operator."""

    installation: Installation

    def admin(self, *arguments: str) -> Done:
        return ADMIN.run(self.installation.directory, "--config", "secure-chat.toml", *arguments)

    def done(self, *arguments: str) -> Done:
        done = self.admin(*arguments)
        assert done.returncode == 0, done.stderr
        return done

    def connect(self, name: str) -> WireClient:
        return self.installation.connect_as(name)

    def refused(self, command: c.Command) -> str:
        """The code with which a new connection's first request is refused."""
        with self.installation.connect() as client, pytest.raises(RefusedByServer) as refused:
            client.ask(command)
        return refused.value.failure.code

    def registers(self, person: TestPerson, token: bytes) -> e.Welcome:
        with self.installation.connect() as client:
            return client.register(person, token)

    def refusal_of(self, person: TestPerson, token: bytes) -> str:
        """The code with which a registration is refused."""
        with pytest.raises(RefusedByServer) as refused:
            self.registers(person, token)
        return refused.value.failure.code

    def cannot_resume(self, name: str) -> bool:
        """Whether a resume token is known no more."""
        with self.installation.connect() as client, pytest.raises(RefusedByServer) as refused:
            client.resume(self.installation.people[name])
        return refused.value.failure.code == "auth.token_unknown"

    def online(self) -> set[str]:
        return {fact["name"] for fact in self.done("sessions", "--online", "--json").objects}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    installation = Installation(tmp_path_factory.mktemp("running"), io_threads=2)
    installation.seed(PEOPLE, ["dev", "ops"])
    with installation.start():
        yield Running(installation)


def closing_code(client: WireClient) -> str:
    """With which code the server ends a connection."""
    client.wait_until_closed()
    return next(said.code for said in client.said if isinstance(said, e.Failure) and said.id == 0)


# --- who is there --------------------------------------------------------------------------------


def test_lists_say_who_is_connected(running: Running) -> None:
    with running.connect("ann"):
        assert {"ann"} <= running.online()
        facts = {fact["name"]: fact for fact in running.done("user", "list", "--json").objects}
        assert (facts["ann"]["online"], facts["bert"]["online"]) == (True, False)
        assert set(PEOPLE) <= facts.keys()
        (shown,) = running.done("user", "show", "ann", "--json").objects
        device = running.installation.people["ann"].device.device_id
        assert [(row["device_id"], row["online"]) for row in shown["devices"]] == [(f"{device:08x}", True)]
        assert "ann: member, enabled, online" in running.done("user", "show", "ann").stdout
        row = next(line for line in running.done("sessions").stdout.splitlines() if line.startswith("ann "))
        assert row.split()[:3] == ["ann", f"{device:08x}", "yes"]


# --- joining -------------------------------------------------------------------------------------


def test_the_link_of_user_add_lets_that_name_in_at_once_and_no_other(running: Running) -> None:
    link = link_in(running.done("user", "add", "Carol", "--room", "#dev"))
    assert link.address_only() == parse_link(running.installation.link())
    assert running.refusal_of(make_person("mallory"), link.token) == "invite.bound"
    welcome = running.registers(make_person("carol"), link.token)
    assert (welcome.name, welcome.role) == ("carol", "member")
    assert {row.room for row in welcome.rooms} == {"lobby", "dev"}
    assert running.refusal_of(make_person("someone"), link.token) == "invite.used"
    (used, *_) = [row for row in running.done("invite", "list", "--json").objects if row["name"] == "carol"]
    assert (used["state"], used["used_by"]) == ("used", "carol")


def test_an_invite_for_an_administrator_makes_one_under_any_name(running: Running) -> None:
    link = link_in(running.done("invite", "create", "--role", "administrator", "--room", "ops", "--hours", "2"))
    welcome = running.registers(make_person("anybody"), link.token)
    assert (welcome.name, welcome.role) == ("anybody", "administrator")
    assert {row.room for row in welcome.rooms} == {"lobby", "ops"}


def test_a_revoked_invite_is_refused(running: Running) -> None:
    (made,) = running.done("invite", "create", "--json").objects
    running.done("invite", "revoke", str(made["invite"]))
    assert running.refusal_of(make_person("late"), parse_link(made["link"]).token) == "invite.unknown"


# --- leaving -------------------------------------------------------------------------------------


def login_answer(running: Running, name: str, person: TestPerson) -> bytes:
    """All bytes that follow a login by passphrase, to the end of the connection."""
    with running.installation.connect() as client:
        proof = person.proof(client.server_id, client.hello.nonce, client.leaf_hash)
        client.send(c.Login(1, name, person.login_secret, proof))
        received = b""
        while data := client.tls.recv(65536):
            received += data
    return received


def test_who_is_disabled_is_out_at_once_and_looks_from_outside_as_if_unknown(running: Running) -> None:
    bert = running.installation.people["bert"]
    with running.connect("bert") as client:
        running.done("user", "disable", "bert", "--yes")
        assert closing_code(client) == "auth.token_unknown"
    assert running.cannot_resume("bert")
    disabled = login_answer(running, "bert", bert)
    assert b"auth.failed" in disabled
    assert disabled == login_answer(running, "nobody-of-that-name", bert)
    assert "bert" not in running.online()
    running.done("user", "enable", "bert")
    with running.installation.connect() as client:
        assert {row.room for row in client.login(bert).rooms} == {"lobby", "dev", "ops"}


def test_who_is_disabled_receives_nothing_that_is_said_afterwards(running: Running) -> None:
    with running.connect("cora") as reader, running.connect("dave") as writer:
        opened = reader.open("dev")
        running.done("user", "disable", "cora", "--yes")
        written = writer.post("dev", "not for cora", client_id(1, 1))
        reader.wait_until_closed()
        assert not [said for said in reader.said if isinstance(said, e.Message) and said.number >= written.number]
        assert opened.head < written.number


def test_who_is_deleted_leaves_every_room_by_a_numbered_event_and_the_name_is_gone(running: Running) -> None:
    with running.connect("emil") as emil, running.connect("fred") as witness:
        heads = {room: witness.open(room).head for room in ("lobby", "dev", "ops")}
        running.done("user", "delete", "emil", "--yes")
        seen: dict[str, int] = {}
        while len(seen) < len(heads):
            left = witness.wait_for(e.Left)
            assert left.name == "emil"
            seen[left.room] = left.number
        assert seen == {room: head + 1 for room, head in heads.items()}
        assert closing_code(emil) == "auth.token_unknown"
    person = running.installation.people["emil"]
    assert login_answer(running, "emil", person) == login_answer(running, "another-nobody", person)
    taken = running.admin("user", "add", "emil")
    assert (taken.returncode, "name.taken" in taken.stderr) == (ExitCode.USAGE, True)
    link = link_in(running.done("invite", "create"))
    assert running.refusal_of(make_person("emil"), link.token) == "name.taken"
    facts = {fact["name"]: fact for fact in running.done("user", "list", "--json").objects}
    assert facts["emil"]["state"] == "deleted"


def test_who_is_logged_out_comes_back_by_passphrase_alone(running: Running) -> None:
    gina = running.installation.people["gina"]
    with running.connect("gina") as client:
        running.done("user", "logout", "gina", "--yes")
        assert closing_code(client) == "auth.token_unknown"
    assert running.cannot_resume("gina")
    with running.installation.connect() as client:
        assert client.login(gina).name == "gina"


def test_a_reset_ends_sessions_and_passphrase_and_its_link_brings_the_person_back_with_name_and_rooms(
    running: Running,
) -> None:
    hugo = running.installation.people["hugo"]
    with running.connect("hugo") as client:
        link = link_in(running.done("user", "reset", "hugo", "--yes"))
        assert closing_code(client) == "auth.token_unknown"
    with running.installation.connect() as client, pytest.raises(RefusedByServer) as caught:
        client.login(hugo)
    assert caught.value.failure.code == "auth.failed"
    welcome = come_back(running, hugo, link)
    assert (welcome.name, welcome.role, welcome.device_list_version) == ("hugo", "member", 2)
    assert {row.room for row in welcome.rooms} == {"lobby", "dev", "ops"}
    assert running.refused(c.InviteQuery(1, invite_token_hash(link.token))) == "invite.used"


def come_back(running: Running, before: TestPerson, link: Link) -> e.Welcome:
    """Use a reset link as somebody does who has neither device nor recovery key: with a new identity."""
    with running.installation.connect() as client:
        facts = client.ask(c.InviteQuery(client.next_id(), invite_token_hash(link.token)))
        assert isinstance(facts, e.InviteFacts)
        assert (facts.purpose, facts.name, facts.user_id) == ("reset", before.name, before.user_id)
        assert facts.device_list == before.device_list.signed.encode()
        after = under_a_new_identity(before)
        proof = after.proof(client.server_id, client.hello.nonce, client.leaf_hash)
        device_list, signed_prekey = after.device_list.signed.encode(), after.signed_prekey.published.encode()
        recover = c.Recover(
            client.next_id(), after.name, after.login_secret, device_list, signed_prekey, proof, link.token
        )
        reply = client.ask(recover)
    assert isinstance(reply, e.Welcome)
    return reply


def under_a_new_identity(person: TestPerson) -> TestPerson:
    """The same account with a new identity, a new device and a new passphrase."""
    identity, device = IdentitySecret.generate(os.urandom), DeviceSecrets.generate(os.urandom)
    now_ms = int(time.time() * 1000)
    return TestPerson(
        person.name,
        person.user_id,
        identity,
        device,
        reset_device_list(identity, device, person.device_list, now_ms),
        SignedPrekeySecret.generate(device, person.user_id, os.urandom, now_ms),
        os.urandom(LOGIN_SECRET_BYTES),
        b"",
    )


def test_only_the_newest_reset_link_works(running: Running) -> None:
    first = link_in(running.done("user", "reset", "iris", "--yes"))
    link_in(running.done("user", "reset", "iris", "--yes"))
    assert running.refused(c.InviteQuery(1, invite_token_hash(first.token))) == "invite.unknown"


# --- the server ----------------------------------------------------------------------------------


def test_the_servers_log_names_the_operator_and_no_token(running: Running) -> None:
    done = running.done("-v", "user", "add", "logged")
    assert "the running server, through" in done.stderr
    log = (running.installation.data / "log" / "app.log").read_text("utf-8")
    me = running.done("invite", "list", "--json").objects[0]["made_by"]
    assert f"operator {me}: AddUser logged" in log
    token = done.stdout.strip().rstrip("'").rpartition(".")[2]
    assert token not in log


def test_several_operators_at_once_are_all_served(running: Running) -> None:
    home = running.installation.directory
    calls = [ADMIN.start(home, "--config", "secure-chat.toml", "invite", "create") for _ in range(4)]
    links = {link_in(ended(call)).token for call in calls}
    assert len(links) == len(calls)


def test_what_was_made_while_the_server_was_stopped_works_when_it_runs_and_the_other_way_round(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(["alice"])
    operator = Running(installation)
    with installation.start():
        running_link = link_in(operator.done("user", "add", "bob"))
    assert "its database" in operator.done("-v", "user", "list").stderr
    stopped_link = link_in(operator.done("user", "add", "carol"))
    assert stopped_link.address_only() == running_link.address_only()
    operator.done("user", "disable", "alice", "--yes")
    with installation.start() as server:
        assert operator.registers(make_person("bob"), running_link.token).name == "bob"
        assert operator.registers(make_person("carol"), stopped_link.token).name == "carol"
        assert operator.cannot_resume("alice")
        server.kill()
    assert (installation.data / "run" / "control.sock").exists()
    names = re.findall(r"^(\w+) .*abled", operator.done("user", "list").stdout, re.MULTILINE)
    assert names == ["alice", "bob", "carol"], "a killed server leaves its socket, and the tool its place"
