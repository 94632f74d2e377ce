"""What each command means before anything is decided: entries, questions, refusals."""

import secrets
from collections.abc import Callable

import pytest

from secure_chat.errors import (
    ChatError,
    DirectMismatch,
    InviteUnknown,
    MessageEmpty,
    MessageTooLong,
    NotNow,
    RegistrationClosed,
    RoomNameInvalid,
)
from secure_chat.limits import MAX_TEXT_BYTES, MAX_TOPIC_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol.authentication import NEWEST_LOGIN_KDF, resume_token_hash
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.events import Done, NameFacts, PongReply
from secure_chat.protocol.frames import split_frames
from secure_chat.protocol.states import TRANSITIONS, Role
from secure_chat.server.authentication_requests import (
    CheckLogin,
    CheckPassphraseChange,
    CheckRecovery,
    CheckRegistration,
)
from secure_chat.server.handlers.dispatch import FUNCTIONS, Dispatcher
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.items import Deferral, HandlerResult, WithToken
from secure_chat.server.presence_requests import ListOnline
from secure_chat.server.read_requests import (
    CheckPrekeys,
    ListMembers,
    ListRooms,
    ReadDeviceLists,
    ReadHistory,
    ReadOwnInvites,
    SearchRooms,
)
from secure_chat.server.services import Context
from secure_chat.server.session import LimitedSession, Session
from secure_chat.storage import entries
from tests.support.envelopes import address, envelope_between

CLIENT_ID = b"r" * 8 + b"c" * 8
PROOF = c.DeviceProof(7, b"s" * 64, 3)
SECRET, PREKEY = b"l" * 32, b"p" * 1297


def facts(registration: str = "invite") -> ServerFacts:
    return ServerFacts(b"i" * 32, registration, 12, draw=lambda size: b"d" * size)


def context(*, announced: Callable[[str], int | None] = lambda _: None, limited: bool = False) -> Context:
    session = None if limited else Session(5, 7, b"u" * 16, "alice", Role.MEMBER)
    return Context(
        session=session,
        limited=LimitedSession(5, b"u" * 16, "alice") if limited else None,
        nonce=b"n" * 32,
        leaf_hash=b"h" * 32,
        announced=announced,
    )


def handled(command: c.AnyCommand, asked: Context | None = None, known: ServerFacts | None = None) -> HandlerResult:
    return Dispatcher(known or facts()).handle(command, asked or context())


def said(result: HandlerResult) -> object:
    assert isinstance(result, bytes)
    return decode_said(split_frames(result)[0])


def test_every_command_of_the_table_has_a_function_and_no_other() -> None:
    assert set(FUNCTIONS) == {command for _, command in TRANSITIONS}


def test_a_post_is_one_entry_from_the_session_and_the_sanitised_text() -> None:
    plain = handled(c.RoomPost(1, "dev", CLIENT_ID, "hello"))
    assert plain == entries.PostMessage(5, 7, "dev", CLIENT_ID, "hello", action=False, changed=False)
    bad = handled(c.RoomPost(1, "dev", CLIENT_ID, "a\x1b[31mb\u202e", action=True))
    assert isinstance(bad, entries.PostMessage)
    assert (bad.action, bad.changed) == (True, True)
    assert "\x1b" not in bad.text
    assert "\u202e" not in bad.text
    again = handled(c.RoomPost(1, "dev", CLIENT_ID, bad.text))
    assert isinstance(again, entries.PostMessage)
    assert (again.text, again.changed) == (bad.text, False)


