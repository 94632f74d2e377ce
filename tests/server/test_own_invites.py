"""Members' own invites on the wire: made, used by somebody, told to who made them, settled."""

import secrets
from pathlib import Path

from secure_chat.limits import INVITE_TOKEN_BYTES, OPEN_INVITES_PER_ACCOUNT
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.states import Role
from tests.support.installation import UNHURRIED, Installation
from tests.support.people import TestPerson, make_person
from tests.support.wire_client import WireClient


def make_invite(client: WireClient) -> bytes:
    """The token of a new invite of one's own."""
    token = secrets.token_bytes(INVITE_TOKEN_BYTES)
    reply = client.ask(c.InviteCreate(client.next_id(), invite_token_hash(token)))
    assert isinstance(reply, e.InviteMade)
    return token


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
            token, _ = make_invite(client), make_invite(client)
            assert own_invites(client) == []
            with installation.connect() as joining:
                token_hash = invite_token_hash(token)
                facts = joining.ask(c.InviteQuery(joining.next_id(), token_hash))
                assert isinstance(facts, e.InviteFacts)
                identity_key = alice.device_list.device_list.identity_key.raw
                assert facts.inviter == e.Inviter(alice.user_id, "alice", identity_key)
                join(joining, guest, token, proof)
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


def test_requests_under_way_together_each_make_an_invite_up_to_the_limit(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(["alice"])
    with installation.start(), installation.connect_as("alice") as client:
        requests = [client.send(creation(client)) for _ in range(OPEN_INVITES_PER_ACCOUNT)]
        assert all(isinstance(client.reply_to(request), e.InviteMade) for request in requests)
        late = client.answer_to(client.send(creation(client)))
        assert isinstance(late, e.Failure)
        assert late.code == "invite.limit"


def test_where_members_may_not_invite_administrators_still_may(tmp_path: Path) -> None:
    installation = Installation(tmp_path, UNHURRIED + "[invites]\nby_members = false\n")
    installation.seed(["alice"])
    installation.seed(["ruth"], role=Role.ADMINISTRATOR)
    with installation.start():
        with installation.connect_as("alice") as client:
            refused = client.answer_to(client.send(creation(client)))
            assert isinstance(refused, e.Failure)
            assert refused.code == "permission.denied"
        with installation.connect_as("ruth") as client:
            make_invite(client)


def creation(client: WireClient) -> c.InviteCreate:
    return c.InviteCreate(client.next_id(), secrets.token_bytes(32))


def test_a_request_repeated_after_the_connection_was_cut_makes_no_second_invite(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    (alice,) = installation.seed(["alice"])
    token = secrets.token_bytes(INVITE_TOKEN_BYTES)
    with installation.start():
        with installation.connect_as("alice") as client:
            first = client.ask(c.InviteCreate(client.next_id(), invite_token_hash(token)))
        with installation.connect() as client:
            client.resume(alice)
            again = client.ask(c.InviteCreate(client.next_id(), invite_token_hash(token)))
            assert isinstance(first, e.InviteMade)
            assert isinstance(again, e.InviteMade)
            assert again.expires == first.expires
            for _ in range(OPEN_INVITES_PER_ACCOUNT - 1):  # the repeat did not count
                make_invite(client)
        with installation.connect() as client:
            client.register(make_person("greta"), token)
