"""`secure-chat join`: an account by an invite, and on a terminal straight into its rooms."""

import contextlib
import sys

from secure_chat.client.answers import Answers
from secure_chat.client.asking import Asking, Lines, Terminal
from secure_chat.client.enrolled import Enrolled
from secure_chat.client.join import Joining
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.chat import chat, is_wanted_after, load_ahead
from secure_chat.client.one_shot.records import JoinedServerRecord
from secure_chat.client.passphrases import read_passphrase_file
from secure_chat.errors import NothingToAsk
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.link import Link, parse_link


class RecoveryShown:
    """Shows a new recovery key with the link that goes with it, and keeps both for --json."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._key = ""
        self._link = ""

    def show(self, key: str, link: str) -> None:
        """Print both, unless they go into the one JSON object at the end."""
        self._key, self._link = key, link
        if not self._surroundings.arguments.json:
            print(f"Recovery key (write it down): {key}", flush=True)
            print(f"It works with this link: {link}", flush=True)

    def record(self, enrolled: Enrolled) -> JoinedServerRecord:
        """What --json prints."""
        label = enrolled.profile.label
        return JoinedServerRecord(
            profile=enrolled.profile.title,
            name=label.name,
            server=label.host,
            rooms=list(enrolled.rooms),
            recovery_key=self._key,
            recovery_link=self._link,
        )


def run(surroundings: Surroundings) -> int:
    """Join by the link of the argument, or by the one that is asked for."""
    shown = RecoveryShown(surroundings)
    with contextlib.ExitStack() as stack:
        answers = ask_for_answers(surroundings, stack)
        link = ask_for_link(surroundings, answers.asking, "Invite link: ")
        enrolled = Joining(link, surroundings.profiles, answers, shown.show).run()
    return finish(surroundings, enrolled, shown, "Joined as")


def ask_for_answers(surroundings: Surroundings, stack: contextlib.ExitStack) -> Answers:
    """Answers from the terminal when standard input is one, else from its lines."""
    if is_wanted_after(surroundings):
        load_ahead()
    asking: Asking
    if sys.stdin.isatty():
        terminal = Terminal.open()
        if terminal is None:
            raise NothingToAsk
        asking = stack.enter_context(terminal)
    else:
        asking = Lines()
    file = surroundings.settings.passphrase_file
    passphrase = None if file is None else read_passphrase_file(file)
    return Answers(asking, surroundings.arguments.name, passphrase, surroundings.arguments.yes)


def ask_for_link(surroundings: Surroundings, asking: Asking, prompt: str) -> Link:
    """The link that was given as an argument, or is asked for: other users of the machine can see arguments."""
    given = surroundings.arguments.link
    return parse_link(asking.line(prompt) if given is None else given)


def finish(surroundings: Surroundings, enrolled: Enrolled, shown: RecoveryShown, verb: str) -> int:
    """Say who one is now, and go on to the line client where somebody is there."""
    rooms = ", ".join(f"#{room}" for room in enrolled.rooms)
    sentence = f"{verb} {enrolled.name}. Rooms: {rooms}"
    with enrolled.vault as vault:
        if surroundings.arguments.json:
            surroundings.output.data(shown.record(enrolled), "")
        else:
            surroundings.output.say(sentence)
        if is_wanted_after(surroundings):
            return chat(surroundings, vault, enrolled.passphrase)
    return ExitCode.OK
