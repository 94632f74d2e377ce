"""Looking things up: history, search, rooms, members, device lists, who is online. Other threads answer."""

from secure_chat.protocol import commands as c
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.presence_requests import ListOnline
from secure_chat.server.read_requests import ListMembers, ListRooms, ReadDeviceLists, ReadHistory, SearchRooms
from secure_chat.server.services import Context


def read_history(command: c.RoomHistory, context: Context, _: ServerFacts) -> ReadHistory:
    """Events of a room, none that this connection's thread has not been told of yet."""
    announced = context.announced(command.room)
    last = command.last if announced is None else min(command.last, announced)
    return ReadHistory(command.id, context.ready.account, command.room, command.first, last)


def search(command: c.RoomSearch, context: Context, _: ServerFacts) -> SearchRooms:
    """Messages in the own rooms."""
    return SearchRooms(
        command.id,
        context.ready.account,
        command.words,
        command.room,
        command.sender,
        command.since,
        command.before,
    )


def list_rooms(command: c.RoomList, context: Context, _: ServerFacts) -> ListRooms:
    """A page of rooms."""
    return ListRooms(command.id, context.ready.account, command.after, command.pattern)


def list_members(command: c.RoomMembers, context: Context, _: ServerFacts) -> ListMembers:
    """A page of a room's members."""
    return ListMembers(command.id, context.ready.account, command.room, command.after)


def list_devices(command: c.DeviceListQuery, context: Context, _: ServerFacts) -> ReadDeviceLists:
    """Somebody's signed device lists."""
    return ReadDeviceLists(command.id, context.ready.account, command.name, command.user_id, command.after)


def list_online(command: c.UserList, _: Context, __: ServerFacts) -> ListOnline:
    """A page of the people who are online."""
    return ListOnline(command.id, command.after)