def test_texts_are_measured_in_bytes_as_they_are_stored() -> None:
    fits = handled(c.RoomPost(1, "dev", CLIENT_ID, "é" * (MAX_TEXT_BYTES // 2)))
    assert isinstance(fits, entries.PostMessage)
    with pytest.raises(MessageTooLong, match="8,194 bytes, the limit is 8,192"):
        handled(c.RoomPost(1, "dev", CLIENT_ID, "é" * (MAX_TEXT_BYTES // 2 + 1)))


@pytest.mark.parametrize("text", ["", " \n ", "\u200b\u2060"])
def test_a_text_of_which_nothing_is_left_is_refused(text: str) -> None:
    with pytest.raises(MessageEmpty):
        handled(c.RoomPost(1, "dev", CLIENT_ID, text))


def test_a_topic_is_one_line_of_512_bytes_and_may_be_empty() -> None:
    topic = handled(c.RoomTopic(1, "dev", CLIENT_ID, "one\ntwo "))
    assert topic == entries.SetTopic(5, 7, "dev", CLIENT_ID, "one two", changed=True)
    assert handled(c.RoomTopic(1, "dev", CLIENT_ID, "")) == entries.SetTopic(5, 7, "dev", CLIENT_ID, "", changed=False)
    with pytest.raises(MessageTooLong):
        handled(c.RoomTopic(1, "dev", CLIENT_ID, "x" * (MAX_TOPIC_BYTES + 1)))


def test_a_kick_has_a_sanitised_reason() -> None:
    kick = handled(c.RoomKick(1, "dev", CLIENT_ID, "bob", "be\x07have"))
    assert isinstance(kick, entries.Kick)
    assert (kick.name, "\x07" in kick.reason) == ("bob", False)


def test_rooms_are_made_joined_left_and_opened_by_the_sessions_account() -> None:
    assert handled(c.RoomCreate(1, "dev")) == entries.CreateRoom(5, "dev")
    assert handled(c.RoomJoin(1, "dev")) == entries.JoinRoom(5, "dev")
    assert handled(c.RoomLeave(1, "dev")) == entries.LeaveRoom(5, "dev")
    assert handled(c.RoomOpen(1, "dev", 9)) == entries.OpenRoom(5, "dev", 9)


@pytest.mark.parametrize("name", ["", "#dev", "Dev", "a b", "ü", "x" * 33])
def test_a_room_that_no_room_can_be_called_is_refused(name: str) -> None:
    for command in (c.RoomCreate(1, name), c.RoomJoin(1, name)):
        with pytest.raises(RoomNameInvalid):
            handled(command)


def test_history_does_not_pass_what_this_connections_thread_was_told_of() -> None:
    ask = c.RoomHistory(3, "dev", 1, 100)
    assert handled(ask, context(announced=lambda _: 40)) == ReadHistory(3, 5, "dev", 1, 40)
    assert handled(ask, context(announced=lambda _: None)) == ReadHistory(3, 5, "dev", 1, 100)


def test_lists_and_searches_become_questions_for_other_threads() -> None:
    assert handled(c.RoomList(1, "a", "b")) == ListRooms(1, 5, "a", "b")
    assert handled(c.RoomMembers(1, "dev", "a")) == ListMembers(1, 5, "dev", "a")
    assert handled(c.RoomSearch(1, "w", "dev", "bob", 3, 4)) == SearchRooms(1, 5, "w", "dev", "bob", 3, 4)
    assert handled(c.UserList(1, "a")) == ListOnline(1, "a")


def test_an_envelope_goes_to_the_journal_unaltered_with_its_id() -> None:
    envelope = envelope_between(address(b"u" * 16, 7), address(b"b" * 16, 9), envelope_id=b"e" * 16)
    command = c.DirectSend(1, b"b" * 16, [c.DirectPart(9, envelope=envelope), c.DirectPart(10, omitted=4)])
    parts = (entries.OutgoingPart(9, b"e" * 16, envelope), entries.OutgoingPart(10))
    assert handled(command) == entries.SendDirect(5, 7, b"b" * 16, parts)


def test_nobody_sends_in_anothers_name_or_to_another_than_he_says() -> None:
    own, bob = address(b"u" * 16, 7), address(b"b" * 16, 9)
    for sender, recipient in ((bob, bob), (address(b"u" * 16, 8), bob), (own, own), (own, address(b"b" * 16, 10))):
        envelope = envelope_between(sender, recipient)
        with pytest.raises(DirectMismatch):
            handled(c.DirectSend(1, b"b" * 16, [c.DirectPart(9, envelope=envelope)]))


def test_acknowledgements_go_to_the_journal_and_deferrals_stay_with_the_connection() -> None:
    assert handled(c.DirectAcknowledge(1, [b"e" * 16])) == entries.AcknowledgeDirect(5, 7, (b"e" * 16,))
    assert handled(c.DirectDefer(3, [b"e" * 16])) == Deferral(3, [b"e" * 16])


def test_prekeys_are_checked_on_another_thread_before_the_journal_has_them() -> None:
    assert handled(c.PrekeysPublish(1, PREKEY, [b"o" * 1288], True)) == CheckPrekeys(
        1, 5, 7, PREKEY, (b"o" * 1288,), replace=True
    )
    assert handled(c.PrekeysClaim(1, b"b" * 16, [9])) == entries.ClaimPrekeys(5, b"b" * 16, (9,))
    assert handled(c.DeviceListQuery(1, "bob", b"", 2)) == ReadDeviceLists(1, 5, "bob", b"", 2)


def test_of_an_own_invite_only_the_hash_of_its_token_is_known_here() -> None:
    result = handled(c.InviteCreate(1, b"t" * 32))
    assert isinstance(result, entries.CreateOwnInvite)
    assert (result.account, result.token_hash, result.by_members) == (5, b"t" * 32, True)
    assert handled(c.InviteOwn(1)) == ReadOwnInvites(1, 5)
    assert handled(c.InviteSettle(1, [b"t" * 32])) == entries.SettleInvites(5, (b"t" * 32,))


def test_a_search_does_not_show_its_words() -> None:
    assert "private" not in repr(handled(c.RoomSearch(1, "private words")))


@pytest.mark.negative(41)
def test_the_derivation_of_login_secrets_is_the_same_for_every_name() -> None:
    for name in ("alice", "nobody", "\x00"):
        assert said(handled(c.NameQuery(1, name))) == NameFacts(1, NEWEST_LOGIN_KDF)


def test_a_resume_goes_straight_to_the_journal_with_a_fresh_successor() -> None:
    token = secrets.token_bytes(32)
    result = handled(c.Resume(1, token, PROOF))
    assert isinstance(result, WithToken)
    assert result.token == b"d" * 32
    assert result.entry == entries.ResumeSession(
        token_hash=resume_token_hash(token),
        device=7,
        counter=3,
        signature=b"s" * 64,
        server_id=b"i" * 32,
        nonce=b"n" * 32,
        leaf_hash=b"h" * 32,
        successor_hash=resume_token_hash(b"d" * 32),
    )


def test_logins_carry_what_their_signature_covers_and_the_live_cost() -> None:
    result = handled(c.Login(1, "alice", SECRET, PROOF))
    assert isinstance(result, CheckLogin)
    assert (result.cost, result.binding.server_id, result.binding.nonce) == (12, b"i" * 32, b"n" * 32)
    changed = handled(c.PassphraseChange(1, SECRET, SECRET))
    assert isinstance(changed, CheckPassphraseChange)


@pytest.mark.parametrize("mode", ["closed", "invite"])
def test_who_brings_no_invite_where_one_is_needed_makes_no_work(mode: str) -> None:
    with pytest.raises(RegistrationClosed):
        handled(c.Register(1, "alice", SECRET, b"", PREKEY, PROOF), known=facts(mode))
    with_token = handled(c.Register(1, "alice", SECRET, b"", PREKEY, PROOF, b"t" * 16), known=facts(mode))
    assert isinstance(with_token, CheckRegistration)
    assert with_token.registration == mode


def test_where_registration_is_open_nobody_needs_an_invite() -> None:
    result = handled(c.Register(1, "alice", SECRET, b"", PREKEY, PROOF), known=facts("open"))
    assert isinstance(result, CheckRegistration)


def test_a_token_of_another_length_is_none() -> None:
    for command in (
        c.Register(1, "alice", SECRET, b"", PREKEY, PROOF, b"t" * 15),
        c.Recover(1, "alice", SECRET, b"", PREKEY, PROOF, b"t" * 3),
    ):
        with pytest.raises(InviteUnknown):
            handled(command)


def test_a_recovery_needs_a_token_or_a_login_before_it() -> None:
    command = c.Recover(1, "alice", SECRET, b"", PREKEY, PROOF)
    with pytest.raises(InviteUnknown):
        handled(command)
    result = handled(command, context(limited=True))
    assert isinstance(result, CheckRecovery)
    assert result.limited == LimitedSession(5, b"u" * 16, "alice")


def test_sessions_confirm_end_and_show_signs_of_life() -> None:
    assert handled(c.TokenConfirm(1, b"t" * 32)) == entries.ConfirmToken(5, 7, b"t" * 32)
    assert handled(c.Logout(1)) == entries.EndSession(5, 7)
    assert said(handled(c.Logout(1), context(limited=True))) == Done(1)
    assert said(handled(c.Ping(4))) == PongReply(4)
    assert handled(c.Pong(4)) is None


def test_a_handler_that_needs_a_session_and_has_none_refuses() -> None:
    with pytest.raises(NotNow):
        handled(c.RoomLeave(1, "dev"), context(limited=True))
    assert issubclass(NotNow, ChatError)
