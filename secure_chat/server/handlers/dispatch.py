"""From a command's type to the function that knows what it means."""

from collections.abc import Callable
from typing import Any, Final

from secure_chat.protocol import commands as c
from secure_chat.server.handlers import accounts, direct, invites, prekeys, reading, rooms, sessions
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.items import HandlerResult
from secure_chat.server.services import Context

# Any: each function takes its own kind of command; a test compares this table with the table of states.
_Function = Callable[[Any, Context, ServerFacts], HandlerResult]

FUNCTIONS: Final[dict[type[c.Command], _Function]] = {
    c.NameQuery: accounts.query_name,
    c.InviteQuery: accounts.query_invite,
    c.Register: accounts.register,
    c.Login: accounts.log_in,
    c.Resume: accounts.resume,
    c.Recover: accounts.recover,
    c.PassphraseChange: accounts.change_passphrase,
    c.TokenConfirm: sessions.confirm_token,
    c.Logout: sessions.log_out,
    c.Ping: sessions.ping,
    c.Pong: sessions.pong,
    c.RoomCreate: rooms.create,
    c.RoomJoin: rooms.join,
    c.RoomLeave: rooms.leave,
    c.RoomOpen: rooms.open_room,
    c.RoomPost: rooms.post,
    c.RoomTopic: rooms.set_topic,
    c.RoomKick: rooms.kick,
    c.RoomList: reading.list_rooms,
    c.RoomMembers: reading.list_members,
    c.RoomHistory: reading.read_history,
    c.RoomSearch: reading.search,
    c.UserList: reading.list_online,
    c.DeviceListQuery: reading.list_devices,
    c.PrekeysPublish: prekeys.publish,
    c.PrekeysClaim: prekeys.claim,
    c.DirectSend: direct.send,
    c.DirectAcknowledge: direct.acknowledge,
    c.DirectDefer: direct.defer,
    c.InviteCreate: invites.create,
    c.InviteOwn: invites.list_used,
    c.InviteSettle: invites.settle,
}


class Dispatcher:
    """The handler of all commands. Immutable: a reload makes another one."""

    def __init__(self, facts: ServerFacts) -> None:
        self._facts = facts

    def handle(self, command: c.AnyCommand, context: Context) -> HandlerResult:
        """What `command`, which the table of states permits, means. Raises `ChatError`: the reply is that error."""
        return FUNCTIONS[type(command)](command, context, self._facts)
