"""Commands for moving between rooms: `/join`, `/leave`, `/rooms`, `/go`, `/topic`."""

import difflib
from typing import Final

from secure_chat.client.events import Answer, RoomsFound, Ticket
from secure_chat.client.line.arguments import misused, without_option
from secure_chat.client.line.columns import columns
from secure_chat.client.line.context import Context
from secure_chat.client.line.lines import detail
from secure_chat.client.line.registry import Completes, Group, SlashCommand
from secure_chat.client.line.room_lines import room_piece
from secure_chat.errors import ChatError, NotMember, RoomExists, RoomUnknown
from secure_chat.limits import MAX_LISTED_ROWS
from secure_chat.names import room_name
from secure_chat.protocol.events import RoomSummary
from secure_chat.sanitize import one_line

# --- joining and leaving -------------------------------------------------------------------------


def join(context: Context, argument: str) -> None:
    """Become a member of a room, or make it; the prompt moves there once the server has answered."""
    words, creates = without_option(argument, "--create")
    if len(words) != 1:
        misused("join", "Which room? One at a time.")
    room = room_name(words[0])
    if room in context.places.names and not creates:
        go(context, room)
        return
    ticket = context.client.create_room(room) if creates else context.client.join_room(room)
    context.expect(ticket, _nothing, lambda error: _not_joined(context, room, error))


def _nothing(_answer: Answer) -> None:
    """The room itself tells that it was entered."""


def _not_joined(context: Context, room: str, error: ChatError) -> None:
    if isinstance(error, RoomExists):
        context.tell(RoomExists(f"There is a room #{room} already.", hint=f"/join {room} enters it"))
    elif isinstance(error, RoomUnknown):
        context.expect(
            context.client.list_rooms(),
            lambda answer: _suggest(context, room, answer),
            lambda _: context.tell(_no_room(room)),
        )
    else:
        context.tell(error)


def _suggest(context: Context, room: str, answer: Answer) -> None:
    if not isinstance(answer, RoomsFound):
        return
    names = [summary.room for summary in answer.rooms]
    context.known_rooms.see(*names)
    context.tell(_no_room(room, difflib.get_close_matches(room, names, 1), answer.total))


def _no_room(room: str, meant: list[str] | None = None, total: int | None = None) -> RoomUnknown:
    question = f" Did you mean #{meant[0]}?" if meant else ""
    there_are = "/rooms lists what there is" if total is None else f"/rooms lists {total}"
    return RoomUnknown(f"No room #{room}.{question}", hint=f"{there_are}, /join {room} --create makes it")


def leave(context: Context, argument: str) -> None:
    """End the membership of a room."""
    words = argument.split()
    if len(words) > 1:
        misused("leave", "One room at a time.")
    room = _own_room(context, words[0]) if words else context.here.room
    context.expect(context.client.leave_room(room), _nothing)


# --- moving --------------------------------------------------------------------------------------


def go(context: Context, argument: str) -> None:
    """Write to another room from now on."""
    words = argument.split()
    if len(words) != 1:
        misused("go", f"Where to? You are in {_list_of(context.places.names)}.")
    room = _own_room(context, words[0])
    context.go(room)
    place = context.here
    topic = f": {one_line(place.topic)}" if place.topic else ""
    context.say("you write to ", room_piece(room), topic)


def _own_room(context: Context, text: str) -> str:
    matching = context.places.matching(text)
    if len(matching) == 1:
        return matching[0]
    if matching:
        misused("go", f"More than one of your rooms fits: {_list_of(matching)}.")
    room = room_name(text)
    raise NotMember(f"You are not in #{room}.", hint=f"/join {room} enters it")


def _list_of(rooms: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"#{room}" for room in rooms) or "no room"


# --- looking around ------------------------------------------------------------------------------


def rooms(context: Context, argument: str) -> None:
    """List the rooms of the server."""
    words = argument.split()
    if len(words) > 1:
        misused("rooms", "One part of a name at a time.")
    _RoomListing(context, words[0].lower() if words else "").ask("")


class _RoomListing:
    """One `/rooms`: page after page, then the lines."""

    def __init__(self, context: Context, pattern: str) -> None:
        self._context = context
        self._pattern = pattern
        self._found: list[RoomSummary] = []

    def ask(self, after: str) -> None:
        ticket: Ticket = self._context.client.list_rooms(self._pattern, after)
        self._context.expect(ticket, self._answered)

    def _answered(self, answer: Answer) -> None:
        if not isinstance(answer, RoomsFound):
            return
        self._found += answer.rooms
        self._context.known_rooms.see(*(room.room for room in answer.rooms))
        if answer.more and answer.rooms and len(self._found) < MAX_LISTED_ROWS:
            self.ask(answer.rooms[-1].room)
        else:
            self._show(answer.total)

    def _show(self, total: int) -> None:
        context, found = self._context, self._found[:MAX_LISTED_ROWS]
        if not found:
            context.say(f"no room has {self._pattern} in its name" if self._pattern else "there are no rooms yet")
            return
        context.say(f"{total} room{'s' if total != 1 else ''}, kept by the server, which can read them:")
        context.show(
            *columns(
                [
                    (f"#{room.room}", _members(room.members), "you are in it" if room.joined else "", room.topic)
                    for room in found
                ]
            )
        )
        if total > len(found):
            context.show(detail(f"… and {total - len(found)} more: /rooms PART-OF-A-NAME"))


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{count} members"


def topic(context: Context, argument: str) -> None:
    """Say or set what the current room is about."""
    place = context.here
    words, clears = without_option(argument, "--clear")
    if clears and words:
        misused("topic", "Either a new topic or --clear.")
    if not words and not clears:
        shown = f" is about: {one_line(place.topic)}" if place.topic else " has no topic"
        context.say(room_piece(place.room), shown)
        return
    text = "" if clears else " ".join(argument.split())
    context.expect(context.client.set_topic(place.room, text), _nothing)


COMMANDS: Final = (
    SlashCommand(
        "join",
        "ROOM [--create]",
        "enter a room, or make it and enter it",
        Group.MOVE,
        join,
        details=(
            "A room's name is 1 to 32 of a-z 0-9 - _; the # before it may be left out.",
            "The server keeps what is said in rooms and can read it.",
        ),
        examples=("/join dev", "/join release-notes --create"),
        completes=(Completes.ROOM,),
        options=("--create",),
    ),
    SlashCommand(
        "leave",
        "[ROOM]",
        "leave a room: this one, or the one named",
        Group.MOVE,
        leave,
        aliases=("part",),
        details=("The others are told. /join brings you back, and /history shows what was said meanwhile.",),
        completes=(Completes.OWN_ROOM,),
    ),
    SlashCommand(
        "go",
        "ROOM",
        "write to another of your rooms",
        Group.MOVE,
        go,
        details=(
            "The beginning of a name is enough. Alt-Down and Alt-Up do the same, room after room.",
            "What you were typing stays with its room and is there again when you come back.",
        ),
        examples=("/go dev",),
        completes=(Completes.OWN_ROOM,),
    ),
    SlashCommand(
        "rooms",
        "[PATTERN]",
        "list the rooms of the server",
        Group.MOVE,
        rooms,
        details=("With a part of a name: those that have it.",),
        examples=("/rooms", "/rooms dev"),
        completes=(Completes.ROOM,),
    ),
    SlashCommand(
        "topic",
        "[TEXT|--clear]",
        "say or set what this room is about",
        Group.MOVE,
        topic,
        examples=("/topic", "/topic Releases and incidents", "/topic --clear"),
        options=("--clear",),
    ),
)
