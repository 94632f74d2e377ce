"""What this device must make, publish, replace and destroy of its prekeys, and when; a small piece of work at a time.

PROTOCOL.md 19.2 to 19.4. Whatever the server claims, no more is made than the limits allow. What is published is on
the disk before, and is told again, byte for byte, until the server has confirmed it or shows that it has it.
"""

from collections.abc import Callable

from secure_chat import limits
from secure_chat.client.direct.own_prekeys import OwnPrekeys
from secure_chat.client.events import Event, Told
from secure_chat.client.requests import Request, Requests
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import ChatError, PostQuantumMissing, ServerSaidNonsense
from secure_chat.protocol.commands import PrekeysPublish
from secure_chat.protocol.events import PrekeysKept, Said, Welcome


class PrekeyUpkeep:
    """One device's, across connections. Owned by the network thread."""

    def __init__(self, vault: Vault, prekeys: OwnPrekeys, requests: Requests, tell: Callable[[Event], None]) -> None:
        """Destroys at once what has had its time, connected or not."""
        self._vault = vault
        self._prekeys = prekeys
        self._requests = requests
        self._tell = tell
        self._shelf = limits.ONE_TIME_PREKEYS_UPLOAD  # one-time prekeys there, as the server says
        self._asked: Request | None = None
        self._connected = False
        self._pauses = False  # the server has refused: not again on this connection
        self._look_at: float | None = None  # on the session's clock; None: at the next turn
        with vault.transaction() as transaction:
            prekeys.destroy_expired(transaction)

    def connected(self, welcome: Welcome) -> None:
        """What the server has of this device, by its own account."""
        self._drop_request()
        newest_there = welcome.signed_prekey_id
        self._connected = bool(newest_there)  # a server that says nothing of prekeys keeps none
        self._pauses = False
        self._shelf = welcome.one_time_prekeys
        self._look_at = None
        if self._connected:
            with self._vault.transaction() as transaction:
                self._compare(transaction, newest_there)

    def low(self, live: int) -> None:
        """The server says that so many are left."""
        self._shelf = live
        self._look_at = None

    def disconnected(self) -> None:
        """What was under way is settled on the next connection."""
        self._connected = False

    def started_anew(self) -> None:
        """All prekeys were destroyed: the new ones are to be published now."""
        self._drop_request()
        self._shelf = 0
        self._pauses = False
        self._look_at = None

    def turn(self, now: float) -> None:
        """One bounded piece of work, if any is due. `now` on the session's clock."""
        if self._look_at is not None and now < self._look_at:
            return
        try:
            with self._vault.transaction() as transaction:
                self._prekeys.destroy_expired(transaction)
                if self._connected and self._asked is None and not self._pauses and self._advance(transaction):
                    return  # more at the next turn
        except PostQuantumMissing as error:
            self._pauses = True  # rooms go on; no key without its post-quantum half
            self._tell(Told(error))
        self._look_at = now + limits.PREKEY_LOOK_SECONDS
        if self._connected and not self._pauses:
            self._publish()

    def next_time(self) -> float | None:
        """When `turn` has something to do; None: when the server or a call brings it."""
        if not self._connected:
            return None
        return 0.0 if self._look_at is None else self._look_at

    # --- inside ----------------------------------------------------------------------------------

    def _compare(self, transaction: Transaction, newest_there: bytes) -> None:
        ledger = self._prekeys.ledger(transaction)
        if ledger.offered is not None and ledger.offered.signed_prekey == newest_there:
            self._prekeys.confirmed(transaction)  # it had arrived; only the answer was lost
            return
        if ledger.offered is not None and ledger.offered.refused:
            self._prekeys.mend_refused(transaction)
        if ledger.offered is not None:
            return
        newest = self._prekeys.newest_signed(transaction).prekey.published.prekey.prekey_id
        if newest == newest_there:
            return
        if self._prekeys.is_own(transaction, newest_there) or not self._prekeys.take_over(transaction):
            self._prekeys.offer_again(transaction)

    def _advance(self, transaction: Transaction) -> bool:
        """Make a piece of what is missing, or decide what is told. Whether there is more to make."""
        prekeys = self._prekeys
        ledger = prekeys.ledger(transaction)
        if ledger.offered is not None:
            return False
        if not ledger.replacing and not ledger.fresh and prekeys.replacement_is_due(transaction):
            if not prekeys.may_make(transaction, of_next_set=True):
                return False  # tomorrow
            prekeys.begin_replacement(transaction)
            ledger = prekeys.ledger(transaction)
        wanted = limits.ONE_TIME_PREKEYS_UPLOAD
        if not ledger.replacing:
            refill = bool(ledger.fresh) or self._shelf <= limits.ONE_TIME_PREKEYS_REFILL_AT
            wanted = max(0, wanted - self._shelf) if refill else 0
        missing = min(wanted - len(ledger.fresh), prekeys.may_make(transaction))
        if missing > 0:
            prekeys.make(transaction, min(missing, limits.ONE_TIME_PREKEYS_A_PIECE))
            return True
        rotate = prekeys.rotation_is_due(transaction)
        if ledger.fresh or rotate:
            prekeys.offer(transaction, rotate=rotate)
        return False

    def _publish(self) -> None:
        with self._vault.transaction() as transaction:
            offered = self._prekeys.offered(transaction)
        if offered is None or self._asked is not None:
            return
        signed, one_time, replace = offered
        self._asked = Request(
            lambda id_: PrekeysPublish(id_, signed, list(one_time), replace),
            self._kept,
            self._refused,
            lost=self._forget_request,
        )
        self._requests.ask(self._asked)

    def _kept(self, said: Said) -> None:
        self._asked = None
        if not isinstance(said, PrekeysKept):
            raise ServerSaidNonsense
        with self._vault.transaction() as transaction:
            self._prekeys.confirmed(transaction)
        self._shelf = said.live
        self._look_at = None

    def _refused(self, error: ChatError) -> None:
        self._asked = None
        self._pauses = True
        with self._vault.transaction() as transaction:
            self._prekeys.refused(transaction)
        self._tell(Told(error))

    def _forget_request(self) -> None:
        self._asked = None

    def _drop_request(self) -> None:
        if self._asked is not None:
            self._requests.drop(self._asked)
            self._asked = None
