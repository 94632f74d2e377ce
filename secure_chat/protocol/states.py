"""The states of a connection and what each allows: tables, from which PROTOCOL.md is drawn."""

import enum
from typing import Final

from secure_chat.errors import ChatError, NotNow, PermissionDenied
from secure_chat.protocol import commands as c


class State(enum.StrEnum):  # looked up with every command: a string's hash is computed once, an Enum's each time
    """Where a connection stands, seen from the server."""

    UNAUTHENTICATED = "unauthenticated"  # hello is sent, nobody is logged in
    AUTHENTICATING = "authenticating"  # a login, registration or recovery is being decided
    LIMITED = "limited"  # logged in without a device: recovery only
    READY = "ready"  # logged in as a device
    CLOSING = "closing"  # nothing is taken any more


class Role(enum.Enum):
    """What an account may do."""

    MEMBER = "member"
    ADMINISTRATOR = "administrator"


_SESSION: Final = (c.TokenConfirm, c.Logout, c.PassphraseChange, c.Ping, c.Pong)
_ROOMS: Final = (
    c.RoomCreate,
    c.RoomJoin,
    c.RoomLeave,
    c.RoomOpen,
    c.RoomPost,
    c.RoomTopic,
    c.RoomList,
    c.RoomMembers,
    c.RoomHistory,
    c.RoomSearch,
    c.UserList,
)
_DIRECT: Final = (
    c.PrekeysPublish,
    c.DeviceListQuery,
    c.PrekeysClaim,
    c.DirectSend,
    c.DirectAcknowledge,
    c.DirectDefer,
    c.InviteCreate,
    c.InviteOwn,
    c.InviteSettle,
)

TRANSITIONS: Final[dict[tuple[State, type[c.Command]], State]] = {
    (State.UNAUTHENTICATED, c.NameQuery): State.UNAUTHENTICATED,
    (State.UNAUTHENTICATED, c.InviteQuery): State.UNAUTHENTICATED,
    (State.UNAUTHENTICATED, c.Register): State.AUTHENTICATING,
    (State.UNAUTHENTICATED, c.Login): State.AUTHENTICATING,
    (State.UNAUTHENTICATED, c.Resume): State.AUTHENTICATING,
    (State.UNAUTHENTICATED, c.Recover): State.AUTHENTICATING,
    (State.LIMITED, c.Recover): State.AUTHENTICATING,
    (State.LIMITED, c.Logout): State.CLOSING,
    **{(State.READY, command): State.READY for command in (*_SESSION, *_ROOMS, c.RoomKick, *_DIRECT)},
    (State.READY, c.Logout): State.CLOSING,
}
"""State after the command was taken; a pair that is absent is refused. What follows AUTHENTICATING is the server's
decision: READY, LIMITED, or CLOSING after a failure."""

ADMINISTRATORS_ONLY: Final[frozenset[type[c.Command]]] = frozenset({c.RoomKick})


def permit(state: State, role: Role, command: type[c.Command]) -> State:
    """The state after `command`. Raises `NotNow` in a wrong state, `PermissionDenied` for a wrong role."""
    after = TRANSITIONS.get((state, command))
    if after is None:
        raise NotNow(f"This is not possible while the connection is {state.value}.")
    if command in ADMINISTRATORS_ONLY and role is not Role.ADMINISTRATOR:
        raise PermissionDenied("Only an administrator may do this.")
    return after


def answer(state: State, role: Role, command: type[c.Command]) -> State | type[ChatError]:
    """One cell of the table command x state x role: the state after it, or the error it is refused with."""
    try:
        return permit(state, role, command)
    except ChatError as error:
        return type(error)
