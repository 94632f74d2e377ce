"""Which function decides which entry."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from secure_chat.errors import NotNow
from secure_chat.storage import entries as e
from secure_chat.storage.decisions import administration, messages, recovery, registration, rooms, sessions
from secure_chat.storage.draft import Draft
from secure_chat.storage.outcomes import Outcome


def not_yet(entry: e.Entry, draft: Draft) -> Outcome:
    """Direct messages are not stored yet. Raises `NotNow`."""
    del entry, draft
    raise NotNow


Decision: TypeAlias = Callable[[Any, Draft], Outcome]  # the entry's type is the key it stands under

DECISIONS: Final[dict[type[e.Entry], Decision]] = {
    e.PostMessage: messages.post,
    e.SetTopic: messages.set_topic,
    e.Kick: messages.kick,
    e.CreateRoom: rooms.create,
    e.JoinRoom: rooms.join,
    e.LeaveRoom: rooms.leave,
    e.OpenRoom: rooms.open_room,
    e.RegisterAccount: registration.register,
    e.LogIn: sessions.log_in,
    e.ResumeSession: sessions.resume,
    e.RecoverAccount: recovery.recover,
    e.ConfirmToken: sessions.confirm_token,
    e.EndSession: sessions.end_session,
    e.TouchSession: sessions.touch_session,
    e.ChangePassphrase: sessions.change_passphrase,
    e.PublishPrekeys: not_yet,
    e.ClaimPrekeys: not_yet,
    e.SendDirect: not_yet,
    e.AcknowledgeDirect: not_yet,
    e.CreateOwnInvite: not_yet,
    e.SettleInvites: not_yet,
    e.CreateInvite: administration.create_invite,
    e.RevokeInvite: administration.revoke_invite,
    e.RevokeUnusedAdministratorInvites: administration.revoke_unused_administrator_invites,
    e.SetAccountState: administration.set_account_state,
    e.RevokeSessions: administration.revoke_sessions,
}
