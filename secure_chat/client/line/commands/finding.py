"""Commands for finding what was said: `/history`, `/search`."""

from dataclasses import dataclass
from typing import Final

from secure_chat.client.events import Answer, HistoryFound, MessagesFound
from secure_chat.client.line.arguments import misused
from secure_chat.client.line.commands.finding_directs import search_conversations, show_conversation
from secure_chat.client.line.context import Context
from secure_chat.client.line.places import Conversation, Place
from secure_chat.client.line.registry import Completes, Group, SlashCommand
from secure_chat.client.line.room_lines import room_piece
from secure_chat.client.line.suggestions import explained
from secure_chat.client.search_terms import SearchTerms, parse_search_terms
from secure_chat.errors import ChatError, UsageInvalid
from secure_chat.limits import DEFAULT_HISTORY_LINES, MAX_HISTORY_CALL

# --- history -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HistoryWish:
    """What part of a room's past."""

    count: int | None  # None: all of it
    before: int | None  # a number; None: up to the newest


def history_wish(argument: str) -> HistoryWish:
    """Read `[N|all|--before ID]`. Raises `UsageInvalid`."""
    count: int | None = DEFAULT_HISTORY_LINES
    before: int | None = None
    words = iter(argument.split())
    is_counted = False
    for word in words:
        if word == "--before" and before is None:
            before = _number(next(words, ""))
        elif is_counted:
            misused("history", "One number of lines, or all, and --before once.")
        else:
            count, is_counted = None if word == "all" else _number(word), True
    return HistoryWish(count, before)


def _number(word: str) -> int:
    digits = word.removeprefix("#")
    if not (digits.isascii() and digits.isdecimal() and 1 <= len(digits) <= 18 and int(digits)):
        misused("history", "How many lines, all, or before which number?")
    return int(digits)


def history(context: Context, argument: str) -> None:
    """Show older lines of the current room or conversation, numbered, the oldest first."""
    wish, place = history_wish(argument), context.here
    if isinstance(place, Conversation):
        show_conversation(context, place.peer, wish.before, wish.count, _again(wish))
        return
    if wish.count is not None and wish.count <= MAX_HISTORY_CALL:
        ticket = context.client.history(place.room, wish.before, wish.count)
        context.expect(ticket, lambda answer: _show_history(context, answer, wish))
    else:
        _begin_long_history(context, place, wish)


def _begin_long_history(context: Context, place: Place, wish: HistoryWish) -> None:
    if not place.head:  # right after the start the room has not been heard of; the client knows its newest number

        def heard(answer: Answer) -> None:
            if isinstance(answer, HistoryFound) and answer.last:
                place.head = max(place.head, answer.last)
                _begin_long_history(context, place, wish)
            else:
                _show_history(context, answer, wish)

        context.expect(context.client.history(place.room, None, 1), heard)
        return
    last = place.head if wish.before is None else min(place.head, wish.before - 1)
    first = place.first if wish.count is None else max(place.first, last - wish.count + 1)
    _LongHistory(context, place, first, last).ask()


def _show_history(context: Context, answer: Answer, wish: HistoryWish) -> None:
    if not isinstance(answer, HistoryFound):
        return
    room = room_piece(answer.room)
    if not answer.events:
        context.say(room, " has nothing older" if wish.before else " has no history yet")
        return
    context.say(room, f" · {answer.first} to {answer.last}")
    context.show(*context.room_lines.listing(answer.events))
    if answer.earlier:
        context.say(f"older ones: /history {_again(wish)}--before {answer.first}")
    else:
        context.say("that is the beginning" if answer.first == 1 else "nothing older is kept")


def _again(wish: HistoryWish) -> str:
    """What asks for as many lines the next time."""
    return "" if wish.count in (None, DEFAULT_HISTORY_LINES) else f"{wish.count} "


