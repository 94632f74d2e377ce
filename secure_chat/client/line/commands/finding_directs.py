"""`/history` and `/search` in conversations: from the vault of this device, nothing of it goes to the server."""

from collections import deque
from dataclasses import dataclass, field

from secure_chat.client.direct.events import ConversationFound, DirectMessage, DirectsFound
from secure_chat.client.events import Answer
from secure_chat.client.line.context import Context
from secure_chat.client.line.lines import Piece, Style, detail
from secure_chat.client.line.own_directs import held_words
from secure_chat.client.search_terms import SearchTerms, is_from
from secure_chat.errors import ChatError
from secure_chat.limits import MAX_HISTORY_CALL
from secure_chat.sanitize import one_line, sanitize

# --- history -------------------------------------------------------------------------------------


def show_conversation(context: Context, peer: str, before: int | None, count: int | None, again: str) -> None:
    """Show rows of a conversation, numbered, the oldest first.

    `count`: None for all of them; `again`: what asks for as many the next time.
    """
    _Past(context, peer, before, count, again).ask(before)


@dataclass(slots=True)
class _Past:
    """Rows on their way from the vault: the newest pages come first, and all is shown at once."""

    context: Context
    peer: str
    before: int | None
    count: int | None
    again: str
    found: deque[DirectMessage] = field(default_factory=deque)
    held: tuple[str, ...] = ()
    stopped: bool = False

    def ask(self, before: int | None) -> None:
        count = MAX_HISTORY_CALL if self.count is None else min(MAX_HISTORY_CALL, self.count - len(self.found))
        self.context.interruptible = self._stop
        self.context.expect(self.context.client.conversation(self.peer, before, count), self._answered, self._failed)

    def _answered(self, answer: Answer) -> None:
        if not isinstance(answer, ConversationFound):
            return
        self.found.extendleft(reversed(answer.messages))
        self.held = self.held or answer.held  # the newest page has them
        wants_more = self.count is None or len(self.found) < self.count
        if answer.earlier and answer.messages and wants_more and not self.stopped:
            self.ask(self.found[0].row)
        else:
            self.context.interruptible = None
            self._show(earlier=answer.earlier)

    def _show(self, *, earlier: bool) -> None:
        context, peer = self.context, Piece(one_line(self.peer), Style.NAME)
        if not self.found:
            context.say("nothing said with ", peer, " before that" if self.before else " yet")
            self._show_held()
            return
        context.say(peer, f" · {len(self.found):,} of your conversation, end-to-end encrypted, from your vault")
        context.show(*context.direct_lines.listing(self.found))
        if earlier:
            context.say(f"older ones: /history {self.again}--before {self.found[0].row}")
        else:
            context.say("that is the beginning")
        self._show_held()

    def _show_held(self) -> None:
        if self.held:
            self.context.say(held_words(self.peer, len(self.held)), ":")
            self.context.show(*(detail(f"held: {sanitize(text)}") for text in self.held))

    def _failed(self, error: ChatError) -> None:
        self.context.interruptible = None
        self.context.tell(error)

    def _stop(self) -> None:
        self.stopped = True


# --- search --------------------------------------------------------------------------------------


def search_conversations(context: Context, terms: SearchTerms, before: int = 0) -> None:
    """Look for messages in conversations."""
    context.more_to_find = None
    ticket = context.client.search_conversations(terms.words, terms.peer_for(context.own_name), terms.since, before)
    context.expect(ticket, lambda answer: _show_found(context, answer, terms, before))


def _show_found(context: Context, answer: Answer, terms: SearchTerms, before: int) -> None:
    if not isinstance(answer, DirectsFound):
        return
    found = [message for message in answer.messages if is_from(message, terms.sender, context.own_name)]
    if found:
        context.say(f"{len(found)} found in your vault, the newest first:")
        context.show(*map(context.direct_lines.found, found))
    elif not answer.next:
        context.say("nothing more found" if before else "nothing found in your conversations")
    if answer.next:
        context.more_to_find = lambda: search_conversations(context, terms, answer.next)
        context.say("older ones: /search --more")
