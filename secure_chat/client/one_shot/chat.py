"""The line client on the chosen profile: what secure-chat does without a command, and after joining on a terminal."""

import importlib
import sys
import threading

from secure_chat.client.core import Client, Options
from secure_chat.client.one_shot.account import Surroundings
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import UsageInvalid


def run(surroundings: Surroundings) -> int:
    """Choose, unlock, chat."""
    if surroundings.arguments.json:
        raise UsageInvalid("--json needs a command.", hint="secure-chat read --json")
    profile = surroundings.profiles.choose(surroundings.settings.profile)
    if surroundings.settings.profile is None:
        surroundings.output.say(f"Profile {profile.title}.")
    load_ahead()
    vault, passphrase = surroundings.passphrase_source.unlock(profile)
    surroundings.profiles.mark_used(profile)
    with vault:
        return chat(surroundings, vault, passphrase)


def load_ahead() -> None:
    """Begin to load the screen: a third of a second of modules, while the passphrase is typed or derived."""
    threading.Thread(target=_load_screen, name="load-screen", daemon=True).start()


def _load_screen() -> None:
    if sys.stdin.isatty() and sys.stdout.isatty():
        importlib.import_module("secure_chat.client.line.terminal")
    importlib.import_module("secure_chat.client.line.main")


def chat(surroundings: Surroundings, vault: Vault, passphrase: str) -> int:
    """Run the line client on an open vault."""
    from secure_chat.client.line.main import run as run_line

    client = Client(vault, passphrase, Options(backoff=surroundings.backoff))
    return run_line(client, settings=surroundings.settings)


def is_wanted_after(surroundings: Surroundings) -> bool:
    """Whether joining or logging in goes on to the line client: on a terminal, unless only that was wanted."""
    arguments = surroundings.arguments
    return not arguments.once and not arguments.json and sys.stdin.isatty() and sys.stdout.isatty()
