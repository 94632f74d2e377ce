"""Pages of history and of searches: whole frames in a reply, read as the events that they were."""

from secure_chat.errors import ChatError, ServerSaidNonsense
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.events import HistoryPage, Joined, Kicked, Left, Message, RoomEvent, SearchPage, TopicSet
from secure_chat.protocol.frames import split_frames


def read_page(page: HistoryPage) -> list[RoomEvent]:
    """The events of a page of history. Raises `ServerSaidNonsense` for anything else in it, or of another room."""
    events = _events(page.events)
    if any(event.room != page.room for event in events):
        raise ServerSaidNonsense("The server mixed events of another room into a page of history.")
    return events


def read_found(page: SearchPage) -> list[Message]:
    """The messages of a page of a search. Raises `ServerSaidNonsense` for anything else in it."""
    messages: list[Message] = []
    for event in _events(page.events):
        if not isinstance(event, Message):
            raise ServerSaidNonsense("The server found something that is no message.")
        messages.append(event)
    return messages


def _events(blob: bytes) -> list[RoomEvent]:
    events: list[RoomEvent] = []
    try:
        for body in split_frames(blob):
            said = decode_said(body)
            if not isinstance(said, Message | TopicSet | Joined | Left | Kicked):
                raise ServerSaidNonsense("A page of history holds something that is no event of a room.")
            events.append(said)
    except ChatError as error:
        raise ServerSaidNonsense(error.sentence) from error
    return events
