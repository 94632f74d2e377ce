"""`secure-chat logout`: this device's session ends; the next command wants the passphrase for more than the vault."""

from secure_chat.client.events import Settled
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.records import DoneRecord
from secure_chat.exit_codes import ExitCode


def run(surroundings: Surroundings) -> int:
    """End the session here and on the server."""
    with surroundings.account() as account:
        account.answer(account.client.log_out(), Settled)
        title = account.profile.title
    if surroundings.arguments.json:
        surroundings.output.data(DoneRecord(command="logout", profile=title), "")
    else:
        surroundings.output.say(f"{title} is logged out on this device.")
    return ExitCode.OK
