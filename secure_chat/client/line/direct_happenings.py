"""What the events of conversations mean for the person: a row, a key that has changed, a message that waits."""

from collections.abc import Callable
from typing import Final

from secure_chat.client.direct import events as e
from secure_chat.client.events import Answer
from secure_chat.client.line.context import Context
from secure_chat.client.line.direct_lines import conversation_piece
from secure_chat.client.line.lines import Piece, Style, warning
from secure_chat.client.line.suggestions import explained
from secure_chat.client.line.times import Days
from secure_chat.client.line.typed import as_typed
from secure_chat.errors import UserUnknown
from secure_chat.limits import MAX_UNREAD_AT_START
from secure_chat.sanitize import one_line

_BY: Final = {"number": "by the number that you compared", "invite": "by the invite that you share"}


class DirectHappenings:
    """Turns events of conversations into what a `Context` shows."""

    def __init__(self, context: Context, days: Days, clock: Callable[[], float]) -> None:
        """`days`: the dividers between all lines of the screen. `clock`: seconds that never go back."""
        self._context = context
        self._days = days
        self._clock = clock
        self._held_back: list[e.DirectHeard] | None = None  # while what was unread before the start is fetched
        self._fetching = 0
        self._announced: set[str] = set()  # whose rows that waited were announced on this connection
        self._said_waiting: set[str] = set()  # people who are offline, of whom it was said

    # --- the start -------------------------------------------------------------------------------

    def connected(self, *, again: bool) -> None:
        """There is a connection; for the first time, what was received before and not read is shown."""
        self._announced.clear()
        if again:
            return
        self._held_back = []
        self._fetching = 1
        self._context.expect(self._context.client.contacts(), self._contacts_known, lambda _error: self._fetched())

    def _contacts_known(self, answer: Answer) -> None:
        context = self._context
        for contact in answer.contacts if isinstance(answer, e.ContactsFound) else ():
            conversation = self._context.conversation(contact.name)
            conversation.state = contact.state
            if contact.held:
                count = "1 message is" if contact.held == 1 else f"{contact.held} messages are"
                ways = f". {_ways(contact.name)} [key.changed]"
                context.show(warning(f"{count} held for ", _named(contact.name), ways))
            if contact.unread:
                self._fetching += 1
                self._fetch_unread(contact)
        self._fetched()

    def _fetch_unread(self, contact: e.ContactRow) -> None:
        context = self._context

        def found(answer: Answer) -> None:
            if isinstance(answer, e.ConversationFound) and answer.messages:
                self._show_unread(contact, answer.messages)
            self._fetched()

        count = min(contact.unread, MAX_UNREAD_AT_START)
        ticket = context.client.conversation(contact.name, None, count)
        context.expect(ticket, found, lambda _error: self._fetched())

    def _show_unread(self, contact: e.ContactRow, messages: tuple[e.DirectMessage, ...]) -> None:
        rest = ""
        if contact.unread > len(messages):
            rest = f"; the last {len(messages)} of {contact.unread:,} follow, /history has the others"
        self._announce(messages[0], rest)
        for message in messages:
            self._draw(message)
        self._context.rings = True

    def _announce(self, first: e.DirectMessage, rest: str = "") -> None:
        """Say once that what follows was not heard as it happened."""
        context = self._context
        if first.peer in self._announced:
            return
        self._announced.add(first.peer)
        since = context.room_lines.times.since(first.time, context.now_ms())
        context.say(conversation_piece(first), f" · new since {since}{rest}")

    def _fetched(self) -> None:
        self._fetching -= 1
        if self._fetching or self._held_back is None:
            return
        held_back, self._held_back = self._held_back, None
        for heard in held_back:
            self._heard(heard)

    @property
    def is_ready(self) -> bool:
        """Whether what was unread at the start is shown."""
        return self._held_back is None

    # --- events ----------------------------------------------------------------------------------

    def happened(self, event: e.DirectEvent) -> None:
        """Take in one event."""
        match event:
            case e.DirectHeard() if self._held_back is not None:
                self._held_back.append(event)
            case e.DirectHeard():
                self._heard(event)
            case e.DirectQueued():
                self._context.show(*self._context.own_directs.queued(event))
            case e.DirectDelayed():
                self._context.show(*self._context.own_directs.delayed(event, self._clock()))
            case e.DirectAccepted() | e.DirectRefused() | e.DirectHeld():
                self._settled(event)
            case e.KeyIsChanged():
                self._key_is_changed(event)
            case e.KeyIsContradicted():
                self._key_is_contradicted(event)
            case e.MayBeLost():
                self._may_be_lost(event)
            case _:
                self._quietly(event)

    def _heard(self, heard: e.DirectHeard) -> None:
        message = heard.message
        if message.row <= self._context.conversation(message.peer).shown:
            return  # drawn with what was unread at the start
        if heard.late and not message.own:
            self._announce(message)
        self._draw(message)
        if not message.own:
            self._context.rings = True

    def _draw(self, message: e.DirectMessage) -> None:
        context, conversation = self._context, self._context.conversation(message.peer)
        conversation.shown = max(conversation.shown, message.row)
        if not message.own:
            context.heard_from(message.peer)
        context.show(*self._days.before(message.time), context.direct_lines.live(message))

    def _settled(self, event: e.DirectAccepted | e.DirectRefused | e.DirectHeld) -> None:
        context = self._context
        context.own_directs.settled(event.ticket)
        match event:
            case e.DirectAccepted():
                self._say_offline(event.peer)
            case e.DirectRefused():
                self._refused(event)
            case e.DirectHeld():
                context.conversation(event.peer).state = e.Trust.CHANGED
                context.fell_short(event.error)
                context.tell(event.error)

    def _refused(self, event: e.DirectRefused) -> None:
        context, conversation = self._context, self._context.places.with_peer(event.peer)
        context.fell_short(event.error)
        # A place that the prompt leads to is never taken away: the next line, typed meanwhile, would go to a room.
        is_here = conversation is not None and conversation is context.places.current
        if isinstance(event.error, UserUnknown) and conversation is not None and not conversation.shown and not is_here:
            context.places.end(event.peer)
            back = context.put_back(f"/msg {event.peer} {event.text}")
        else:
            back = context.give_back(conversation, as_typed(event.text))
        context.tell(explained(context, event.error, person=event.peer), "Nothing was sent.", back)

    def _say_offline(self, peer: str) -> None:
        """Once while somebody is away: nothing is wrong, it only takes until they are back."""
        context = self._context
        if not context.presence.is_offline(peer):
            self._said_waiting.discard(peer)
        elif peer not in self._said_waiting:
            self._said_waiting.add(peer)
            context.say(_named(peer), " is offline: it waits at the server, which cannot read it")

    def _key_is_changed(self, event: e.KeyIsChanged) -> None:
        context, conversation = self._context, self._context.conversation(event.peer)
        conversation.state = e.Trust.CHANGED
        conversation.was_verified, conversation.fingerprint = event.was_verified, event.fingerprint
        conversation.is_contradicted = False
        since = context.room_lines.times.since(event.since, context.now_ms())
        peer = one_line(event.peer)
        verified = ", whom you had verified," if event.was_verified else ""
        held = f" ({event.held} so far)" if event.held else ""
        said = f"{verified} has a new key since {since}. Messages to {peer} are held{held}. {_ways(event.peer)}"
        context.show(warning(_named(event.peer), said, " [key.changed]"))
        context.rings = True

    def _key_is_contradicted(self, event: e.KeyIsContradicted) -> None:
        context, conversation = self._context, self._context.conversation(event.peer)
        conversation.state, conversation.is_contradicted = e.Trust.CHANGED, True
        conversation.was_verified, conversation.fingerprint = event.was_verified, event.fingerprint
        context.tell(event.error)
        context.rings = True

    def _may_be_lost(self, event: e.MayBeLost) -> None:
        context, peer = self._context, one_line(event.peer)
        since = context.room_lines.times.since(event.since, context.now_ms())
        which = f"1 message of {since}" if event.count == 1 else f"{event.count:,} messages, the first one of {since},"
        ways = f": /go {peer}, then /history"
        context.show(warning(f"{which} may not have reached ", _named(event.peer), ways))

    def _quietly(self, event: e.ContactPinned | e.ContactVerified | e.DeviceLeftOut | e.NewDevice) -> None:
        context, peer = self._context, one_line(event.peer)
        match event:
            case e.ContactPinned():
                self._context.conversation(event.peer).state = e.Trust.UNVERIFIED
                context.say("this device now knows the key of ", _named(event.peer), f"; /verify {peer} compares it")
            case e.ContactVerified():
                conversation = self._context.conversation(event.peer)
                conversation.state, conversation.was_verified = e.Trust.VERIFIED, False
                context.say(_named(event.peer), f" is verified {_BY.get(event.by, '')}".rstrip())
            case e.DeviceLeftOut():
                context.say("a device of ", _named(event.peer), f" is left out: {one_line(event.reason)}")
            case e.NewDevice():
                lost = "; what the old one had not fetched is lost" if event.replaces else ""
                context.say(_named(event.peer), f" has a new device, vouched for by the key that you know{lost}")


def _named(peer: str) -> Piece:
    return Piece(one_line(peer), Style.NAME)


def _ways(peer: str) -> str:
    peer = one_line(peer)
    return f"Compare: /verify {peer} · accept: /trust {peer} · drop: /discard {peer}"
