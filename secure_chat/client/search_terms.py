"""What a person types to search: words, and from:USER in:#ROOM or in:@USER after:DATE, which narrow it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from secure_chat.client.direct.events import DirectMessage
from secure_chat.errors import UsageInvalid
from secure_chat.names import room_name, user_name

_NARROWING: Final = ("from", "in", "after")


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """What is looked for; empty or 0 where it does not matter."""

    words: str
    room: str = ""
    sender: str = ""
    since: int = 0  # milliseconds since 1970 UTC
    peer: str = ""  # whose conversation
    in_conversations: bool = False  # in those alone, which are on this device

    def peer_for(self, own_name: str) -> str:
        """The one conversation in which it can only be; empty for any."""
        if self.peer:
            return self.peer
        return "" if self.sender == own_name else self.sender


def parse_search_terms(text: str) -> SearchTerms:
    """Read a line of words. Raises `UsageInvalid`, `RoomNameInvalid` or `NameInvalid`."""
    words: list[str] = []
    narrowed: dict[str, str] = {}
    for word in text.split():
        name, colon, value = word.partition(":")
        if colon and value and name in _NARROWING:
            narrowed[name] = value
        else:
            words.append(word)
    if not words:
        raise UsageInvalid("There is no word to look for.", hint="secure-chat search cert from:bob in:#dev")
    place = narrowed.get("in", "")
    in_conversations = place.startswith("@")
    peer = place.removeprefix("@") if in_conversations else ""
    return SearchTerms(
        " ".join(words),
        room_name(place) if place and not in_conversations else "",
        user_name(narrowed["from"].removeprefix("@")) if "from" in narrowed else "",
        _milliseconds(narrowed["after"]) if "after" in narrowed else 0,
        user_name(peer) if peer else "",
        in_conversations,
    )


def is_from(message: DirectMessage, sender: str, own_name: str) -> bool:
    """Whether a direct message is of that person; an empty name is anybody."""
    return not sender or sender == (own_name if message.own else message.peer)


def _milliseconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageInvalid(f"after: takes a date such as 2026-05-01, not {text}.") from error
