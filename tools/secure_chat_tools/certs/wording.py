"""The lines in which secure-chat-certs tells people what it found and made."""

from typing import Final

from secure_chat.sanitize import one_line
from secure_chat_tools.certs.facts import AnyFact, AuthorityFact, CertificateFact, CheckFact, LogFact
from secure_chat_tools.screen import Screen

_COLUMN: Final = 56  # where pins begin, so that two of them stand below each other


def show(fact: AnyFact, command: str, screen: Screen) -> None:
    """One result of a command, unless it says that all is well and only what matters is to be said."""
    if screen.manner.quiet and not screen.manner.json and isinstance(fact, CheckFact) and fact.state == "ok":
        return
    screen.show(fact, _text(fact, command, screen))


def _text(fact: AnyFact, command: str, screen: Screen) -> str:
    match fact:
        case AuthorityFact() if command == "pin":
            return f"authority  {fact.pin}"
        case LogFact() if command == "pin":
            return f"key log    {fact.pin}"
        case AuthorityFact():
            what = "certificate authority made (EC P-256)" if fact.made else "certificate authority (EC P-256)"
            return _with_pin(what, fact.pin, screen)
        case LogFact():
            what = "key log's signing key made" if fact.made else "key log's signing key"
            return _with_pin(what, fact.pin, screen)
        case CertificateFact():
            return _certificate(fact, screen)
        case CheckFact():
            return _check(fact, screen)


def _with_pin(what: str, pin: str, screen: Screen) -> str:
    return f"{screen.mark('ok')} {what:<{_COLUMN - 6}}pin  {pin}"


def _certificate(fact: CertificateFact, screen: Screen) -> str:
    state = "ok" if fact.days_left > 0 else "failed"
    left = f"{fact.days_left} days" if fact.days_left > 0 else "ended"
    line = f"{screen.mark(state)} {fact.purpose} certificate for {', '.join(fact.names)} ({left})"
    if fact.made:
        return line
    return f"{line}\n       until {fact.ends:%Y-%m-%d}, serial {fact.serial}, {one_line(fact.file)}"


def _check(fact: CheckFact, screen: Screen) -> str:
    lines = [f"{screen.mark(fact.state)} {fact.what}"]
    lines += [f"       {screen.pasteable(text)}" for text in (fact.reason, fact.next_step) if text]
    return "\n".join(lines)
