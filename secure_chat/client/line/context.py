"""What a command can see and do: the client, the person's place, lines to draw, questions, the text at the prompt."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from secure_chat.client.events import Answer, PeopleFound, Ticket
from secure_chat.client.line.client_calls import ClientCalls
from secure_chat.client.line.connection import ConnectionState
from secure_chat.client.line.direct_lines import DirectLines
from secure_chat.client.line.error_words import error_line
from secure_chat.client.line.expectations import Expectations
from secure_chat.client.line.known_names import KnownNames
from secure_chat.client.line.lines import Line, Piece, notice
from secure_chat.client.line.own_directs import OwnDirects
from secure_chat.client.line.own_lines import OwnLines
from secure_chat.client.line.places import Conversation, Place, Places, Where
from secure_chat.client.line.presence import Presence
from secure_chat.client.line.questions import Question, Questions
from secure_chat.client.line.room_lines import RoomLines
from secure_chat.errors import ChatError, NoRoom, NotConnected, UsageInvalid
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat.sanitize import one_line


class PromptText(Protocol):
    """The text that the person is typing. A screen whose input cannot be written to keeps nothing."""

    @property
    def can_be_set(self) -> bool:
        """Whether a text can be put there."""

    def get(self) -> str:
        """What is typed and not entered; never the answer to a question."""

    def set(self, text: str) -> None:
        """Put a text there, the cursor at its end."""


@dataclass(slots=True)
class Context:
    """One person at one screen."""

    client: ClientCalls
    own_name: str
    server: str
    room_lines: RoomLines
    prompt_text: PromptText
    now_ms: Callable[[], int]  # milliseconds since 1970 UTC
    connection: ConnectionState
    may_ask_secrets: bool = True  # somebody is there who can answer without being seen
    is_watched: bool = True  # somebody sees the answer to a line before the next one; not where they come from a pipe
    columns: Callable[[], int | None] = lambda: None  # of the terminal; None: there is none, or its rows are not drawn
    places: Places = field(default_factory=Places)
    drafts: dict[str, str] = field(default_factory=dict)  # of places that are not known yet, from before the start
    people: KnownNames = field(default_factory=KnownNames)
    known_rooms: KnownNames = field(default_factory=KnownNames)
    presence: Presence = field(default_factory=Presence)
    own_lines: OwnLines = field(default_factory=OwnLines)
    own_directs: OwnDirects = field(default_factory=OwnDirects)
    last_writer: str = ""  # who wrote a direct message last
    overtaken_writer: str = ""  # who that was when the line at the prompt was begun; empty: nobody else wrote since
    expectations: Expectations = field(default_factory=Expectations)
    questions: Questions = field(default_factory=Questions)
    lines: list[Line] = field(default_factory=list)  # to be drawn
    rings: bool = False  # the bell, with them
    typed_ahead: bool = False  # lines wait that were typed before the answers to those before them were seen
    entering: dict[Ticket, Where | None] = field(default_factory=dict)  # rooms on their way, and where that was typed
    astray: str = ""  # why lines go nowhere until a place is chosen, a sentence; empty: they go to the current place
    shortfall: ExitCode = ExitCode.OK  # with which number the program ends because of what has failed, unwatched
    leaving: ExitCode | None = None
    interruptible: Callable[[], None] | None = None  # ends a listing that takes long
    more_to_find: Callable[[], None] | None = None  # goes on with the last search
    is_changing_passphrase: bool = False

    @property
    def direct_lines(self) -> DirectLines:
        """How rows of conversations look to this person."""
        return DirectLines(self.own_name, self.room_lines.times)

    # --- telling ---------------------------------------------------------------------------------

    def show(self, *lines: Line) -> None:
        """Draw these."""
        self.lines += lines

    def say(self, *parts: str | Piece) -> None:
        """Tell the person something."""
        self.lines.append(notice(*parts))

    def tell(self, error: ChatError, *following: str) -> None:
        """Tell the person what went wrong."""
        self.lines.append(error_line(error, *following))

    # --- asking ----------------------------------------------------------------------------------

    def expect(
        self, ticket: Ticket, answered: Callable[[Answer], None], failed: Callable[[ChatError], None] | None = None
    ) -> None:
        """What to do when a call is answered. A failure is told, unless `failed` does something else."""
        self.expectations.expect(ticket, answered, failed or self.tell)

    def ask(self, question: Question) -> None:
        """Have the next typed line answer a question."""
        self.questions.ask(question)

    # --- where the person is ---------------------------------------------------------------------

    @property
    def here(self) -> Where:
        """Where lines go. Raises `NoRoom` for nowhere, or `NotConnected` when it is not known yet."""
        if self.astray:
            if not self.is_watched:
                self.shortfall = ExitCode.PARTLY_SENT
            raise NoRoom(f"{self.astray} Nothing was sent.", hint=self.ways_back)
        place = self.places.current
        if place is not None:
            return place
        if self.connection.is_online:
            raise NoRoom
        raise NotConnected("There is no connection yet, so it is not known which rooms you are in.")

    @property
    def room(self) -> Place:
        """The current room. Raises as `here` does, and `UsageInvalid` in a conversation."""
        place = self.here
        if isinstance(place, Conversation):
            peer = one_line(place.peer)
            raise UsageInvalid(
                f"This is a conversation with {peer}, no room. Nothing was done.", hint="/go ROOM leads to a room"
            )
        return place

    def go(self, where: Where) -> None:
        """Write to another place from now on: what was being typed stays where it was, its own draft comes back."""
        left, typed = self.places.current, self.prompt_text.get()
        if left is not None:
            left.draft = typed
        elif self.astray and typed.strip():
            self.say(f"what you were typing was not sent: {typed}")
        self.astray = ""
        self.places.go(where)
        self.prompt_text.set(where.draft)
        where.draft = ""
        if isinstance(where, Place) and self.prompt_text.can_be_set and not where.has_known_members:
            self._learn_members(where)

    def _learn_members(self, place: Place) -> None:
        def answered(answer: Answer) -> None:
            if isinstance(answer, PeopleFound):
                place.has_known_members = True
                self.people.see(*(person.name for person in answer.people))
                for person in answer.people:
                    self.presence.told(person.name, online=person.online)

        self.expect(self.client.list_members(place.room), answered, lambda _error: None)

    def conversation(self, peer: str) -> Conversation:
        """The conversation with somebody, its draft as it was left."""
        conversation = self.places.with_peer(peer)
        if conversation is None:
            conversation = self.places.begin(peer)
            conversation.draft = self.drafts.pop(conversation.draft_name, "")
            self.people.see(peer)
        return conversation

    def heard_from(self, peer: str) -> None:
        """Somebody has written: /reply means them now, but a command at the prompt may have been begun for another."""
        if not self.overtaken_writer and self.prompt_text.get().lstrip().startswith("/"):
            self.overtaken_writer = self.last_writer
        self.last_writer = peer

    def settle(self) -> None:
        """Go somewhere, if the person is nowhere yet and there is a room. What is typed meanwhile stays."""
        nearest = self.places.nearest
        if self.places.current is None and nearest is not None and not self.astray:
            typed = self.prompt_text.get()
            self.go(nearest)
            if typed:
                self.prompt_text.set(typed)

    def set_out(self, ticket: Ticket) -> None:
        """A room is to be entered, from here: once the server has answered the prompt moves there."""
        self.entering[ticket] = self.places.current

    def arrive(self, ticket: Ticket, place: Place) -> bool:
        """The room is entered. Tells whether lines go there now: not when the person has begun something meanwhile."""
        current = self.places.current
        start = self.entering.pop(ticket, current)
        if start is not current or self.prompt_text.get().strip():
            return False
        self.go(place)
        for other, where in self.entering.items():
            if where is start:
                self.entering[other] = place
        return True

    def lose_way(self, why: str) -> None:
        """Write nowhere until a place is chosen: no line goes elsewhere than where it was begun. `why`: a sentence."""
        self.astray = why
        self.places.stand_nowhere()

    @property
    def ways_back(self) -> str:
        """How to get to a place again."""
        nearest = self.places.nearest
        if nearest is None:
            return NoRoom.hint
        return f"/go {one_line(nearest.room)}, /msg USER or /join ROOM leads to one"

    def move_failed(self, error: ChatError, what: str = "The place that was named before was not reached") -> None:
        """A command that leads elsewhere has failed: what follows unseen was meant for there. `what` has failed."""
        self.fell_short(error)
        if self.typed_ahead or not self.is_watched:
            self.lose_way(f"{what}, so this goes nowhere.")

    def fell_short(self, error: ChatError) -> None:
        """Something was not done; where nobody sees that, the exit code of the first one says so."""
        if not self.is_watched and self.shortfall is ExitCode.OK:
            self.shortfall = exit_code_of(error)

    def put_back(self, text: str) -> str:
        """Put a text that was not sent back at the prompt; the sentence that says where it is."""
        if not self.prompt_text.can_be_set:
            return ""
        if self.prompt_text.get().strip():
            return "Your text is in the input history: the Up key brings it back."
        self.prompt_text.set(text)
        return "Your text is back at the prompt."

    def give_back(self, where: Where | None, text: str) -> str:
        """The same for a text that belongs somewhere, where it waits when that is not the current place."""
        current = self.places.current
        if current is None or where is None or current is where or where.draft:
            return self.put_back(text)
        if not self.prompt_text.can_be_set:
            return ""
        where.draft = text
        title = one_line(where.title)
        return f"Your text waits at the prompt of {title}: /go {title.removeprefix('#')}"

    def leave(self, code: ExitCode = ExitCode.OK) -> None:
        """End the program, after what is to be drawn."""
        if self.leaving is None:
            self.leaving = self.shortfall if code is ExitCode.OK else code
