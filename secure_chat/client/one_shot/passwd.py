"""`secure-chat passwd`: another passphrase for the vault and the account."""

from typing import Final

from secure_chat.client.asking import Terminal
from secure_chat.client.events import Settled
from secure_chat.client.one_shot.account import Surroundings, path_or_none
from secure_chat.client.one_shot.records import DoneRecord
from secure_chat.client.passphrases import checked_new, new_passphrase, read_passphrase_file
from secure_chat.errors import ChatError, NotConnected, NothingToAsk
from secure_chat.exit_codes import ExitCode

_FIND_OUT: Final = "find out: secure-chat status, with the new one; if that is refused, with the old one"
_AGAIN: Final = "try again: secure-chat passwd"


def run(surroundings: Surroundings) -> int:
    """Open with the old one, ask for the new one twice, change both. No connection is open meanwhile."""
    profile = surroundings.choose_profile()
    vault, old = surroundings.passphrase_source.unlock(profile)
    with vault:
        new = _new_passphrase(surroundings)
        with surroundings.connected(profile, vault, old) as account:
            try:
                account.answer(account.client.change_passphrase(old, new), Settled)
            except ChatError as error:
                raise _explained(error, is_unsettled=account.stopped is not None and vault.change_pending) from error
    if surroundings.arguments.json:
        surroundings.output.data(DoneRecord(command="passwd", profile=profile.title), "")
    else:
        surroundings.output.say("The passphrase is changed. Other devices are logged out.")
    return ExitCode.OK


def _explained(error: ChatError, *, is_unsettled: bool) -> ChatError:
    """The same error, and which passphrase holds. `is_unsettled`: the server was asked, its answer is not known."""
    if is_unsettled:
        unknown = "Whether the passphrase is changed is not known; until a login tells, both open the profile."
        return type(error)(f"{error.sentence} {unknown}", hint=_FIND_OUT)
    if isinstance(error, NotConnected):
        return NotConnected("There is no connection at the moment. The passphrase is not changed.", hint=_AGAIN)
    return error


def _new_passphrase(surroundings: Surroundings) -> str:
    file = path_or_none(surroundings.arguments.new_passphrase_file)
    if file is not None:
        return checked_new(read_passphrase_file(file))
    terminal = Terminal.open()
    if terminal is None:
        raise NothingToAsk(
            "There is no terminal to ask for the new passphrase on.",
            hint="secure-chat passwd --new-passphrase-file PATH",
        )
    with terminal:
        surroundings.output.say("The new one, twice.")
        return new_passphrase(terminal)
