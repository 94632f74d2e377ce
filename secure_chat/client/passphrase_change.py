"""Changing the passphrase so that no crash and no lost answer locks anybody out.

The vault lets the new passphrase in, the server is told, then the vault forgets the old one. Between the two steps
either passphrase opens the vault, and a login with the one typed settles which it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from secure_chat.client.events import Answered, Event, Failed, Settled, Ticket
from secure_chat.client.login import Entrance, LoggedIn
from secure_chat.client.login_secret import derive_login_secret
from secure_chat.client.requests import Request
from secure_chat.client.vault import login_state
from secure_chat.client.vault.vault import Vault
from secure_chat.client.vault.wraps import DEFAULT_COST, Cost
from secure_chat.errors import AuthenticationFailed, ChatError, ConnectionLost
from secure_chat.protocol import commands as c
from secure_chat.protocol.events import Said


@dataclass(frozen=True, slots=True)
class PassphraseChange:
    """A change that the vault has taken in and the server has not been told yet."""

    ticket: Ticket
    vault: Vault = field(repr=False)
    old_login_secret: bytes = field(repr=False)
    new_login_secret: bytes = field(repr=False)

    @classmethod
    def begin(cls, ticket: Ticket, vault: Vault, old: str, new: str, cost: Cost = DEFAULT_COST) -> "PassphraseChange":
        """Derive, and let the new passphrase open the vault too; some seconds of work, so not on the network thread.

        Raises `VaultPassphrase` for a wrong old one, `PassphraseChangePending`, and the errors of names.py.
        """
        account = login_state.account(vault)
        secrets = [
            derive_login_secret(each, account.server_id, account.name, row=account.login_kdf) for each in (old, new)
        ]
        vault.begin_passphrase_change(old, new, cost=cost)
        return cls(ticket, vault, *secrets)

    def request(self, tell: Callable[[Event], None], lost: Callable[[], None]) -> Request:
        """Tell the server. `lost`: the connection went before the answer came."""

        def answered(_said: Said) -> None:
            self.finish(tell)

        return Request(
            lambda id_: c.PassphraseChange(id_, self.old_login_secret, self.new_login_secret),
            answered,
            lambda error: self.abandon(tell, error),
            lost=lost,
        )

    def settle(self, entrance: Entrance, tell: Callable[[Event], None]) -> LoggedIn:
        """Log in by whichever of the two the server knows, and let the vault follow. Raises as a login does."""
        try:
            logged_in = entrance.by_login_secret(self.new_login_secret)
        except AuthenticationFailed:
            logged_in = self._by_old_login_secret(entrance, tell)
            self.abandon(tell, ConnectionLost("The connection was lost, and the passphrase is still the old one."))
        else:
            self.finish(tell)
        return logged_in

    def _by_old_login_secret(self, entrance: Entrance, tell: Callable[[Event], None]) -> LoggedIn:
        try:
            return entrance.by_login_secret(self.old_login_secret)
        except AuthenticationFailed as error:
            tell(Failed(self.ticket, error))  # somebody else has changed it: the vault keeps both
            raise

    def finish(self, tell: Callable[[Event], None]) -> None:
        """The server knows the new passphrase."""
        self.vault.finish_passphrase_change()
        tell(Answered(self.ticket, Settled()))

    def abandon(self, tell: Callable[[Event], None], error: ChatError) -> None:
        """The server keeps the old passphrase."""
        self.vault.abandon_passphrase_change()
        tell(Failed(self.ticket, error))
