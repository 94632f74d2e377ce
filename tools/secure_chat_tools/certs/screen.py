"""How secure-chat-certs speaks: results on standard output, talk on standard error, each as text or as JSON."""

import os
import shlex
from dataclasses import dataclass
from typing import TextIO

import msgspec

from secure_chat.errors import ChatError
from secure_chat.sanitize import one_line
from secure_chat_tools.certs.arguments import PROGRAM, Arguments
from secure_chat_tools.certs.facts import AnyFact, AuthorityFact, CertificateFact, CheckFact, ErrorFact, LogFact

_COLUMN = 56  # where pins begin, so that two of them stand below each other
_MARKS = {"ok": "[ok]", "warning": "[!]", "failed": "[!!]"}
_COLORS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "failed": "\x1b[31m"}
_PLAIN = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Screen:
    """Both streams, and how much is to be said on them."""

    results: TextIO
    talk: TextIO
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: bool = False
    prefix: str = PROGRAM  # how the command is written in advice, so that it can be pasted

    @classmethod
    def of(cls, arguments: Arguments, results: TextIO, talk: TextIO) -> "Screen":
        """As the arguments, the environment and the terminal want it."""
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb" or not results.isatty()
        return cls(
            results,
            talk,
            arguments.json,
            arguments.quiet,
            arguments.verbose,
            color=arguments.color and not plain,
            prefix=shlex.join([PROGRAM, *arguments.same_directory]),
        )

    def show(self, fact: AnyFact, command: str) -> None:
        """One result."""
        if self.json:
            line = msgspec.json.encode(fact).decode("utf-8")
        elif self.quiet and isinstance(fact, CheckFact) and fact.state == "ok":
            return
        else:
            line = self._as_text(fact, command)
        print(line, file=self.results, flush=True)

    def advise(self, sentence: str) -> None:
        """Something worth knowing that is no result."""
        if not self.quiet and not self.json:
            print(f"  {self._pasteable(sentence)}", file=self.talk, flush=True)

    def explain(self, sentence: str) -> None:
        """Something that only who asks wants to know."""
        if self.verbose:
            print(f"{PROGRAM}: {one_line(sentence)}", file=self.talk, flush=True)

    def refuse(self, error: ChatError) -> None:
        """Why the command ends: what happened, the code, the next step."""
        if self.json:
            fact = ErrorFact(code=error.code, sentence=error.sentence, next_step=error.next_step)
            print(msgspec.json.encode(fact).decode("utf-8"), file=self.talk, flush=True)
            return
        print(f"! {one_line(error.sentence)} ({error.code})", file=self.talk, flush=True)
        if error.next_step:
            print(f"  {self._pasteable(error.next_step)}", file=self.talk, flush=True)

    def _as_text(self, fact: AnyFact, command: str) -> str:
        match fact:
            case AuthorityFact() if command == "pin":
                return f"authority  {fact.pin}"
            case LogFact() if command == "pin":
                return f"key log    {fact.pin}"
            case AuthorityFact():
                what = "certificate authority made (EC P-256)" if fact.made else "certificate authority (EC P-256)"
                return self._with_pin(what, fact.pin)
            case LogFact():
                return self._with_pin("key log's signing key made" if fact.made else "key log's signing key", fact.pin)
            case CertificateFact():
                return self._certificate(fact)
            case CheckFact():
                return self._check(fact)
            case ErrorFact():
                return fact.sentence

    def _with_pin(self, what: str, pin: str) -> str:
        return f"{self._mark('ok')} {what:<{_COLUMN - 6}}pin  {pin}"

    def _certificate(self, fact: CertificateFact) -> str:
        state = "ok" if fact.days_left > 0 else "failed"
        left = f"{fact.days_left} days" if fact.days_left > 0 else "ended"
        line = f"{self._mark(state)} {fact.purpose} certificate for {', '.join(fact.names)} ({left})"
        return (
            line
            if fact.made
            else f"{line}\n       until {fact.ends:%Y-%m-%d}, serial {fact.serial}, {one_line(fact.file)}"
        )

    def _check(self, fact: CheckFact) -> str:
        lines = [f"{self._mark(fact.state)} {fact.what}"]
        if fact.reason:
            lines.append(f"       {self._pasteable(fact.reason)}")
        if fact.next_step:
            lines.append(f"       {self._pasteable(fact.next_step)}")
        return "\n".join(lines)

    def _pasteable(self, sentence: str) -> str:
        return one_line(sentence).replace(f"{PROGRAM} ", f"{self.prefix} ")

    def _mark(self, state: str) -> str:
        mark = f"{_MARKS[state]:<4}"
        return f"  {_COLORS[state]}{mark}{_PLAIN}" if self.color else f"  {mark}"
