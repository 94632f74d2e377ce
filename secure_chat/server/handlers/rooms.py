"""Talking and moving: posts, topics, kicks, making, joining, leaving and opening rooms."""

from secure_chat.errors import MessageTooLong
from secure_chat.limits import MAX_TOPIC_BYTES
from secure_chat.names import check_room_name
from secure_chat.protocol import commands as c
from secure_chat.sanitize import fits, one_line, sanitize
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.services import Context
from secure_chat.storage.entries import CreateRoom, JoinRoom, Kick, LeaveRoom, OpenRoom, PostMessage, SetTopic


def post(command: c.RoomPost, context: Context, _: ServerFacts) -> PostMessage:
    """Say something. Raises `MessageTooLong`, `MessageEmpty`."""
    # The one path that every message takes: flat, one entry, nothing looked up that the journal looks up anyway.
    session = context.ready
    text = command.text
    safe = sanitize(text)
    fits(safe)
    return PostMessage(
        session.account, session.device, command.room, command.client_id, safe, command.action, safe != text
    )


def set_topic(command: c.RoomTopic, context: Context, _: ServerFacts) -> SetTopic:
    """Set or clear a topic. Raises `MessageTooLong`."""
    session = context.ready
    text = _one_line(command.text)
    return SetTopic(
        session.account, session.device, command.room, command.client_id, text, changed=text != command.text
    )


def kick(command: c.RoomKick, context: Context, _: ServerFacts) -> Kick:
    """End somebody's membership; that an administrator asks has been checked. Raises `MessageTooLong`."""
    session = context.ready
    reason = _one_line(command.reason)
    return Kick(session.account, session.device, command.room, command.client_id, command.name, reason)


def create(command: c.RoomCreate, context: Context, _: ServerFacts) -> CreateRoom:
    """Make a room and join it. Raises `RoomNameInvalid`."""
    check_room_name(command.room)
    return CreateRoom(context.ready.account, command.room)


def join(command: c.RoomJoin, context: Context, _: ServerFacts) -> JoinRoom:
    """Become a member. Raises `RoomNameInvalid`."""
    check_room_name(command.room)
    return JoinRoom(context.ready.account, command.room)


def leave(command: c.RoomLeave, context: Context, _: ServerFacts) -> LeaveRoom:
    """End the own membership."""
    return LeaveRoom(context.ready.account, command.room)


def open_room(command: c.RoomOpen, context: Context, _: ServerFacts) -> OpenRoom:
    """Receive a room from a number on."""
    return OpenRoom(context.ready.account, command.room, command.after)


def _one_line(text: str) -> str:
    line = one_line(text)
    size = len(line.encode("utf-8", "surrogatepass"))
    if size > MAX_TOPIC_BYTES:
        raise MessageTooLong(f"{size:,} bytes, the limit is {MAX_TOPIC_BYTES:,}.", hint="shorten it")
    return line
