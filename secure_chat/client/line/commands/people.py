"""Commands about people: `/users`, `/members`, `/kick`."""

from collections.abc import Callable
from typing import Final

from secure_chat.client.events import Answer, PeopleFound, Ticket
from secure_chat.client.line.arguments import misused
from secure_chat.client.line.columns import columns
from secure_chat.client.line.context import Context
from secure_chat.client.line.lines import detail
from secure_chat.client.line.registry import Completes, Group, SlashCommand
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

    _PeopleListing(context, "users", context.client.list_users, heading).ask(words[0] if words else "")


def members(context: Context, argument: str) -> None:
    """List who is a member of the current room."""
    words = argument.split()
    if len(words) > 1:
        misused("members", "One name to begin at.")
    room = context.here.room

    def heading(total: int) -> str:
        return f"#{one_line(room)} has {total} member{'s' if total != 1 else ''}:"

    listing = _PeopleListing(context, "members", lambda after: context.client.list_members(room, after), heading)
    listing.ask(words[0] if words else "")


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

    def ask(self, after: str) -> None:
        self._context.expect(self._page(after), self._answered)

    def _answered(self, answer: Answer) -> None:
        if not isinstance(answer, PeopleFound):
            return
        self._found += answer.people
        self._context.people.see(*(person.name for person in answer.people))
        if answer.more and answer.people and len(self._found) < MAX_LISTED_ROWS:
            self.ask(answer.people[-1].name)
        else:
            self._show(answer)

    def _show(self, answer: PeopleFound) -> None:
        found = self._found[:MAX_LISTED_ROWS]
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
    room, name = context.here.room, user_name(words[0].removeprefix("@"))
    reason = " ".join(words[1].split()) if len(words) > 1 else ""
    # The room hears of it and so does this screen.
    context.expect(context.client.kick(room, name, reason), lambda _answer: None)


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
        "users",
        "[FROM]",
        "list who is online",
        Group.FIND,
        users,
        details=("With a name: those after it.",),
        completes=(Completes.PERSON,),
    ),
)
