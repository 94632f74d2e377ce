"""The command that changes the passphrase: `/passwd`, which asks and says each step."""

import hmac
from collections.abc import Callable
from typing import Final

from secure_chat.client.events import Answer
from secure_chat.client.line.arguments import misused
from secure_chat.client.line.context import Context
from secure_chat.client.line.questions import Question
from secure_chat.client.line.registry import Group, SlashCommand
from secure_chat.client.passphrases import checked_new
from secure_chat.errors import ChatError, NotConnected, NothingToAsk, PassphrasesDiffer, UsageInvalid


def passwd(context: Context, argument: str) -> None:
    """Ask for the old passphrase and twice for the new one, then change it here and at the server."""
    if argument.strip():
        misused("passwd", "A passphrase is never typed after a command: it is asked for and not shown.")
    if not context.may_ask_secrets:
        raise NothingToAsk("There is no terminal to ask for the passphrases on.", hint="secure-chat passwd")
    if not context.connection.is_online:
        raise NotConnected
    if context.is_changing_passphrase:
        raise UsageInvalid("The passphrase is being changed: that takes some seconds.", hint="wait for its end")
    _Dialogue(context).begin()


class _Dialogue:
    """The three questions and what follows."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._old = self._new = ""

    def __repr__(self) -> str:
        return "_Dialogue()"

    def begin(self) -> None:
        self._context.say("what you type now is not shown; Ctrl-C leaves everything as it is")
        self._ask("Passphrase until now:", self._take_old)

    def _ask(self, prompt: str, answered: Callable[[str], None]) -> None:
        self._context.questions.ask_next(Question(prompt, answered, self._cancelled, is_secret=True))

    def _take_old(self, text: str) -> None:
        self._old = text
        self._ask("New passphrase:", self._take_new)

    def _take_new(self, text: str) -> None:
        try:
            self._new = checked_new(text)
        except ChatError as error:
            self._context.tell(error)
            self._ask("New passphrase:", self._take_new)
        else:
            self._ask("New passphrase again:", self._take_again)

    def _take_again(self, text: str) -> None:
        if not hmac.compare_digest(self._new.encode("utf-8", "replace"), text.encode("utf-8", "replace")):
            self._context.tell(PassphrasesDiffer())
            self._ask("New passphrase:", self._take_new)
            return
        self._context.say("changing it, here and at the server; this takes some seconds")
        self._context.is_changing_passphrase = True
        ticket = self._context.client.change_passphrase(self._old, self._new)
        self._old = self._new = ""
        self._context.expect(ticket, self._changed, self._failed)

    def _changed(self, _answer: Answer) -> None:
        self._context.is_changing_passphrase = False
        self._context.say("the passphrase is changed; your other devices must log in anew")

    def _failed(self, error: ChatError) -> None:
        self._context.is_changing_passphrase = False
        self._context.tell(error, "Your passphrase is still the old one.")

    def _cancelled(self) -> None:
        self._old = self._new = ""
        self._context.say("your passphrase is still the old one")


COMMANDS: Final = (
    SlashCommand(
        "passwd",
        "",
        "change your passphrase",
        Group.SELF,
        passwd,
        details=("It asks for the old one and twice for the new one; none of them is shown or kept.",),
    ),
)
