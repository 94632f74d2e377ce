"""A process that changes a passphrase and is killed at a step; run by test_passphrase_change.py.

Arguments: the vault's directory, the old and the new passphrase, and the step: "begun", "sent" or "answered".
"""

import os
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import patch

from secure_chat.client.channel import Channel
from secure_chat.client.events import Settled
from secure_chat.client.network import Network
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.vault import Vault
from secure_chat.protocol import commands as c
from tests.support.client_people import TestClient, cheap_login_derivation


def die(*_: object) -> None:
    """End as a power cut ends a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def send_and_die(channel: Channel, command: c.Command) -> None:
    """Send; if it was the change, that was the last thing this process did."""
    send(channel, command)
    if isinstance(command, c.PassphraseChange):
        die()


send = Channel.send


def main(directory: str, old: str, new: str, step: str) -> None:
    """Change the passphrase, as far as the step lets it come."""
    deaths: dict[str, AbstractContextManager[object]] = {
        "begun": patch.object(Network, "change_passphrase", die),
        "sent": patch.object(Channel, "send", send_and_die),
        "answered": patch.object(Vault, "finish_passphrase_change", die),
    }
    with (
        cheap_login_derivation(),
        SealedVault(Path(directory)) as sealed,
        TestClient(sealed.unlock(old), passphrase=old) as client,
        deaths[step],
    ):
        client.answer(client.core.change_passphrase(old, new), Settled)
        print("changed", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
