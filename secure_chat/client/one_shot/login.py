"""`secure-chat login`: a session for a profile, or this device in place of one that is lost."""

import contextlib
import sys

from secure_chat.client.asking import Lines
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.one_shot.chat import chat, is_wanted_after, load_ahead
from secure_chat.client.one_shot.join import RecoveryShown, ask_for_answers, ask_for_link, finish
from secure_chat.client.one_shot.records import LoggedInRecord
from secure_chat.client.passphrases import ask_and_open
from secure_chat.client.profiles import Profile
from secure_chat.client.recovery import Recovering
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import ProfileUnknown
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol.link import Link, parse_link


def run(surroundings: Surroundings) -> int:
    """Log in with the vault that is here; without one by the recovery key, or say why not."""
    arguments = surroundings.arguments
    if arguments.recovery:
        return _recover(surroundings)
    if arguments.link is None:
        return _log_in(surroundings, surroundings.choose_profile())
    link = parse_link(arguments.link)
    profile = _profile_of(surroundings, link)
    if profile is not None:
        return _log_in(surroundings, profile)
    with contextlib.ExitStack() as stack:
        answers = ask_for_answers(surroundings, stack)
        raise Recovering(link, surroundings.profiles, answers, RecoveryShown(surroundings).show).explain()


def _recover(surroundings: Surroundings) -> int:
    shown = RecoveryShown(surroundings)
    with contextlib.ExitStack() as stack:
        answers = ask_for_answers(surroundings, stack)
        link = ask_for_link(surroundings, answers.asking, "Link of the server: ")
        enrolled = Recovering(link, surroundings.profiles, answers, shown.show).recover()
    return finish(surroundings, enrolled, shown, "Recovered as")


def _log_in(surroundings: Surroundings, profile: Profile) -> int:
    if is_wanted_after(surroundings):
        load_ahead()
    vault, passphrase = _unlock(surroundings, profile)
    with vault:
        with surroundings.connected(profile, vault, passphrase) as account:
            rooms = [room.room for room in account.client.snapshot.rooms]
        label = profile.label
        sentence = f"Logged in as {label.name}. Rooms: {', '.join(f'#{room}' for room in rooms)}"
        if surroundings.arguments.json:
            record = LoggedInRecord(profile=profile.title, name=label.name, server=label.host, rooms=rooms)
            surroundings.output.data(record, "")
        else:
            surroundings.output.say(sentence)
        if is_wanted_after(surroundings):
            return chat(surroundings, vault, passphrase)
    return ExitCode.OK


def _unlock(surroundings: Surroundings, profile: Profile) -> tuple[Vault, str]:
    """From a file, the terminal, or the lines of standard input: the name, which must be the profile's, then this."""
    if sys.stdin.isatty() or surroundings.settings.passphrase_file is not None:
        return surroundings.passphrase_source.unlock(profile)
    with profile.acquire() as locked:
        lines = Lines()
        name = lines.line("User name: ").strip()
        if name and not profile.is_called(name):
            raise ProfileUnknown(f"This is the profile of {profile.title}, not of {name}.")
        return ask_and_open(lines, "Passphrase: ", locked.unlock)


def _profile_of(surroundings: Surroundings, link: Link) -> Profile | None:
    wanted = surroundings.settings.profile
    there = [
        profile
        for profile in surroundings.profiles.complete()
        if (profile.label.host, profile.label.port) == (link.host, link.port)
        and (wanted is None or profile.is_called(wanted))
    ]
    return there[0] if len(there) == 1 else None
