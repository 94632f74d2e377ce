"""Members' own invites: bounded, told to their makers with the proof of whoever used them, until they are settled."""

import secrets

import pytest

from secure_chat.e2ee.device_keys import IdentitySecret
from secure_chat.errors import ClientIdReused, InviteLimit, InviteUnknown, PermissionDenied, RegistrationClosed
from secure_chat.limits import MAX_SETTLED_INVITES, OPEN_INVITES_PER_ACCOUNT
from secure_chat.protocol.events import Inviter, UsedInvite
from secure_chat.protocol.states import Role
from secure_chat.storage.entries import CreateOwnInvite, RevokeInvite, SetAccountState, SettleInvites
from secure_chat.storage.outcomes import InviteKept, InviteWasUsed, LoggedIn, Settled
from tests.storage.opened import HOUR_MS, Member, Opened, login, member_of, registration, replacement
from tests.support.people import make_person


def own_invite(opened: Opened, member: Member, *, by_members: bool = True) -> CreateOwnInvite:
    return CreateOwnInvite(member.account, secrets.token_bytes(32), opened.now + 72 * HOUR_MS, by_members)


def made(opened: Opened, member: Member) -> bytes:
    """The hash of a fresh own invite's token."""
    entry = own_invite(opened, member)
    assert opened.outcome(entry) == InviteKept(entry.expires)
    return entry.token_hash


def uses(opened: Opened, member: Member) -> tuple[UsedInvite, ...]:
    with opened.reader() as reader:
        return reader.own_used_invites(member.account)


def test_who_joins_by_an_own_invite_is_told_to_its_maker_until_it_is_settled(opened: Opened) -> None:
    alice, other = opened.register("alice"), opened.register("other")
    token_hash, proof = made(opened, alice), secrets.token_bytes(32)
    bob = make_person("bob")
    assert uses(opened, alice) == ()

    committed = opened.commit(registration(bob, token_hash, proof=proof))

    assert InviteWasUsed(alice.account, token_hash) in committed.changes
    identity = bob.identity.public_key.raw
    used = UsedInvite(token_hash, bob.user_id, "bob", identity, proof, opened.now)
    opened.reopen()
    assert uses(opened, alice) == (used,)
    assert uses(opened, other) == ()
    assert opened.settled(login(alice), LoggedIn).invites_used
    assert not opened.settled(login(other), LoggedIn).invites_used
    opened.commit(SettleInvites(other.account, (token_hash,)))  # nobody settles for another
    assert uses(opened, alice) == (used,)

    entry = SettleInvites(alice.account, (token_hash, secrets.token_bytes(32)))
    assert opened.commit(entry, entry).outcomes == [Settled(), Settled()]

    assert uses(opened, alice) == ()
    assert not opened.settled(login(alice, counter=3), LoggedIn).invites_used


def test_the_keys_told_are_those_of_the_registration_which_the_proof_is_over(opened: Opened) -> None:
    alice = opened.register("alice")
    person = make_person("bob")
    bob = member_of(person, opened.settled(registration(person, made(opened, alice)), LoggedIn))
    new = replacement(bob, opened.now, identity=IdentitySecret.generate(secrets.token_bytes))
    opened.settled(new.recovery(bob, token_hash=opened.reset_link("bob")), LoggedIn)

    [used] = uses(opened, alice)

    assert used.identity_key == person.identity.public_key.raw
    assert used.proof == b""


def test_a_repeated_registration_is_no_second_use(opened: Opened) -> None:
    alice, bob = opened.register("alice"), make_person("bob")
    token_hash = made(opened, alice)
    opened.settled(registration(bob, token_hash), LoggedIn)

    again = opened.commit(registration(bob, token_hash, repeat=True))

    assert isinstance(again.outcomes[0], LoggedIn)
    assert again.changes == []
    assert len(uses(opened, alice)) == 1


def test_an_invite_says_whose_own_it_is(opened: Opened) -> None:
    alice = opened.register("alice")
    own, operators = made(opened, alice), opened.invite()
    with opened.reader() as reader:
        invite = reader.invite(own, opened.now)
        assert invite.inviter == Inviter(alice.person.user_id, "alice", alice.person.identity.public_key.raw)
        assert (invite.purpose, invite.role, invite.rooms, invite.name) == ("join", Role.MEMBER, (), "")
        assert reader.invite(operators, opened.now).inviter is None
        assert [row.made_by for row in reader.invites().invites if row.used is None] == ["", "alice"]


