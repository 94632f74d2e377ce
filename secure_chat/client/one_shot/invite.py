"""`secure-chat invite`: a link for one person, who is verified from the start, and so is the inviter."""

from secure_chat.client.direct.events import InviteReady
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.records import InviteRecord
from secure_chat.client.one_shot.text_form import time_of
from secure_chat.exit_codes import ExitCode


def run(surroundings: Surroundings) -> int:
    """Make the link and print it as one line, never folded: it is copied."""
    with surroundings.account() as account:
        ready = account.answer(account.client.invite(), InviteReady)
    if surroundings.arguments.json:
        surroundings.output.data(InviteRecord(link=ready.link, expires=ready.expires), "")
        return ExitCode.OK
    print(ready.link, flush=True)
    surroundings.output.say(
        f"It works once, until {time_of(ready.expires)}. Give it to one person by a way that only you two can read:"
        " whoever joins by it is verified, and so are you."
    )
    return ExitCode.OK