class _LongHistory:
    """More than one call can bring: piece after piece, the oldest first, until all is shown or Ctrl-C."""

    def __init__(self, context: Context, place: Place, first: int, last: int) -> None:
        self._context = context
        self._room = place.room
        self._next = first
        self._last = last
        self._stopped = False
        context.say(room_piece(place.room), f" · {first} to {last}, Ctrl-C stops")

    def ask(self) -> None:
        context = self._context
        if self._stopped or self._next > self._last:
            context.interruptible = None
            context.say("stopped" if self._stopped else "that is all")
            return
        context.interruptible = self._stop
        count = min(MAX_HISTORY_CALL, self._last - self._next + 1)
        ticket = context.client.history(self._room, self._next + count, count)
        context.expect(ticket, self._answered, self._failed)

    def _failed(self, error: ChatError) -> None:
        self._context.interruptible = None
        self._context.tell(error)

    def _answered(self, answer: Answer) -> None:
        if not isinstance(answer, HistoryFound):
            return
        if not self._stopped:
            self._context.show(*self._context.room_lines.listing(answer.events))
        self._next = max(self._next, answer.last) + 1
        self.ask()

    def _stop(self) -> None:
        self._stopped = True


# --- search --------------------------------------------------------------------------------------


def search_terms(argument: str) -> SearchTerms:
    """Read `WORDS [from:bob in:#dev after:DATE]`. Raises `UsageInvalid` and what is wrong with a name."""
    try:
        return parse_search_terms(argument)
    except UsageInvalid as error:
        misused("search", error.sentence)


def search(context: Context, argument: str) -> None:
    """Look for messages: in the rooms one is in, or, typed in a conversation, in those."""
    if argument.strip() == "--more":
        if context.more_to_find is None:
            misused("search", "There is no search to go on with.")
        context.more_to_find()
        return
    terms = search_terms(argument)
    if terms.in_conversations or (isinstance(context.places.current, Conversation) and not terms.room):
        search_conversations(context, terms)
    else:
        _search(context, terms)


def _search(context: Context, terms: SearchTerms, before: int = 0) -> None:
    context.more_to_find = None
    ticket = context.client.search(terms.words, terms.room, terms.sender, terms.since, before)
    context.expect(
        ticket,
        lambda answer: _show_found(context, answer, terms, before),
        lambda error: context.tell(explained(context, error, person=terms.sender, room=terms.room)),
    )


def _show_found(context: Context, answer: Answer, terms: SearchTerms, before: int) -> None:
    if not isinstance(answer, MessagesFound):
        return
    if not answer.messages:
        elsewhere = "; in:@ looks in your conversations" if context.places.peers else ""
        context.say("nothing more found" if before else f"nothing found in the rooms you are in{elsewhere}")
        return
    context.say(f"{len(answer.messages)} found, the newest first:")
    context.show(*map(context.room_lines.found, answer.messages))
    if answer.next:
        context.more_to_find = lambda: _search(context, terms, answer.next)
        context.say("older ones: /search --more")


COMMANDS: Final = (
    SlashCommand(
        "history",
        "[N|all|--before ID]",
        "show older lines of this room or conversation, numbered",
        Group.FIND,
        history,
        details=(
            f"Without a number the last {DEFAULT_HISTORY_LINES}; with --before those before a numbered one.",
            "all begins with the oldest that is kept; Ctrl-C stops it.",
            "A conversation's past lies in your vault and nowhere else.",
        ),
        examples=("/history", "/history 200", "/history 200 --before 1042", "/history all"),
        options=("all", "--before"),
    ),
    SlashCommand(
        "search",
        "WORDS [from:NAME in:#ROOM|@NAME after:DATE]",
        "look for messages in your rooms, or in your conversations",
        Group.FIND,
        search,
        details=(
            "A message is found when it has all the words.",
            "In a room the server looks in your rooms.",
            "In a conversation, or with in:@NAME or in:@, your vault is searched: the words stay on this device.",
            "DATE is written as 2021-05-03.",
            "/search --more goes on with the last search.",
        ),
        examples=("/search certificate", "/search cert rotation from:dave in:#dev after:2021-05-01"),
        completes=(Completes.PERSON,),
        options=("from:", "in:", "after:", "--more"),
    ),
)