def test_nobody_has_more_than_20_open_ones(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    hashes = [made(opened, alice) for _ in range(OPEN_INVITES_PER_ACCOUNT)]

    assert isinstance(opened.refusal(own_invite(opened, alice)), InviteLimit)

    made(opened, bob)
    opened.settled(registration(make_person("carol"), hashes[0]), LoggedIn)
    made(opened, alice)
    assert isinstance(opened.refusal(own_invite(opened, alice)), InviteLimit)
    opened.now += 72 * HOUR_MS
    made(opened, alice)


def test_a_repeat_makes_no_second_invite_and_gets_the_first_answer_whatever_has_changed_since(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = own_invite(opened, alice)
    later = CreateOwnInvite(alice.account, entry.token_hash, entry.expires + HOUR_MS, by_members=False)

    assert opened.commit(entry, entry).outcomes == [InviteKept(entry.expires)] * 2
    opened.reopen()
    for _ in range(OPEN_INVITES_PER_ACCOUNT - 1):
        made(opened, alice)
    assert isinstance(opened.refusal(own_invite(opened, alice)), InviteLimit)

    assert opened.outcome(later) == InviteKept(entry.expires)
    with opened.reader() as reader:
        listed = reader.invites().invites
    assert sum(row.made_by == "alice" for row in listed) == OPEN_INVITES_PER_ACCOUNT


def test_a_refused_request_leaves_nothing_that_a_repeat_could_find(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = own_invite(opened, alice, by_members=False)
    assert isinstance(opened.refusal(entry), PermissionDenied)

    allowed = CreateOwnInvite(alice.account, entry.token_hash, entry.expires)
    assert opened.outcome(allowed) == InviteKept(entry.expires)


def test_the_token_of_an_invite_of_somebody_else_is_refused(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    for token_hash in (made(opened, alice), opened.invite()):
        entry = CreateOwnInvite(bob.account, token_hash, opened.now + HOUR_MS)
        assert isinstance(opened.refusal(entry), ClientIdReused)


def test_where_members_do_not_invite_administrators_do(opened: Opened) -> None:
    alice, root = opened.register("alice"), opened.register("root", role=Role.ADMINISTRATOR)
    assert isinstance(opened.refusal(own_invite(opened, alice, by_members=False)), PermissionDenied)
    assert isinstance(opened.outcome(own_invite(opened, root, by_members=False)), InviteKept)


def test_where_registration_is_closed_a_members_link_opens_nothing(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = registration(make_person("bob"), made(opened, alice), mode="closed")
    assert isinstance(opened.refusal(entry), RegistrationClosed)


@pytest.mark.parametrize("state", ["disabled", "deleted"])
def test_links_of_who_is_disabled_or_deleted_end(opened: Opened, state: str) -> None:
    alice = opened.register("alice")
    token_hash = made(opened, alice)
    opened.commit(SetAccountState("alice", state))

    assert isinstance(opened.refusal(registration(make_person("bob"), token_hash)), InviteUnknown)
    if state == "disabled":
        opened.commit(SetAccountState("alice", "enabled"))
        made(opened, alice)
        assert isinstance(opened.refusal(registration(make_person("bob"), token_hash)), InviteUnknown)


def test_an_operator_can_withdraw_a_members_link(opened: Opened) -> None:
    alice = opened.register("alice")
    token_hash = made(opened, alice)
    with opened.reader() as reader:
        number = reader.invites().invites[0].number
    opened.commit(RevokeInvite(number))
    assert isinstance(opened.refusal(registration(make_person("bob"), token_hash)), InviteUnknown)


def test_uses_are_told_a_page_at_a_time(opened: Opened) -> None:
    alice = opened.register("alice")
    names = [f"guest{first}{second}" for first in "abcdefgh" for second in "abcdefghi"][: MAX_SETTLED_INVITES + 2]
    for name in names:
        opened.settled(registration(make_person(name), made(opened, alice)), LoggedIn)

    page = uses(opened, alice)
    opened.commit(SettleInvites(alice.account, tuple(used.token_hash for used in page)))

    assert [used.name for used in (*page, *uses(opened, alice))] == names
    assert len(page) == MAX_SETTLED_INVITES
