"""Invites, states of accounts, and the directory in which each change is a row."""

import secrets

import pytest

from secure_chat.directory.leaf import LeafType
from secure_chat.errors import (
    InviteUnknown,
    InviteUsed,
    NameInvalid,
    NameTaken,
    NotMember,
    RoomUnknown,
    TokenUnknown,
    UserUnknown,
)
from secure_chat.protocol.events import Left
from secure_chat.protocol.states import Role
from secure_chat.storage import outcomes
from secure_chat.storage.entries import (
    CreateInvite,
    CreateRoom,
    JoinRoom,
    OpenRoom,
    RevokeInvite,
    RevokeSessions,
    RevokeUnusedAdministratorInvites,
    SetAccountState,
)
from secure_chat.storage.outcomes import LoggedIn, MembershipEnded, Numbered, Refused, SessionsEnded, Settled
from tests.storage.opened import Opened, appended, login, member_of, post, registration, replacement
from tests.support.people import make_person


def test_there_is_an_administrator_once_one_has_joined(opened: Opened) -> None:
    opened.register("alice")
    assert not opened.store.has_administrator()

    opened.register("root", role=Role.ADMINISTRATOR)

    assert opened.store.has_administrator()
    opened.reopen()
    assert opened.store.has_administrator()
    opened.commit(SetAccountState("root", "deleted"))
    assert not opened.store.has_administrator()


def test_unused_administrator_invites_end_and_no_others(opened: Opened) -> None:
    first, member = opened.invite(role=Role.ADMINISTRATOR), opened.invite()

    assert opened.outcome(RevokeUnusedAdministratorInvites()) == Settled("1")

    assert isinstance(opened.refusal(registration(make_person("root"), first)), InviteUnknown)
    assert isinstance(opened.outcome(registration(make_person("alice"), member)), LoggedIn)
    second = opened.invite(role=Role.ADMINISTRATOR)
    assert isinstance(opened.outcome(registration(make_person("root"), second)), LoggedIn)
    assert opened.outcome(RevokeUnusedAdministratorInvites()) == Settled("0")


def test_an_invite_is_made_for_names_and_rooms_that_can_be(opened: Opened) -> None:
    opened.register("alice")

    def invite(name: str = "", rooms: tuple[str, ...] = ()) -> CreateInvite:
        return CreateInvite(secrets.token_bytes(32), "join", Role.MEMBER, rooms, opened.now + 1, name)

    assert isinstance(opened.refusal(invite("alice")), NameTaken)
    assert isinstance(opened.refusal(invite("a1ice")), NameTaken)
    assert isinstance(opened.refusal(invite("Bob")), NameInvalid)
    assert isinstance(opened.refusal(invite(rooms=("nowhere",))), RoomUnknown)
    unknown = CreateInvite(secrets.token_bytes(32), "reset", Role.MEMBER, (), opened.now + 1, "nobody")
    assert isinstance(opened.refusal(unknown), UserUnknown)
    with opened.reader() as reader:
        assert len(reader.invites().invites) == 1  # alice's own


def test_an_invite_is_revoked_by_its_number_unless_it_was_used(opened: Opened) -> None:
    used, open_one = opened.invite(), opened.invite()
    opened.commit(registration(make_person("alice"), used))

    assert isinstance(opened.refusal(RevokeInvite(1)), InviteUsed)
    assert opened.outcome(RevokeInvite(2)) == opened.outcome(RevokeInvite(2)) == Settled()
    assert isinstance(opened.refusal(RevokeInvite(3)), InviteUnknown)
    assert isinstance(opened.refusal(registration(make_person("bob"), open_one)), InviteUnknown)


