"""This device's keys and its owner's invites, as the network thread has them: kept up, started anew, told of."""

import os
import time
from collections.abc import Callable

from secure_chat.client.direct import clones
from secure_chat.client.direct.invites import Invites, VerifyByInvite
from secure_chat.client.direct.own_prekeys import OwnPrekeys
from secure_chat.client.direct.prekey_upkeep import PrekeyUpkeep
from secure_chat.client.events import Event, Told
from secure_chat.client.requests import Requests
from secure_chat.client.ticket import Ticket
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.vault import Vault
from secure_chat.e2ee.device_keys import Randomness
from secure_chat.errors import PostQuantumMissing
from secure_chat.protocol.events import InviteUsed, PrekeysLow, Said, Welcome


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class OwnKeys:
    """One vault's. No transaction of the vault is open when one of these is called."""

    def __init__(
        self,
        vault: Vault,
        requests: Requests,
        tell: Callable[[Event], None],
        verify: VerifyByInvite,
        drop_sessions: Callable[[Transaction], None],
        *,
        random: Randomness = os.urandom,
        now_ms: Callable[[], int] = _wall_clock_ms,
    ) -> None:
        """`verify`: pins who has proved an invite; `drop_sessions`: destroys all sessions with everybody."""
        self.prekeys = OwnPrekeys(vault, random, now_ms)
        self._vault = vault
        self._tell = tell
        self._drop_sessions = drop_sessions
        self._now_ms = now_ms
        self._upkeep = PrekeyUpkeep(vault, self.prekeys, requests, tell)
        self._invites = Invites(vault, requests, tell, verify, random, now_ms)

    def connected(self, welcome: Welcome) -> None:
        """Before anything else of a new connection: what a copied store has left is dropped here.

        Where new keys are needed and cannot be made, that is told, and nothing is published.
        """
        self._invites.connected(welcome)
        try:
            self._answer_copy()
        except PostQuantumMissing as error:
            self._tell(Told(error))
        else:
            self._upkeep.connected(welcome)

    def said(self, said: Said) -> bool:
        """Take what is for these keys. False: it is for somebody else."""
        match said:
            case PrekeysLow():
                self._upkeep.low(said.live)
            case InviteUsed():
                self._invites.hint()
            case _:
                return False
        return True

    def disconnected(self) -> None:
        """The connection is gone."""
        self._upkeep.disconnected()
        self._invites.disconnected()

    def turn(self, now: float) -> None:
        """A bounded piece of work, if any is due. `now` on the session's clock."""
        self._upkeep.turn(now)

    def next_time(self) -> float | None:
        """When `turn` has something to do by itself, on the session's clock."""
        return self._upkeep.next_time()

    def invite(self, ticket: Ticket) -> None:
        """A link by which somebody joins and is verified from the start."""
        self._invites.invite(ticket)

    def reset_all(self) -> None:
        """Drop all sessions and destroy every prekey secret now; new ones are published as soon as can be.

        Raises `PostQuantumMissing`; then nothing has changed.
        """
        with self._vault.transaction() as transaction:
            self._start_anew(transaction)
            clones.started_anew_by_hand(transaction)
        self._forget_for_good()
        self._upkeep.started_anew()

    def _answer_copy(self) -> None:
        with self._vault.transaction() as transaction:
            if not clones.must_start_anew(transaction):
                return
            self._start_anew(transaction)
            clones.started_anew(transaction, self._now_ms())
        self._forget_for_good()

    def _start_anew(self, transaction: Transaction) -> None:
        self._drop_sessions(transaction)
        self.prekeys.destroy_all(transaction)

    def _forget_for_good(self) -> None:
        # What was destroyed must not live on in the log of changes beside the database.
        self._vault.truncate_log()
