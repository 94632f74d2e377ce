"""Commands about people: `/users`, `/members`, `/kick`, `/who`, `/invite-person`."""

from collections.abc import Callable
from typing import Final

from secure_chat.client.direct.events import ContactRow, ContactsFound, InviteReady
from secure_chat.client.events import Answer, PeopleFound, Ticket
from secure_chat.client.line.arguments import misused, nothing, one_word
from secure_chat.client.line.columns import columns
from secure_chat.client.line.commands.talking import somebody
from secure_chat.client.line.context import Context
from secure_chat.client.line.direct_lines import TRUST_WORDS
from secure_chat.client.line.lines import Piece, Style, detail
from secure_chat.client.line.registry import Completes, Group, SlashCommand
from secure_chat.client.line.suggestions import explained
from secure_chat.errors import ChatError
from secure_chat.limits import MAX_LISTED_ROWS
from secure_chat.names import user_name
from secure_chat.protocol.events import Person
from secure_chat.sanitize import one_line


def users(context: Context, argument: str) -> None:
    """List who is online."""
    words = argument.split()
    if len(words) > 1:
        misused("users", "One name to begin at.")

    def heading(total: int) -> str:
        return "nobody is online" if not total else f"{total} online:"

    _PeopleListing(context, "users", context.client.list_users, heading).ask(_first(words))


def _first(words: list[str]) -> str:
    return words[0].removeprefix("@") if words else ""


def members(context: Context, argument: str) -> None:
    """List who is a member of the current room."""
    words = argument.split()
    if len(words) > 1:
        misused("members", "One name to begin at.")
    room = context.room.room

    def heading(total: int) -> str:
        return f"#{one_line(room)} has {total} member{'s' if total != 1 else ''}:"

    listing = _PeopleListing(context, "members", lambda after: context.client.list_members(room, after), heading)
    listing.ask(_first(words))


class _PeopleListing:
    """One list of people: page after page, then the lines."""

    def __init__(
        self, context: Context, name: str, page: Callable[[str], Ticket], heading: Callable[[int], str]
    ) -> None:
        self._context = context
        self._name = name
        self._page = page
        self._heading = heading
        self._found: list[Person] = []
        self._after = ""

    def ask(self, after: str) -> None:
        """`after`: the list begins behind this name."""
        self._after = after
        self._ask_page(after)

    def _ask_page(self, after: str) -> None:
        self._context.expect(self._page(after), self._answered)

    def _answered(self, answer: Answer) -> None:
        if not isinstance(answer, PeopleFound):
            return
        self._found += answer.people
        for person in answer.people:
            self._context.people.see(person.name)
            self._context.presence.told(person.name, online=person.online)
        if answer.more and answer.people and len(self._found) < MAX_LISTED_ROWS:
            self._ask_page(answer.people[-1].name)
        else:
            self._show(answer)

    def _show(self, answer: PeopleFound) -> None:
        found = self._found[:MAX_LISTED_ROWS]
        if self._after and not found:
            self._context.say(
                f"nobody comes after {one_line(self._after)} in this list: /{self._name} shows its beginning"
            )
            return
        self._context.say(self._heading(answer.total))
        self._context.show(*columns([self._row(person) for person in found]))
        if found and (answer.more or len(self._found) > len(found)):
            self._context.show(detail(f"… and more: /{self._name} {one_line(found[-1].name)}"))

    def _row(self, person: Person) -> tuple[str, ...]:
        you = "that is you" if person.name == self._context.own_name else ""
        return (person.name, person.role, "online" if person.online else "offline", you)


def kick(context: Context, argument: str) -> None:
    """Remove somebody from the current room."""
    words = argument.split(None, 1)
    if not words:
        misused("kick", "Whom?")
    room, name = context.room.room, user_name(words[0].removeprefix("@"))
    reason = " ".join(words[1].split()) if len(words) > 1 else ""
    # The room hears of it and so does this screen.
    context.expect(
        context.client.kick(room, name, reason),
        lambda _answer: None,
        lambda error: context.tell(explained(context, error, person=name)),
    )


