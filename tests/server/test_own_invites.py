"""Members' own invites on the wire: made, used by somebody, told to who made them, settled."""

import secrets
from pathlib import Path

from secure_chat.limits import OPEN_INVITES_PER_ACCOUNT
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.states import Role
from tests.support.installation import UNHURRIED, Installation
from tests.support.people import TestPerson, make_person
from tests.support.wire_client import WireClient


def make_invite(client: WireClient) -> e.InviteMade:
    reply = client.ask(c.InviteCreate(client.next_id()))
    assert isinstance(reply, e.InviteMade)
    return reply


def own_invites(client: WireClient) -> list[e.UsedInvite]:
    reply = client.ask(c.InviteOwn(client.next_id()))
    assert isinstance(reply, e.OwnInvites)
    return reply.used


def test_an_invite_of_a_member_lets_a_guest_in_and_the_member_hears_with_which_keys(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    (alice,) = installation.seed(["alice"])
    guest, proof = make_person("greta"), secrets.token_bytes(32)
    with installation.start():
        with installation.connect_as("alice") as client:
            invites = [make_invite(client) for _ in range(2)]
            assert invites[0].token != invites[1].token
            assert own_invites(client) == []
            with installation.connect() as joining:
                token_hash = invite_token_hash(invites[0].token)
                facts = joining.ask(c.InviteQuery(joining.next_id(), token_hash))
                assert isinstance(facts, e.InviteFacts)
                identity_key = alice.device_list.device_list.identity_key.raw
                assert facts.inviter == e.Inviter(alice.user_id, "alice", identity_key)
                join(joining, guest, invites[0].token, proof)
            assert client.wait_for(e.InviteUsed).token_hash == token_hash
        with installation.connect() as client:
            assert client.resume(alice).invites_used
            (used,) = own_invites(client)
            assert (used.token_hash, used.user_id, used.name, used.proof) == (token_hash, guest.user_id, "greta", proof)
            assert used.identity_key == guest.device_list.device_list.identity_key.raw
            assert isinstance(client.ask(c.InviteSettle(client.next_id(), [token_hash])), e.Done)
            assert own_invites(client) == []
        with installation.connect() as client:
            assert not client.resume(alice).invites_used


def join(client: WireClient, guest: TestPerson, token: bytes, proof: bytes) -> None:
    """As a guest's client registers."""
    reply = client.ask(
        c.Register(
            client.next_id(),
            guest.name,
            guest.login_secret,
            guest.device_list.signed.encode(),
            guest.signed_prekey.published.encode(),
            guest.proof(client.server_id, client.hello.nonce, client.leaf_hash),
            token,
            proof,
        )
    )
    assert isinstance(reply, e.Welcome)


def test_requests_under_way_together_each_get_a_token_of_their_own(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(["alice"])
    with installation.start(), installation.connect_as("alice") as client:
        requests = [client.send(c.InviteCreate(client.next_id())) for _ in range(OPEN_INVITES_PER_ACCOUNT)]
        made = [client.reply_to(request) for request in requests]
        tokens = {reply.token for reply in made if isinstance(reply, e.InviteMade)}
        assert len(tokens) == OPEN_INVITES_PER_ACCOUNT
        assert b"" not in tokens
        late = client.answer_to(client.send(c.InviteCreate(client.next_id())))
        assert isinstance(late, e.Failure)
        assert late.code == "invite.limit"


def test_where_members_may_not_invite_administrators_still_may(tmp_path: Path) -> None:
    installation = Installation(tmp_path, UNHURRIED + "[invites]\nby_members = false\n")
    installation.seed(["alice"])
    installation.seed(["ruth"], role=Role.ADMINISTRATOR)
    with installation.start():
        with installation.connect_as("alice") as client:
            refused = client.answer_to(client.send(c.InviteCreate(client.next_id())))
            assert isinstance(refused, e.Failure)
            assert refused.code == "permission.denied"
        with installation.connect_as("ruth") as client:
            assert len(make_invite(client).token) == 16


def test_a_request_id_that_is_under_way_cannot_take_anothers_token(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(["alice"])
    with installation.start(), installation.connect_as("alice") as client:
        client.send(c.InviteCreate(7))
        client.send(c.InviteCreate(7))
        replies = [client.answer_to(7), client.answer_to(7)]
        made = [reply for reply in replies if isinstance(reply, e.InviteMade)]
        assert {len(reply.token) for reply in made} == {16}
        failures = [reply.code for reply in replies if isinstance(reply, e.Failure)]
        assert (len(made), failures) in ((2, []), (1, ["command.invalid"]))
