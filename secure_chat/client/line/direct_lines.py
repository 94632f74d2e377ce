"""A conversation's rows as lines: `10:03 [bob, end-to-end, verified] bob: text`; what is not what it seems says so."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from secure_chat.client.direct.events import DirectMessage, MessageKind, Trust
from secure_chat.client.line.lines import Line, Piece, Style, line
from secure_chat.client.line.times import LocalTimes, day_name
from secure_chat.sanitize import one_line, sanitize

TRUST_WORDS: Final = {
    Trust.VERIFIED: "verified",
    Trust.UNVERIFIED: "unverified",
    Trust.CHANGED: "key changed",
    Trust.QUARANTINED: "quarantined",
}


@dataclass(frozen=True, slots=True)
class DirectLines:
    """How the rows of conversations look to one person."""

    own_name: str
    times: LocalTimes

    def live(self, message: DirectMessage) -> Line:
        """A row in the stream of everything."""
        return line(f"{self.times.clock(message.time)} ", conversation_piece(message), " ", *self._told(message))

    def numbered(self, message: DirectMessage) -> Line:
        """A row in a listing of one conversation: number and time before it."""
        told = self._told(message)
        mark = () if message.trust in (Trust.VERIFIED, Trust.UNVERIFIED) else (conversation_piece(message), " ")
        return line(f"{message.row:>5}  {self.times.clock(message.time)} ", *mark, *told)

    def found(self, message: DirectMessage) -> Line:
        """A row among others from anywhere: conversation, number, date and time before it."""
        return line(
            conversation_piece(message),
            f" {message.row}  {self.times.date_and_clock(message.time)} ",
            *self._told(message),
        )

    def listing(self, messages: Iterable[DirectMessage]) -> Iterable[Line]:
        """Rows of one conversation, numbered, with a divider before each day."""
        day = None
        for message in messages:
            if day != (day := self.times.day(message.time)):
                yield line(f"--- {day_name(day)} ---")
            yield self.numbered(message)

    def _told(self, message: DirectMessage) -> tuple[str | Piece, ...]:
        doubt = ""
        if message.doubtful_time:
            doubt = f" (sent {self.times.date_and_clock(message.sent_at)} by the sender's clock)"
        style = Style.OWN_NAME if message.own else Style.NAME
        sender = one_line(self.own_name if message.own else message.peer)
        told = caveat(message)
        if told is None:
            return (Piece(sender, style), ": ", sanitize(message.text), doubt)
        sign = "· " if message.kind is MessageKind.UNKNOWN else Piece("! ", Style.WARNING)
        return (sign, told, sanitize(message.text), doubt)


def caveat(message: DirectMessage) -> str | None:
    """What stands in place of the sender's name before what is not simply said; None for what is."""
    peer = one_line(message.peer)
    claims = f"something that claims to be from {peer}"
    if message.kind is MessageKind.UNREADABLE:
        why = f": {one_line(message.reason)}" if message.reason else ""
        return f"{claims} cannot be read{why}. Ask {peer} to send it again."
    if message.kind is MessageKind.UNKNOWN:
        return f"{peer} sent something that needs a newer version of secure_chat"
    if message.trust is Trust.QUARANTINED:
        return f"{claims}, under a key that you have not accepted: "
    return None


def conversation_piece(message: DirectMessage) -> Piece:
    """Whose conversation a row is of, who can read it, and what is known of the key."""
    style = Style.WARNING if message.trust in (Trust.CHANGED, Trust.QUARANTINED) else Style.DIRECT
    return Piece(f"[{one_line(message.peer)}, end-to-end, {TRUST_WORDS[message.trust]}]", style)