# --- one person ----------------------------------------------------------------------------------


def who(context: Context, argument: str) -> None:
    """Say what is known of somebody."""
    peer = somebody(context, one_word(argument, "who", "Whom? One name."))

    def answered(answer: Answer) -> None:
        if isinstance(answer, ContactsFound):
            row = next((row for row in answer.contacts if row.name == peer), None)
            _Presence(context, peer, row).ask("")

    context.expect(context.client.contacts(), answered)


class _Presence:
    """Whether somebody is online, looked for page after page, and then all that is known."""

    def __init__(self, context: Context, peer: str, row: ContactRow | None) -> None:
        self._context = context
        self._peer = peer
        self._row = row
        self._seen = 0

    def ask(self, after: str) -> None:
        self._context.expect(self._context.client.list_users(after), self._answered, self._not_listed)

    def _not_listed(self, error: ChatError) -> None:
        """Of a stranger nothing is known but what the server says."""
        if self._row is None:
            self._context.tell(error)
        else:
            self._show("")

    def _answered(self, answer: Answer) -> None:
        if not isinstance(answer, PeopleFound):
            return
        self._seen += len(answer.people)
        names = [person.name for person in answer.people]
        if self._peer in names:
            self._show("online")
        elif answer.more and names and names[-1] < self._peer and self._seen < MAX_LISTED_ROWS:
            self.ask(names[-1])
        elif self._row is None:
            self._context.expect(
                self._context.client.look_up(self._peer),
                lambda _answer: self._show("not online"),
                lambda error: self._context.tell(explained(self._context, error, person=self._peer)),
            )
        else:
            self._show("not online")

    def _show(self, presence: str) -> None:
        context, row, peer = self._context, self._row, one_line(self._peer)
        if row is None:
            known = [presence, f"no conversation with you yet: /msg {peer} begins one"]
        else:
            last = ""
            if row.last_time:
                last = f"last message {context.room_lines.times.since(row.last_time, context.now_ms())}"
            held = f"{row.held} held until you accept the new key" if row.held else ""
            known = [presence, TRUST_WORDS[row.state], f"{row.unread} unread" if row.unread else "", last, held]
        context.say(Piece(peer, Style.NAME), f": {', '.join(filter(None, known))}")


def invite_person(context: Context, argument: str) -> None:
    """Make a link by which somebody joins, verified from the start."""
    nothing(argument, "invite-person")

    def answered(answer: Answer) -> None:
        if isinstance(answer, InviteReady):
            until = context.room_lines.times.date_and_clock(answer.expires)
            context.say(f"works once, until {until}; whoever has it joins, and the two of you are verified:")
            context.show(detail(answer.link))
            context.say("it is used in a terminal, with quotes around it: secure-chat join 'secure-chat://…'")

    context.expect(context.client.invite(), answered)


COMMANDS: Final = (
    SlashCommand(
        "members",
        "[FROM]",
        "list who is in this room",
        Group.MOVE,
        members,
        details=("With a name: those after it.",),
        completes=(Completes.PERSON,),
    ),
    SlashCommand(
        "kick",
        "NAME [REASON]",
        "remove somebody from this room (administrators)",
        Group.MOVE,
        kick,
        details=("Everybody in the room sees who did it and the reason. The person may join again.",),
        examples=("/kick bob please take it outside",),
        completes=(Completes.PERSON,),
    ),
    SlashCommand(
        "who",
        "USER",
        "say what is known of somebody: online, verified, unread",
        Group.FIND,
        who,
        examples=("/who bob",),
        completes=(Completes.PERSON,),
    ),
    SlashCommand(
        "invite-person",
        "",
        "make a link by which somebody joins, verified from the start",
        Group.SELF,
        invite_person,
        details=(
            "Hand it over where nobody else reads it: it works once.",
            "What it proves is that the person who joins had it from you; you are told when that has happened.",
        ),
    ),
    SlashCommand(
        "users",
        "[FROM]",
        "list who is online",
        Group.FIND,
        users,
        details=("With a name: those after it.",),
        completes=(Completes.PERSON,),
    ),
)
