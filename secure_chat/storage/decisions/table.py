"""Which function decides which entry."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from secure_chat.storage import entries as e
from secure_chat.storage.decisions import (
    administration,
    direct,
    messages,
    own_invites,
    recovery,
    registration,
    rooms,
    sessions,
    shelf,
)
from secure_chat.storage.draft import Draft
from secure_chat.storage.outcomes import Outcome

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
    e.PublishPrekeys: shelf.publish,
    e.ClaimPrekeys: shelf.claim,
    e.SendDirect: direct.send,
    e.AcknowledgeDirect: direct.acknowledge,
    e.CreateOwnInvite: own_invites.create,
    e.SettleInvites: own_invites.settle,
    e.CreateInvite: administration.create_invite,
    e.RevokeInvite: administration.revoke_invite,
    e.RevokeUnusedAdministratorInvites: administration.revoke_unused_administrator_invites,
    e.SetAccountState: administration.set_account_state,
    e.RevokeSessions: administration.revoke_sessions,
}
