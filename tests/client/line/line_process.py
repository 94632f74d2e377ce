"""The line client as a real process on a real server: opens a vault, chats, ends with the exit code.

`python -m tests.client.line.line_process DIRECTORY`. As `secure-chat` does it, but with quick reconnects.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from secure_chat.client.core import Client
from secure_chat.client.line.main import run
from secure_chat.client.vault.sealed import SealedVault
from tests.support.client_people import PASSPHRASE, options


@dataclass(frozen=True, slots=True)
class Plainly:
    """Settings."""

    color: bool = False


def main() -> int:
    with SealedVault(Path(sys.argv[1])) as sealed, sealed.unlock(PASSPHRASE) as vault:
        return run(Client(vault, PASSPHRASE, options()), settings=Plainly())


if __name__ == "__main__":
    sys.exit(main())