def test_disabling_cuts_what_an_account_receives_at_that_moment_and_keeps_its_memberships(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(CreateRoom(None, "dev"))
    opened.join(alice, "dev")

    committed = opened.commit(
        post(bob, "lobby", "before"),
        SetAccountState("alice", "disabled"),
        post(bob, "lobby", "after"),
        post(alice, "lobby", "no more"),
        JoinRoom(alice.account, "dev"),
        OpenRoom(alice.account, "lobby", 0),
    )

    cuts = [change for change in committed.changes if isinstance(change, MembershipEnded)]
    assert cuts == [MembershipEnded("dev", alice.account, 1), MembershipEnded("lobby", alice.account, 3)]
    assert isinstance(committed.changes[-1], SessionsEnded)
    refused = [outcome for outcome in committed.outcomes if isinstance(outcome, Refused)]
    assert [type(each.error) for each in refused] == [TokenUnknown] * 3
    assert len(appended(committed, "lobby")) == 2

    opened.reopen()
    opened.commit(SetAccountState("alice", "enabled"))
    welcome = opened.settled(login(alice), LoggedIn)
    assert [room.room for room in welcome.rooms] == ["dev", "lobby"]
    assert isinstance(opened.outcome(post(alice, "lobby", "back")), Numbered)


def test_deletion_ends_memberships_by_numbered_events_and_leaves_nothing_but_the_name(opened: Opened) -> None:
    alice = opened.register("alice")
    bob = opened.register("bob")
    opened.commit(CreateRoom(alice.account, "dev"))

    committed = opened.commit(SetAccountState("alice", "deleted"), post(alice, "lobby", "no more"))

    assert appended(committed, "dev") == [Left("dev", 2, opened.now, "alice")]
    assert appended(committed, "lobby") == [Left("lobby", 3, opened.now, "alice")]
    assert committed.changes[:2] == [
        MembershipEnded("dev", alice.account, 2),
        MembershipEnded("lobby", alice.account, 3),
    ]
    assert isinstance(committed.changes[2], SessionsEnded)
    assert isinstance(committed.outcomes[1], Refused)
    assert opened.settled(OpenRoom(bob.account, "lobby", None), outcomes.Opened).members == 1
    with opened.reader() as reader:
        assert reader.credentials("alice") is None
        assert None not in reader.password_hash_beginnings()
        details = reader.user("alice")
    assert details is not None
    assert (details.user.state, details.devices, details.rooms) == ("deleted", (), ())


def test_a_deleted_account_never_comes_back(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(SetAccountState("alice", "deleted"))

    for entry in (SetAccountState("alice", "enabled"), SetAccountState("alice", "deleted"), RevokeSessions("alice")):
        assert isinstance(opened.refusal(entry), UserUnknown)
    reset = CreateInvite(secrets.token_bytes(32), "reset", Role.MEMBER, (), opened.now + 1, "alice")
    assert isinstance(opened.refusal(reset), UserUnknown)
    assert isinstance(opened.refusal(replacement(alice, opened.now).recovery(alice)), TokenUnknown)


def test_a_state_that_is_so_already_leaves_no_row(opened: Opened) -> None:
    opened.register("alice")

    committed = opened.commit(SetAccountState("alice", "enabled"))

    assert (committed.outcomes, committed.changes) == ([Settled("alice")], [])
    with opened.reader() as reader:
        assert len(reader.directory_rows()) == 1


@pytest.mark.negative(42)
def test_row_i_of_the_directory_is_leaf_i_of_the_log_to_come(opened: Opened) -> None:
    """(negative test 42)"""
    alice = opened.register("alice")
    opened.register("bob")
    opened.commit(SetAccountState("alice", "disabled"), SetAccountState("alice", "enabled"))
    new = replacement(alice, opened.now)
    opened.commit(new.recovery(alice))
    opened.reopen()
    opened.commit(SetAccountState("bob", "deleted"))

    with opened.reader() as reader:
        rows = reader.directory_rows()

    assert [(row.row, row.type, row.name, row.version) for row in rows] == [
        (0, LeafType.IDENTITY, "alice", 1),
        (1, LeafType.IDENTITY, "bob", 1),
        (2, LeafType.DISABLE, "alice", 1),
        (3, LeafType.ENABLE, "alice", 1),
        (4, LeafType.DEVICE_LIST, "alice", 2),
        (5, LeafType.DELETE, "bob", 1),
    ]
    assert [row.digest == alice.device_list.digest for row in rows] == [True, False, True, True, False, False]
    assert all((row.device_list is not None) == (row.type <= LeafType.DEVICE_LIST) for row in rows)


def test_a_refused_batch_member_leaves_no_hole_in_the_directory(opened: Opened) -> None:
    taken = opened.register("alice")
    token_hash = opened.invite()

    opened.commit(
        registration(make_person("bob"), opened.invite()),
        registration(make_person(taken.name), token_hash),
        registration(make_person("carol"), token_hash),
    )

    with opened.reader() as reader:
        assert [(row.row, row.name) for row in reader.directory_rows()] == [(0, "alice"), (1, "bob"), (2, "carol")]


@pytest.mark.parametrize("state", ["disabled", "deleted"])
def test_who_registers_and_is_disabled_in_one_batch_is_out(opened: Opened, state: str) -> None:
    person = make_person("alice")

    committed = opened.commit(registration(person, opened.invite()), SetAccountState("alice", state))

    welcome = committed.outcomes[0]
    assert isinstance(welcome, LoggedIn)
    member = member_of(person, welcome)
    assert isinstance(opened.refusal(post(member, "lobby", "hello")), TokenUnknown | NotMember)
