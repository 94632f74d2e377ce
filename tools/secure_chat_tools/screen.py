"""How the operator's tools speak: results on standard output, talk on standard error, questions; as text or as JSON."""

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self, TextIO

import msgspec

from secure_chat.errors import ChatError, NotConfirmed, NothingToAsk
from secure_chat.programs import called, typable
from secure_chat.sanitize import one_line

SCHEMA: Final = 1  # of the JSON lines

_MARKS: Final = {"ok": "[ok]", "warning": "[!]", "failed": "[!!]"}
_COLORS: Final = {"ok": "\x1b[32m", "warning": "\x1b[33m", "failed": "\x1b[31m"}
_PLAIN: Final = "\x1b[0m"
_LONGEST_ANSWER: Final = 1000  # characters; what is longer is no name


class Fact(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """One line of output. Texts from others are made safe to show where a fact is made."""

    schema: int = SCHEMA


class ErrorFact(Fact, frozen=True, tag="error", kw_only=True):
    """Why the command ended."""

    code: str
    sentence: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a call wants to be spoken to."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: bool = True
    yes: bool = False  # nothing is asked
    same_place: tuple[str, ...] = ()  # the options that name the same files, for commands that are advised


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The streams, and how much is to be said on them."""

    program: str
    results: TextIO
    talk: TextIO
    answers: TextIO
    manner: Manner
    is_colored: bool = False
    called: str  # how the program is written in advice, so that it can be pasted

    @classmethod
    def of(cls, program: str, manner: Manner, results: TextIO, talk: TextIO, answers: TextIO) -> Self:
        """As the call, the environment and the terminal want it."""
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb" or not results.isatty()
        return cls(
            program=program,
            results=results,
            talk=talk,
            answers=answers,
            manner=manner,
            is_colored=manner.color and not plain,
            called=" ".join([called(program), *map(shlex.quote, manner.same_place)]),
        )

    # --- results -------------------------------------------------------------------------------------

    def show(self, fact: Fact, text: str) -> None:
        """One result, as JSON or as this text."""
        self.show_text(_json(fact) if self.manner.json else text)

    def show_text(self, text: str) -> None:
        """A result that is for people alone, such as the heading of a table."""
        print(text, file=self.results, flush=True)

    def mark(self, state: str) -> str:
        """The beginning of a line about something that is "ok", a "warning" or "failed"."""
        mark = f"{_MARKS[state]:<4}"
        return f"  {_COLORS[state]}{mark}{_PLAIN}" if self.is_colored else f"  {mark}"

    # --- talk ----------------------------------------------------------------------------------------

    def advise(self, sentence: str) -> None:
        """Something worth knowing that is no result."""
        if not self.manner.quiet and not self.manner.json:
            self._say(f"  {self.pasteable(sentence)}")

    def explain(self, sentence: str) -> None:
        """Something that only who asks wants to know."""
        if self.manner.verbose:
            self._say(f"{self.program}: {one_line(sentence)}")

    def refuse(self, error: ChatError) -> None:
        """Why the command ends: what happened, the code, the next step; in the form of all commands."""
        if self.manner.json:
            sentence, next_step = one_line(error.sentence), one_line(error.next_step)
            self._say(_json(ErrorFact(code=error.code, sentence=sentence, next_step=next_step)))
            return
        self._say(f"{self.program}: {one_line(error.sentence)} [{one_line(error.code)}]")
        if error.next_step:
            self._say(f"  {self.pasteable(error.next_step)}")

    def pasteable(self, sentence: str) -> str:
        """A sentence made safe, whose commands of this program name the same files as this call."""
        return typable(one_line(sentence).replace(f"{self.program} ", f"{self.called} "))

    # --- questions -----------------------------------------------------------------------------------

    def agree(self, plan: Iterable[str], name: str) -> None:
        """Show what is about to happen and have `name` typed, unless the call said yes.

        Raises `NotConfirmed` for anything else, `NothingToAsk` where no person can answer.
        """
        if self.manner.yes:
            for sentence in plan:
                self.advise(sentence)
            return
        if not self.answers.isatty():
            raise NothingToAsk(
                "This wants to be confirmed, and there is no terminal to ask on. Nothing was changed.",
                hint="if it is meant, say so: --yes",
            )
        for sentence in plan:
            self._say(f"  {self.pasteable(sentence)}")
        print(f"  Type {name} to go on, anything else changes nothing: ", end="", file=self.talk, flush=True)
        answer = self.answers.readline(_LONGEST_ANSWER)
        if not answer.endswith("\n"):
            self._say("")  # the end of the input leaves the cursor where it was
        if answer.strip() != name:
            raise NotConfirmed

    def _say(self, line: str) -> None:
        print(line, file=self.talk, flush=True)


def _json(fact: Fact) -> str:
    return msgspec.json.encode(fact).decode("utf-8")
