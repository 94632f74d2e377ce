"""`secure-chat passwd`: another passphrase for the vault and the account."""

from secure_chat.client.asking import Terminal
from secure_chat.client.events import Settled
from secure_chat.client.one_shot.account import Surroundings, path_or_none
from secure_chat.client.one_shot.records import DoneRecord
from secure_chat.client.passphrases import checked_new, new_passphrase, read_passphrase_file
from secure_chat.errors import NothingToAsk
from secure_chat.exit_codes import ExitCode


def run(surroundings: Surroundings) -> int:
    """Open with the old one, ask for the new one twice, change both. No connection is open meanwhile."""
    profile = surroundings.choose_profile()
    vault, old = surroundings.passphrase_source.unlock(profile)
    with vault:
        new = _new_passphrase(surroundings)
        with surroundings.connected(profile, vault, old) as account:
            account.answer(account.client.change_passphrase(old, new), Settled)
    if surroundings.arguments.json:
        surroundings.output.data(DoneRecord(command="passwd", profile=profile.title), "")
    else:
        surroundings.output.say("The passphrase is changed. Other devices are logged out.")
    return ExitCode.OK


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
