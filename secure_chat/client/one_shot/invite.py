"""`secure-chat invite`: a link for one person, who is verified from the start, and so is the inviter."""

import shutil

from secure_chat.client.direct.events import InviteReady
from secure_chat.client.line.qr_code import qr_lines
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
    else:
        print(ready.link, flush=True)
    surroundings.output.say(
        f"It works once, until {time_of(ready.expires)}. Give it to one person by a way that only you two can read:"
        " whoever joins by it is verified, and so are you."
    )
    if surroundings.arguments.qr:
        _show_code(surroundings, ready.link)
    return ExitCode.OK


def _show_code(surroundings: Surroundings, link: str) -> None:
    """For a camera, beside the data: on standard error."""
    rows = qr_lines(link.encode("ascii"), shutil.get_terminal_size().columns)
    for row in rows:
        surroundings.output.say(row.text)
    if not rows:
        surroundings.output.say("This terminal is too narrow for the code; the link is all that is in it.")
