"""What presence may be asked: made by handlers on the I/O threads, answered on the journal thread."""

from secure_chat.server.items import PresenceRequest


class ListOnline(PresenceRequest, frozen=True, gc=False):
    """A page of the people who are online, after the name `after`."""

    after: str
