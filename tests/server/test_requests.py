"""Requests on real TLS: the table of states, roles, rates, faults of a handler, what an early refusal leaves."""

import pytest

from secure_chat.errors import AuthenticationFailed
from secure_chat.limits import MAX_INTERNAL_ERRORS
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.server.items import HandlerResult
from secure_chat.server.services import Context, Handler
from secure_chat.server.settings.model import Rates
from tests.support.held_pool import LOGIN, HeldPool, limited, with_pool
from tests.support.installation import Installation
from tests.support.running_core import CoreOptions, RunningCore
from tests.support.wire_client import WireClient, client_id


class FaultyHandler:
    """Breaks at a post that says so."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def handle(self, command: c.AnyCommand, context: Context) -> HandlerResult:
        if isinstance(command, c.RoomPost) and command.text == "break":
            raise ZeroDivisionError
        return self._handler.handle(command, context)


def refused(client: WireClient, command: c.Command) -> str:
    reply = client.answer_to(client.send(command))
    assert isinstance(reply, e.Failure), reply
    return reply.code


def test_a_command_in_a_wrong_state_is_answered_and_the_connection_goes_on(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect() as client:
        assert refused(client, c.RoomList(7)) == "command.not_now"
        assert isinstance(client.ask(c.NameQuery(8, "alice")), e.NameFacts)
        client.resume(core_installation.people["alice"])
        assert refused(client, c.NameQuery(9, "alice")) == "command.not_now"
        assert isinstance(client.ask(c.Ping(10)), e.PongReply)


def test_while_somebody_is_being_authenticated_every_command_is_refused(core_installation: Installation) -> None:
    pools: list[HeldPool] = []
    with RunningCore(core_installation, with_pool(pools.append)) as core, core.connect() as client:
        client.send(LOGIN)
        assert refused(client, c.Ping(2)) == "command.not_now"
        assert refused(client, c.Login(3, "alice", bytes(32))) == "command.not_now"
        assert len(pools[0].waiting) == 1
        pools[0].answer(AuthenticationFailed())
        assert refused_reply(client, 1) == "auth.failed"
        client.wait_until_closed()


def refused_reply(client: WireClient, request: int) -> str:
    reply = client.answer_to(request)
    assert isinstance(reply, e.Failure)
    return reply.code


@pytest.mark.negative(47)
def test_a_login_without_a_device_may_recover_or_log_out_and_nothing_else(core_installation: Installation) -> None:
    pools: list[HeldPool] = []
    with RunningCore(core_installation, with_pool(pools.append)) as core, core.connect() as client:
        client.send(LOGIN)
        assert refused(client, c.Ping(2)) == "command.not_now"  # so the login has arrived
        pools[0].answer(limited(1))
        assert isinstance(client.answer_to(1), e.WelcomeLimited)
        for command in (
            c.Ping(3),
            c.RoomList(4),
            c.Login(5, "alice", bytes(32)),
            c.RoomPost(6, "team", bytes(16), "x"),
        ):
            assert refused(client, command) == "command.not_now"
        assert isinstance(client.ask(c.Logout(7)), e.Done)
        client.wait_until_closed()


def test_a_failed_resumption_is_answered_and_the_connection_ends(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect() as client:
        assert refused(client, c.Resume(5, bytes(32), c.DeviceProof(1, bytes(64), 1))) == "auth.token_unknown"
        client.wait_until_closed()


def test_a_pool_that_is_full_refuses_and_the_connection_ends(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect() as client:
        assert refused(client, LOGIN) == "busy"
        client.wait_until_closed()


def test_the_pool_is_told_of_who_leaves_while_it_works_and_its_answer_finds_nobody(
    core_installation: Installation,
) -> None:
    pools: list[HeldPool] = []
    with RunningCore(core_installation, with_pool(pools.append)) as core:
        with core.connect() as client:
            client.send(LOGIN)
            assert refused(client, c.Ping(2)) == "command.not_now"
        with core.connect() as other:
            while not pools[0].forgotten:
                other.ask(c.NameQuery(other.next_id(), "alice"))
            assert pools[0].forgotten == [pools[0].waiting[0][0]]
            pools[0].answer(limited(1))
            other.ask(c.NameQuery(other.next_id(), "alice"))


def test_logging_out_is_answered_and_the_connection_ends(core_installation: Installation) -> None:
    person = core_installation.people["dave"]
    with RunningCore(core_installation, CoreOptions()) as core:
        with core.connect_as("dave") as client:
            client.send(c.Logout(5))
            client.send(c.Ping(6))
            assert isinstance(client.answer_to(5), e.Done)
            client.wait_until_closed()
            assert not [said for said in client.said if isinstance(said, e.PongReply)], "a command after the last one"
        with core.connect() as client:
            proof = person.proof(client.server_id, client.hello.nonce, client.leaf_hash)
            assert refused(client, c.Resume(5, person.resume_token, proof)) == "auth.token_unknown"


def test_only_an_administrator_kicks(core_installation: Installation) -> None:
    with RunningCore(core_installation, CoreOptions()) as core, core.connect_as("alice") as client:
        assert refused(client, c.RoomKick(5, "team", bytes(16), "bob")) == "permission.denied"
        assert isinstance(client.ask(c.Ping(6)), e.PongReply)


def test_beyond_its_rate_an_account_is_told_when_to_come_back_and_then_it_is_taken(
    core_installation: Installation,
) -> None:
    rates = Rates(posts_per_second=5, posts_burst=3)
    with RunningCore(core_installation, CoreOptions(rates=rates)) as core, core.connect_as("alice") as client:
        replies = [
            client.answer_to(client.send(c.RoomPost(client.next_id(), "team", client_id(77, number), "x")))
            for number in range(4)
        ]
        assert [type(reply) for reply in replies[:3]] == [e.Accepted] * 3
        late = replies[3]
        assert isinstance(late, e.Failure)
        assert late.code == "rate.limited"
        assert late.retry_after is not None
        assert 0 < late.retry_after <= 0.2
        assert isinstance(client.ask(c.RoomList(client.next_id())), e.RoomPage), "reads have a bucket of their own"


@pytest.mark.parametrize("kind", [c.DirectAcknowledge, c.DirectDefer])
def test_who_names_many_envelopes_pays_for_many(
    core_installation: Installation, kind: type[c.DirectAcknowledge | c.DirectDefer]
) -> None:
    rates = Rates(acknowledgements_per_second=0.001, acknowledgements_burst=40)
    with RunningCore(core_installation, CoreOptions(rates=rates)) as core, core.connect_as("bob") as client:
        one, many = [bytes(15) + b"1"], [number.to_bytes(16, "big") for number in range(1, 257)]
        for _ in range(8):
            assert isinstance(client.ask(kind(client.next_id(), one)), e.Done)
        assert isinstance(client.ask(kind(client.next_id(), many)), e.Done)
        assert refused(client, kind(client.next_id(), one)) == "rate.limited"
        assert isinstance(client.ask(c.Ping(client.next_id())), e.PongReply)


def test_a_bucket_outlives_the_connection(core_installation: Installation) -> None:
    rates = Rates(posts_per_second=0.001, posts_burst=1)
    with RunningCore(core_installation, CoreOptions(rates=rates)) as core:
        with core.connect_as("alice") as client:
            client.post("team", "x", client_id(78, 1))
        with core.connect_as("alice") as client:
            assert refused(client, c.RoomPost(9, "team", client_id(78, 2), "x")) == "rate.limited"


@pytest.mark.parametrize("faults", range(1, MAX_INTERNAL_ERRORS + 1))
def test_a_fault_of_a_handler_is_answered_and_only_after_three_its_connection_ends(
    core_installation: Installation, faults: int
) -> None:
    with (
        RunningCore(core_installation, CoreOptions(wrap_handler=FaultyHandler)) as core,
        core.connect_as("bob") as other,
        core.connect_as("alice") as client,
    ):
        for number in range(faults):
            reply = client.answer_to(client.send(c.RoomPost(10 + number, "team", client_id(79, number), "break")))
            assert isinstance(reply, e.Failure)
            assert reply.code == "internal"
            assert "log id" in reply.sentence
        if faults == MAX_INTERNAL_ERRORS:
            client.wait_until_closed()
        else:
            assert isinstance(client.ask(c.Ping(20)), e.PongReply)
        assert isinstance(other.ask(c.Ping(20)), e.PongReply)
