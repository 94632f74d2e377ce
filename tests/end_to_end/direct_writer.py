"""One person who writes many direct messages and reads as many: a process that may be killed and started again.

`python -m tests.end_to_end.direct_writer VAULT PEER COUNT`: it goes on with what its vault says, and ends with 0 once
all of its messages are accepted and all of the peer's are in the vault.
"""

import sys
from pathlib import Path

from secure_chat.client.core import Client
from secure_chat.client.direct.conversations import page
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import DirectHeard, DirectMessage, MessageKind
from secure_chat.client.direct.waiting import text_of
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.vault import Vault
from tests.support.client_people import PASSPHRASE, options

AT_ONCE = 8  # messages that may wait to be accepted
LOOK_SECONDS = 5.0


def said_by(name: str, count: int) -> str:
    """The text of the message of that number, from 0."""
    return f"{name} {count}"


def rows(vault: Vault, peer: str) -> list[DirectMessage]:
    """The whole conversation, as it is kept."""
    found: list[DirectMessage] = []
    with vault.transaction() as transaction:
        desk = Desk(transaction)
        before, earlier = None, True
        while earlier:
            some, earlier = page(desk, peer, before, 500)
            found = [*some, *found]
            before = found[0].row if found else None
    return found


def main(directory: str, peer: str, count: str) -> int:
    """Write and read until everything is there."""
    total = int(count)
    with SealedVault(Path(directory)).unlock(PASSPHRASE) as vault:
        kept = rows(vault, peer)
        received = sum(not row.own and row.kind is MessageKind.TEXT for row in kept)
        accepted = sum(row.own for row in kept)
        with vault.transaction() as transaction:
            waiting = sum(bool(text_of(each)) for each in Desk(transaction).outgoing(peer))
        said = accepted + waiting
        with Client(vault, options=options(attend=False)) as client:
            me = client.snapshot.name
            while accepted < total or received < total:
                while said < total and said - accepted < AT_ONCE:
                    client.message(peer, said_by(me, said))
                    said += 1
                event = client.events.get(LOOK_SECONDS)
                if isinstance(event, DirectHeard) and event.message.own:
                    accepted += 1
                elif isinstance(event, DirectHeard):
                    received += event.message.kind is MessageKind.TEXT
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
