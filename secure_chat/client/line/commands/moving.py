"""Commands for moving between rooms: `/join`, `/leave`, `/rooms`, `/go`, `/topic`."""

from collections.abc import Sequence
from typing import Final

from secure_chat.client.events import Answer, RoomsFound, Ticket
from secure_chat.client.line.arguments import misused, nothing, without_option
from secure_chat.client.line.columns import columns
from secure_chat.client.line.context import Context
from secure_chat.client.line.direct_lines import TRUST_WORDS
from secure_chat.client.line.lines import Piece, Style, detail
from secure_chat.client.line.places import Conversation, Place, Where
from secure_chat.client.line.registry import Completes, Group, SlashCommand, moves
from secure_chat.client.line.room_lines import room_piece
from secure_chat.client.line.suggestions import no_room
from secure_chat.errors import ChatError, NotMember, RoomExists, RoomUnknown, UsageInvalid
from secure_chat.limits import MAX_LISTED_ROWS
from secure_chat.names import room_name, user_name
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
        go(context, f"#{room}")
        return
    ticket = context.client.create_room(room) if creates else context.client.join_room(room)
    context.set_out(ticket)

    def failed(error: ChatError) -> None:
        context.entering.pop(ticket, None)
        _not_joined(context, room, error)

    context.expect(ticket, _nothing, failed)


def _nothing(_answer: Answer) -> None:
    """The room itself tells that it was entered."""


def _not_joined(context: Context, room: str, error: ChatError) -> None:
    if isinstance(error, RoomExists):
        _not_reached(context, RoomExists(f"There is a room #{room} already.", hint=f"/join {room} enters it"))
    elif isinstance(error, RoomUnknown):
        context.expect(
            context.client.list_rooms(),
            lambda answer: _suggest(context, room, answer),
            lambda _: _not_reached(context, no_room(room, context.known_rooms)),
        )
    else:
        _not_reached(context, error)


def _not_reached(context: Context, error: ChatError) -> None:
    context.move_failed(error)
    context.tell(error)


def _suggest(context: Context, room: str, answer: Answer) -> None:
    if not isinstance(answer, RoomsFound):
        return
    names = [summary.room for summary in answer.rooms]
    context.known_rooms.see(*names)
    _not_reached(context, no_room(room, names, answer.total))


def leave(context: Context, argument: str) -> None:
    """End the membership of a room."""
    words = argument.split()
    if len(words) > 1:
        misused("leave", "One room at a time.")
    place = _own_room(context, words[0]) if words else context.room
    place.is_being_left = True

    def failed(error: ChatError) -> None:
        place.is_being_left = False
        _not_reached(context, error)

    context.expect(context.client.leave_room(place.room), _nothing, failed)


# --- moving --------------------------------------------------------------------------------------


def go(context: Context, argument: str) -> None:
    """Write to another room, or to somebody, from now on."""
    words = argument.split()
    if len(words) != 1:
        misused("go", f"Where to? You are in {_list_of(context.places.all())}.")
    matching = context.places.matching(words[0])
    if context.typed_ahead or not context.is_watched:  # nobody sees that a beginning has met somebody else
        name = words[0].lstrip("#@").lower()
        matching = [where for where in matching if where.title.removeprefix("#") == name]
    go_to(context, _one_of(words[0], matching))


def go_to(context: Context, where: Where) -> None:
    """Write there from now on, and say where that is and who can read it."""
    context.go(where)
    if isinstance(where, Conversation):
        say_who_reads(context, where)
        return
    topic = f": {one_line(where.topic)}" if where.topic else ""
    context.say("you write to ", room_piece(where.room), topic)


def say_who_reads(context: Context, conversation: Conversation) -> None:
    """Say to whom one writes, and that nobody else reads it."""
    peer = one_line(conversation.peer)
    away = ", who is offline" if context.presence.is_offline(conversation.peer) else ""
    state = TRUST_WORDS[conversation.state]
    context.say(
        "you write to ", Piece(peer, Style.NAME), f"{away}: end-to-end encrypted, {state}; the server cannot read it"
    )


def go_next(context: Context, argument: str) -> None:
    """Write to the next of all rooms and conversations."""
    nothing(argument, "next")
    where = context.places.beside(1)
    if where is None:
        context.say("there is no other place: /join ROOM enters a room, /msg USER begins a conversation")
    else:
        go_to(context, where)


def _own_room(context: Context, text: str) -> Place:
    rooms = [where for where in context.places.matching(text) if isinstance(where, Place)]
    if len(rooms) == 1:
        return rooms[0]
    raise _not_one(text, rooms)


def _one_of(text: str, matching: Sequence[Where]) -> Where:
    if len(matching) == 1:
        return matching[0]
    raise _not_one(text, matching)


def _not_one(text: str, matching: Sequence[Where]) -> ChatError:
    if matching:
        sentence = f"More than one fits: {_list_of(matching)}. Nothing was done."
        return UsageInvalid(sentence, hint="write more of the name; #NAME means a room, @NAME a person")
    if text.startswith("@"):
        name = user_name(text.removeprefix("@"))
        return UsageInvalid(f"There is no conversation with {name} yet.", hint=f"/msg {name} begins one")
    room = room_name(text)
    person = "" if text.startswith("#") else f", /msg {room} writes to a person of that name"
    return NotMember(f"You are not in #{room}.", hint=f"/join {room} enters it{person}")


def _list_of(places: Sequence[Where]) -> str:
    return ", ".join(one_line(where.title) for where in places) or "no room"


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
    place = context.room
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
        leads=moves,
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
        leads=moves,
        aliases=("part",),
        details=("The others are told. /join brings you back, and /history shows what was said meanwhile.",),
        completes=(Completes.OWN_ROOM,),
    ),
    SlashCommand(
        "go",
        "ROOM|USER",
        "write to another of your rooms and conversations",
        Group.MOVE,
        go,
        details=(
            "The beginning of a name is enough, from a pipe the whole one; #NAME means a room, @NAME a person.",
            "What you were typing stays where it was and is there again when you come back.",
        ),
        leads=moves,
        examples=("/go dev", "/go bob"),
        completes=(Completes.PLACE,),
    ),
    SlashCommand(
        "next",
        "",
        "write to the next of your rooms and conversations",
        Group.MOVE,
        go_next,
        leads=moves,
        details=("Alt-Down does the same, Alt-Up goes the other way.",),
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
