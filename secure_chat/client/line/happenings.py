"""What each event of the client means for the person: a line, a question, another place, the end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from secure_chat.client import events as e
from secure_chat.client.direct.events import DirectEvent
from secure_chat.client.line.context import Context
from secure_chat.client.line.direct_happenings import DirectHappenings
from secure_chat.client.line.lines import detail, warning
from secure_chat.client.line.notices import Notices, Way
from secure_chat.client.line.own_lines import OwnLine
from secure_chat.client.line.places import Conversation, Place
from secure_chat.client.line.questions import Question
from secure_chat.client.line.room_lines import room_piece
from secure_chat.client.line.suggestions import explained
from secure_chat.client.line.times import Days
from secure_chat.client.line.typed import as_typed
from secure_chat.errors import TokenUnknown
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, TopicSet
from secure_chat.sanitize import one_line

_WORTH_SAYING: Final = 50  # events of a catching up; fewer are there before they are announced


@dataclass(slots=True)
class _Unread:
    """What is new in a room that was just opened."""

    head: int  # number of the last one
    coming: int  # events that follow by themselves
    older: int  # those that do not


class Happenings:
    """Turns events into what a `Context` shows. `clock`: seconds that never go back."""

    def __init__(self, context: Context, clock: Callable[[], float]) -> None:
        self._context = context
        self._clock = clock
        times = context.room_lines.times
        self._notices = Notices(context.own_name, times)
        self._days = Days(times, times.day(context.now_ms()))
        self._direct = DirectHappenings(context, self._days, clock)
        self._expected: set[str] = set()  # rooms that the connection will open
        self._unread: dict[str, _Unread] = {}  # rooms whose new lines have not come yet

    @property
    def is_ready(self) -> bool:
        """Whether there is a connection, every room is open, and what was unread in conversations is shown."""
        return self._context.connection.is_online and not self._expected and self._direct.is_ready

    @property
    def due(self) -> float | None:
        """When to call `tick`."""
        return self._notices.due

    def tick(self) -> None:
        """Say what was gathered, if it is time."""
        due = self._notices.due
        if due is not None and self._clock() >= due:
            self._say_notices()

    def happened(self, event: e.Event) -> None:
        """Take in one event."""
        match event:
            case e.Heard():
                self._heard(event)
            case e.Answered() | e.Failed():
                self._context.expectations.settle(event)
            case e.LineQueued() | e.LineDelayed() | e.LineAccepted() | e.LineRefused():
                self._own_line(event)
            case e.RoomEntered() | e.RoomLost() | e.CatchUpBegan() | e.CatchUpEnded() | e.NotKept():
                self._room(event)
            case e.PresenceChanged():
                self._presence(event)
            case _ if isinstance(event, DirectEvent):
                self._direct.happened(event)
            case _:
                self._connection(event)

    def _presence(self, event: e.PresenceChanged) -> None:
        self._context.people.see(*event.online)
        for names, online in ((event.online, True), (event.offline, False)):
            for name in names:
                self._context.presence.told(name, online=online)
        self._notices.presence(event.online, event.offline, self._clock())

    # --- the connection --------------------------------------------------------------------------

    def _connection(self, event: e.Event) -> None:
        context, connection = self._context, self._context.connection
        match event:
            case e.Connecting():
                connection.connecting()
            case e.Countdown():
                connection.counted(event)
            case e.Connected():
                self._connected(event)
            case e.Disconnected():
                self._say_notices()
                context.presence.forget()
                context.show(*connection.disconnected(event))
            case e.ServerStopping():
                context.show(*connection.stopping(event))
            case e.Told():
                self._expected.clear()  # it may have been told instead of a room that was to be opened
                context.tell(event.error)
            case e.PassphraseNeeded():
                self._passphrase_needed(event)
            case e.Stopped():
                self._stopped(event)

    def _connected(self, event: e.Connected) -> None:
        context = self._context
        context.show(*context.connection.connected(event, len(context.own_lines)))
        self._direct.connected(again=event.again)
        self._expected = set(event.rooms)
        for room in event.rooms:
            if context.places.get(room) is None:
                context.places.enter(Place(room, draft=context.drafts.pop(room, "")))
        if not event.again:
            self._introduce(event)
        context.settle()
        if not event.again and not context.prompt_text.can_be_set:
            self._say_where()  # there is no prompt that names it

    def _introduce(self, event: e.Connected) -> None:
        who = f"you are {one_line(event.name)}" + (f", {one_line(event.role)}," if event.role != "member" else "")
        rooms = ", ".join(f"#{one_line(room)}" for room in sorted(event.rooms))
        self._context.say(f"{who} in {rooms or 'no room: /rooms lists them, /join ROOM enters one'}")
        self._context.say("rooms are kept by the server, which can read them; /help explains the commands")

    def _passphrase_needed(self, event: e.PassphraseNeeded) -> None:
        context = self._context
        if not context.may_ask_secrets:
            context.tell(event.error)
            context.leave(exit_code_of(event.error))
            return
        # No command to type: the question that follows is the next step.
        context.tell(TokenUnknown(hint="") if isinstance(event.error, TokenUnknown) else event.error)
        self._ask_for_passphrase()

    def _ask_for_passphrase(self) -> None:
        context = self._context

        def answered(text: str) -> None:
            if text:
                context.client.give_passphrase(text)
            else:
                self._ask_for_passphrase()

        prompt = f"Passphrase of {one_line(context.own_name)}:"
        context.ask(Question(prompt, answered, context.leave, is_secret=True))

    def _stopped(self, event: e.Stopped) -> None:
        context = self._context
        self._say_notices()
        context.connection.is_online = False
        if event.error is not None:
            context.tell(event.error)
            context.leave(exit_code_of(event.error))
        unsent = [OwnLine(line.room, line.text, line.action) for line in event.unsent]
        self._name_unsent(unsent, "1 line was not sent:", f"{len(unsent)} lines were not sent:")
        self._name_kept()
        context.leave()

    def abandoned(self) -> None:
        """The client was asked to end and has not said so in time."""
        unsent = self._context.own_lines.unsent()
        self._name_unsent(unsent, "1 line may not have been sent:", f"{len(unsent)} lines may not have been sent:")
        self._name_kept()

    def _name_kept(self) -> None:
        """Direct messages outlive the program: nothing is lost, and nobody types them again."""
        own = self._context.own_directs
        if own:
            those = (
                "1 message waits in your vault and goes"
                if len(own) == 1
                else f"{len(own)} messages wait in your vault and go"
            )
            self._context.say(f"{those} by the next start:")
            self._context.show(*own.waiting())

    def _name_unsent(self, unsent: list[OwnLine], one: str, many: str) -> None:
        context = self._context
        if not unsent:
            return
        context.show(warning(one if len(unsent) == 1 else many), *(detail(*line.shown) for line in unsent))
        if context.leaving in (None, ExitCode.OK):
            context.leaving = ExitCode.PARTLY_SENT

    # --- rooms -----------------------------------------------------------------------------------

    def _room(self, event: e.Event) -> None:
        match event:
            case e.RoomEntered():
                self._entered(event)
            case e.RoomLost():
                self._lost(event)
            case e.CatchUpBegan(room=room, first=first, last=last):
                if room not in self._unread and last - first >= _WORTH_SAYING:
                    self._context.say(room_piece(room), f" · fetching {last - first + 1:,} that were missed")
            case e.CatchUpEnded(room=room):
                self._announce_unread(room, None)
                self._say_notices_of(room)
            case e.NotKept(room=room, first=first, last=last):
                self._announce_unread(room, None)
                self._context.say(room_piece(room), f" · {first} to {last} are not kept any more")

    def _entered(self, event: e.RoomEntered) -> None:
        context = self._context
        self._expected.discard(event.room)
        context.known_rooms.see(event.room)
        place = context.places.get(event.room)
        if place is None:
            place = context.places.enter(Place(event.room, draft=context.drafts.pop(event.room, "")))
        place.topic, place.members, place.first = event.topic, event.members, event.first
        place.head = max(place.head, event.head)
        place.shown = max(place.shown, event.after)
        if event.ticket is not None:
            self._arrived(event, event.ticket, place)
        elif event.head > event.after:
            count = event.head - event.after
            self._unread[event.room] = _Unread(event.head, count, 0 if event.again else max(0, event.unread - count))
        context.settle()

    def _arrived(self, event: e.RoomEntered, ticket: e.Ticket, place: Place) -> None:
        context = self._context
        topic = f": {one_line(event.topic)}" if event.topic else ""
        members = "1 member" if event.members == 1 else f"{event.members} members"
        if context.arrive(ticket, place):
            further = "; /history shows what was said before" if event.after >= event.first else ""
        else:
            further = f". What you write goes where it went before: /go {one_line(event.room)} leads there"
        context.say("you are in ", room_piece(event.room), f"{topic}, {members}{further}")

    def _announce_unread(self, room: str, first_time: int | None) -> None:
        unread = self._unread.pop(room, None)
        if unread is None:
            return
        context = self._context
        since = "" if first_time is None else f" since {context.room_lines.times.since(first_time, context.now_ms())}"
        rest = f"; the last {unread.coming} follow, /history has the others" if unread.older else ""
        context.say(room_piece(room), f" · {unread.coming + unread.older:,} new{since}{rest}")

    def _own_line_came_back(self, heard: e.Heard) -> None:
        """What was sent from this screen is not new to the person."""
        unread = self._unread.get(heard.event.room)
        if unread is None:
            return
        unread.coming -= 1
        if heard.event.number >= unread.head:
            del self._unread[heard.event.room]

    def _lost(self, event: e.RoomLost) -> None:
        context = self._context
        self._say_notices()
        self._expected.discard(event.room)
        self._unread.pop(event.room, None)
        context.own_lines.lost(event.room)
        place = context.places.get(event.room)
        was_here = place is not None and context.places.current is place
        context.places.leave(event.room)
        if event.kicked:
            context.show(warning("you were removed from ", room_piece(event.room)))
        else:
            context.say("you are no longer in ", room_piece(event.room))
        if place is None or not was_here:
            return
        typed = context.prompt_text.get().strip()
        if place.is_being_left and not typed:
            context.settle()
            self._say_where()
            return
        # Whoever is about to type, or has typed half of it, means the room that was there.
        context.lose_way(f"You are not in #{one_line(event.room)} any more, where this was begun.")
        kept = "your text stays at the prompt, and " if typed else ""
        context.say(f"{kept}nothing is sent before you choose another place: {context.ways_back}")

    def _say_where(self) -> None:
        current = self._context.places.current
        if isinstance(current, Conversation):
            self._context.say("you write to ", current.title)
        elif current is not None:
            self._context.say("you write to ", room_piece(current.room))

    def _heard(self, heard: e.Heard) -> None:
        event, context = heard.event, self._context
        if heard.ticket is not None:
            context.own_lines.heard(heard.ticket)
            self._own_line_came_back(heard)
        else:
            self._announce_unread(event.room, event.time)
        place = context.places.get(event.room)
        if place is not None:
            place.shown = max(place.shown, event.number)
            place.head = max(place.head, event.number)
            if isinstance(event, TopicSet) and not heard.late:
                place.topic = event.text
        context.people.see(subject(event))
        if isinstance(event, Joined | Left):
            if not heard.own or heard.late:
                way = Way.IN if isinstance(event, Joined) else Way.OUT
                self._notices.membership(event.room, event.name, way, event.time, self._clock())
            return
        if self._notices.holds(event.room, None if heard.late else subject(event)):
            self._say_notices()
        context.show(*self._days.before(event.time), context.room_lines.live(event))
        if context.room_lines.mentions_me(event):
            context.rings = True

    def _say_notices_of(self, room: str) -> None:
        if self._notices.holds(room):
            self._say_notices()

    def _say_notices(self) -> None:
        for time, drawn in self._notices.take(self._clock()):
            if time is not None:
                self._context.show(*self._days.before(time))
            self._context.show(drawn)

    # --- own lines -------------------------------------------------------------------------------

    def _own_line(self, event: e.LineQueued | e.LineDelayed | e.LineAccepted | e.LineRefused) -> None:
        context, own_lines = self._context, self._context.own_lines
        match event:
            case e.LineQueued():
                context.show(*own_lines.queued(event))
            case e.LineDelayed():
                context.show(*own_lines.delayed(event, self._clock()))
            case e.LineAccepted():
                context.show(*own_lines.accepted(event))
            case e.LineRefused():
                own_lines.refused(event)
                context.fell_short(event.error)
                back = context.give_back(context.places.get(event.room), as_typed(event.text, action=event.action))
                context.tell(explained(context, event.error, room=event.room), "Nothing was sent.", back)


def subject(event: RoomEvent) -> str:
    """Whom an event is of."""
    match event:
        case Message() | TopicSet():
            return event.sender
        case Kicked():
            return event.by
        case Joined() | Left():
            return event.name
