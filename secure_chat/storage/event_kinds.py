"""The numbers under which the room log keeps the kinds of its events; never changed once given."""

from enum import IntEnum
from typing import Final

from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, TopicSet


class EventKind(IntEnum):
    """What a row of the room log is."""

    MESSAGE = 1
    TOPIC = 2
    JOINED = 3
    LEFT = 4
    KICKED = 5


KIND_OF: Final[dict[type[RoomEvent], int]] = {
    Message: EventKind.MESSAGE.value,
    TopicSet: EventKind.TOPIC.value,
    Joined: EventKind.JOINED.value,
    Left: EventKind.LEFT.value,
    Kicked: EventKind.KICKED.value,
}
