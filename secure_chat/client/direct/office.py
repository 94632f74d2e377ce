"""Where work on direct messages is done: a desk on one transaction; what is told is told after it is on the disk."""

import contextlib
from collections.abc import Callable, Iterator

from secure_chat.client.direct.desk import Desk
from secure_chat.client.events import Event
from secure_chat.client.vault.vault import Vault


class Office:
    """The vault, the screen, and who else must know what a transaction has changed."""

    def __init__(self, vault: Vault, tell: Callable[[Event], None]) -> None:
        self.vault = vault
        self.tell = tell
        self.done: Callable[[Desk], None] = _nothing
        """Called after each transaction that was committed."""

    @contextlib.contextmanager
    def desk(self) -> Iterator[Desk]:
        """A desk; what lies on it is written when the block ends, and only then told. Nothing is when it raises."""
        desk: Desk | None = None
        try:
            with self.vault.transaction() as transaction:
                desk = Desk(transaction)
                yield desk
                desk.write()
        except BaseException:
            if desk is not None:
                desk.undo()
            raise
        for event in desk.events:
            self.tell(event)
        self.done(desk)


def _nothing(_desk: Desk) -> None:
    return
