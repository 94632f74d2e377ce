"""What a login must find and leave in the vault: the account, this device, the counter g, the resume tokens.

PROTOCOL.md, "Login". Each function that writes is durable when it returns: commit first, then the socket.
"""

import dataclasses
from typing import TypeVar

from secure_chat.client.vault.records import (
    ACCOUNT,
    LOGIN_COUNTER,
    OWN_DEVICE,
    RESUME_TOKENS,
    SIGNED_PREKEYS,
    Account,
    LoginCounter,
    OwnDevice,
    ResumeTokens,
)
from secure_chat.client.vault.tables import SELF
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.vault import Vault
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.errors import VaultDamaged

Found = TypeVar("Found")


def account(vault: Vault) -> Account:
    """Whose vault this is. Raises `VaultDamaged` when the row is gone."""
    return _present(vault.get(ACCOUNT, SELF))


def change_account(vault: Vault, changed: Account) -> None:
    """Keep a new port, authority or log key, after it was verified and where needed confirmed by the person."""
    with vault.transaction() as transaction:
        transaction.put(ACCOUNT, SELF, changed)


def remember_login_kdf(vault: Vault, row: int) -> None:
    """Keep the row by which a login succeeded; no lower one will be accepted from then on."""
    with vault.transaction() as transaction:
        present = _present(transaction.get(ACCOUNT, SELF))
        if row > present.login_kdf:
            transaction.put(ACCOUNT, SELF, dataclasses.replace(present, login_kdf=row))


def own_device(vault: Vault) -> OwnDevice:
    """This device's keys and its newest list. Raises `VaultDamaged` when the row is gone."""
    return _present(vault.get(OWN_DEVICE, SELF))


def newest_signed_prekey(vault: Vault) -> SignedPrekeySecret:
    """The signed prekey that is, or is about to be, published."""
    prekeys = [stored for _, stored in vault.scan(SIGNED_PREKEYS) if stored.superseded_at is None]
    if not prekeys:
        raise VaultDamaged
    return max((stored.prekey for stored in prekeys), key=lambda prekey: prekey.published.prekey.created)


def next_login_counter(vault: Vault) -> int:
    """Count one more login or resume; report the result with it. Never gives the same number twice."""
    with vault.transaction() as transaction:
        counter = LoginCounter(_present(transaction.get(LOGIN_COUNTER, SELF)).value + 1)
        transaction.put(LOGIN_COUNTER, SELF, counter)
    return counter.value


def raise_login_counter(transaction: Transaction, answered: int) -> None:
    """Go on after the number that the server answered, when that was not below the own one."""
    present = _present(transaction.get(LOGIN_COUNTER, SELF))
    transaction.put(LOGIN_COUNTER, SELF, LoginCounter(max(present.value, answered + 1)))


def resume_tokens(vault: Vault) -> ResumeTokens:
    """The tokens, both None after a logout. Resume with the pending one if there is one."""
    return vault.get(RESUME_TOKENS, SELF) or ResumeTokens()


def keep_token(vault: Vault, token: bytes) -> None:
    """A login by passphrase gave this token: it replaces all others."""
    _write_tokens(vault, ResumeTokens(current=token))


def keep_pending_token(vault: Vault, token: bytes) -> None:
    """The server offers a successor; call this before confirming it. The present one stays valid until then."""
    _write_tokens(vault, dataclasses.replace(resume_tokens(vault), pending=token))


def confirm_pending_token(vault: Vault) -> None:
    """The server knows that the successor arrived: the token before it has ended."""
    tokens = resume_tokens(vault)
    if tokens.pending is not None:
        _write_tokens(vault, ResumeTokens(current=tokens.pending))


def drop_pending_token(vault: Vault) -> None:
    """The server does not know the successor any more; the token before it may still be good."""
    _write_tokens(vault, ResumeTokens(current=resume_tokens(vault).current))


def forget_tokens(vault: Vault) -> None:
    """Log out: the next login wants the passphrase."""
    with vault.transaction() as transaction:
        transaction.delete(RESUME_TOKENS, SELF)


def _write_tokens(vault: Vault, tokens: ResumeTokens) -> None:
    with vault.transaction() as transaction:
        transaction.put(RESUME_TOKENS, SELF, tokens)


def _present(found: Found | None) -> Found:
    if found is None:
        raise VaultDamaged
    return found
