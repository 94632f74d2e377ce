"""The line client without a terminal: typed lines and events in; lines to draw, the prompt and the end out.

A screen hands in what its one thread takes from the keyboard and from the network, then draws what `take_lines` gives.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from secure_chat.client.direct.events import Trust
from secure_chat.client.events import Event, Stopped
from secure_chat.client.line.commands import registry
from secure_chat.client.line.completion import Completion, Proposal
from secure_chat.client.line.context import Context
from secure_chat.client.line.early_lines import EarlyLines
from secure_chat.client.line.happenings import Happenings
from secure_chat.client.line.lines import Line
from secure_chat.client.line.places import Conversation, Where
from secure_chat.client.line.posting import say
from secure_chat.client.line.typed import Slash, Talk, read_typed
from secure_chat.errors import ChatError, NoRoom, NotConnected, SlashNotHere, SlashUnknown
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import INTERRUPT_AGAIN_SECONDS
from secure_chat.sanitize import one_line


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before the text that is typed."""

    text: str
    is_secret: bool = False  # what is typed is not shown
    is_question: bool = False  # it is an answer: not kept in the input history
    about: str = ""  # what the question is about, to be seen above it


class Console:
    """One person at the line client."""

    def __init__(
        self,
        context: Context,
        clock: Callable[[], float] = time.monotonic,
        drafts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`clock`: seconds that never go back. `drafts`: what was typed before the last end, by the place's name."""
        self.context = context
        context.drafts = dict(drafts)
        self._clock = clock
        self._registry = registry()
        self._completion = Completion(self._registry, context.places, context.people, context.known_rooms)
        self._happenings = Happenings(context, clock)
        self._early = EarlyLines()
        self._interrupted = float("-inf")

    # --- what a screen shows ---------------------------------------------------------------------

    @property
    def prompt(self) -> Prompt:
        """The prompt as it is now."""
        question = self.context.questions.current
        if question is not None:
            return Prompt(question.prompt, question.is_secret, is_question=True, about=question.about)
        place = self.context.places.current
        waiting = len(self.context.own_lines) + len(self.context.own_directs) + len(self._early)
        note = self.context.connection.prompt_note(waiting)
        where = _where(place) if place else "(nowhere)" if self.context.astray else ""
        return Prompt(f"{where}{note} >".lstrip())

    @property
    def leaving(self) -> ExitCode | None:
        """With which number the program is to end; None while it goes on."""
        return self.context.leaving

    @property
    def is_settled(self) -> bool:
        """Whether everything that was typed has had its answer."""
        context = self.context
        lines_are_settled = context.own_lines.is_settled and not context.own_directs
        return self._happenings.is_ready and not context.expectations and lines_are_settled

    @property
    def due(self) -> float | None:
        """When `tick` is to be called, by the clock of this console."""
        return self._happenings.due

    def take_lines(self) -> list[Line]:
        """What is to be drawn now, in order."""
        lines, self.context.lines = self.context.lines, []
        return lines

    def take_bell(self) -> bool:
        """Whether the bell is to ring: somebody spoke to this person."""
        rings, self.context.rings = self.context.rings, False
        return rings

    # --- what happens ----------------------------------------------------------------------------

    def happened(self, events: Sequence[Event]) -> None:
        """The client told something."""
        for event in events:
            self._happenings.happened(event)
        self._run_early()
        if any(isinstance(event, Stopped) for event in events):
            self._name_early()

    def abandoned(self) -> None:
        """The client has not ended in time: what it last knew of unsent lines stays unknown."""
        self._happenings.abandoned()
        self._name_early()

    def tick(self) -> None:
        """A time named by `due` has come."""
        self._happenings.tick()

    # --- what the person does --------------------------------------------------------------------

    def entered(self, text: str) -> None:
        """A line was typed, or the answer to a question."""
        self._interrupted = float("-inf")
        if self.context.questions.current is not None:
            self._guarded(lambda: self.context.questions.answer(text))
            return
        self.mark_read()
        is_early = bool(self._early) or not self.context.connection.has_been_online
        if is_early and self._early.must_wait(text, self._registry):
            self.context.show(self._early.wait(text))
            self.context.typed_ahead = True
            self._run_early()
        else:
            self._guarded(lambda: self._run(text))
        self.context.overtaken_writer = ""

    def interrupted(self, *, had_text: bool) -> None:
        """Ctrl-C: it ends a question or a long listing, else clears the line; a second one quits."""
        self.mark_read()
        now = self._clock()
        if self.context.questions.cancel():
            return
        if self.context.interruptible is not None:
            self.context.interruptible()
        elif had_text:
            self._interrupted = now
        elif now - self._interrupted <= INTERRUPT_AGAIN_SECONDS:
            self.context.leave(ExitCode.INTERRUPTED)
        else:
            self._interrupted = now
            self.context.say("once more Ctrl-C, or /quit, to leave")

    def input_ended(self) -> None:
        """Ctrl-D on an empty line, or the end of piped input."""
        self.mark_read()
        if not self.context.questions.cancel():
            self.context.leave()

    def moved(self, step: int) -> None:
        """The key for the next room, or the one before."""
        where = self.context.places.beside(step)
        if where is not None and self.context.questions.current is None:
            self.context.go(where)

    def propose(self, before: str) -> Proposal:
        """What Tab proposes for the text before the cursor."""
        if self.context.questions.current is not None:
            return Proposal(0, ())
        return self._completion.propose(before)

    def mark_read(self) -> None:
        """The person has had everything before the eyes that was drawn."""
        for where in self.context.places.all():
            if where.shown <= where.read:
                continue
            where.read = where.shown
            if isinstance(where, Conversation):
                self.context.client.mark_conversation_read(where.peer, where.shown)
            else:
                self.context.client.mark_read(where.room, where.shown)

    def drafts(self) -> dict[str, str]:
        """What was typed and not sent, place by place; empty where there is nothing."""
        drafts = {where.draft_name: where.draft for where in self.context.places.all()}
        current = self.context.places.current
        if current is not None:
            drafts[current.draft_name] = self.context.prompt_text.get().strip()
        return drafts

    @staticmethod
    def may_be_kept(text: str) -> bool:
        """Whether a typed line may stand in the input history: what follows `/passwd` by mistake may not."""
        typed = read_typed(text)
        return typed is not None and not (isinstance(typed, Slash) and typed.name == "passwd")

    @staticmethod
    def is_order(text: str) -> bool:
        """Whether a typed line is a command whose answer is understood only below it; what is said is heard anyway."""
        typed = read_typed(text)
        return isinstance(typed, Slash) and typed.name != "me"

    def _run_early(self) -> None:
        """Lines that were typed too early, each once those before it have had their answers."""
        while self._early and self.is_settled and self.context.questions.current is None and self.leaving is None:
            text = self._early.take()
            self.context.typed_ahead = bool(self._early)
            self._guarded(partial(self._run, text))

    def _name_early(self) -> None:
        """The end came before a connection."""
        lines = self._early.give_up()
        if lines and self.context.leaving in (None, ExitCode.OK):
            self.context.leaving = ExitCode.PARTLY_SENT
        self.context.show(*lines)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except ChatError as error:
            self.context.tell(error)

    def _run(self, text: str) -> None:
        typed = read_typed(text)
        try:
            if isinstance(typed, Talk):
                say(self.context, typed.text)
            elif typed is not None:
                self._registry.find(typed.name).run(self.context, typed.argument)
        except ChatError as error:
            if isinstance(typed, Slash) and self._registry.leads_elsewhere(typed):
                if isinstance(error, SlashUnknown | SlashNotHere):  # it may have been a way to a place
                    self.context.move_failed(error, f"/{one_line(typed.name)} was not understood")
                else:
                    self.context.move_failed(error)
            if not isinstance(error, SlashUnknown | SlashNotHere | NoRoom | NotConnected):
                raise
            self.context.tell(error, self.context.put_back(text.strip("\n")))


def _where(place: Where) -> str:
    """Where a line goes, and who can read it."""
    if not isinstance(place, Conversation):
        return f"#{one_line(place.room)}"
    note = "key changed: messages are held" if place.state is Trust.CHANGED else "end-to-end"
    return f"{one_line(place.peer)} ({note})"
