"""What a person's vault holds that nobody else may ever see: opened as the person does, and noted to be looked for."""

import sqlite3
from contextlib import closing
from typing import Final

from secure_chat.client.direct.invites import INVITES
from secure_chat.client.direct.prekey_records import ONE_TIME_PREKEYS
from secure_chat.client.profiles import Profile, Profiles
from secure_chat.client.vault import location, login_state
from secure_chat.client.vault.records import SIGNED_PREKEYS
from secure_chat.client.vault.wraps import VAULT_TAG, Header
from secure_chat.names import prepare_passphrase
from tests.features.machine import Machine
from tests.support.cheap_client import vaults_below_the_floor

SOME: Final = 1  # of a hundred one-time prekeys, all made alike


def secrets_of(machine: Machine, passphrase: str) -> dict[str, bytes]:
    """Vault key, identity, device keys, prekeys, secrets of invites; by what they are."""
    with vaults_below_the_floor():
        return _secrets_of(Profiles(machine.data).choose(), passphrase)


def _secrets_of(profile: Profile, passphrase: str) -> dict[str, bytes]:
    with profile.acquire() as locked, locked.unlock(passphrase) as vault:
        device = login_state.own_device(vault).keys
        found = {
            "passphrase": passphrase.encode(),
            "identity seed": vault.unlock_identity(passphrase),
            "device signing seed": device.signing_seed,
            "device agreement key": device.dh_secret,
        }
        for number, (_, signed) in enumerate(vault.scan(SIGNED_PREKEYS)):
            found[f"signed prekey {number} agreement key"] = signed.prekey.secret.dh_secret
            found[f"signed prekey {number} seed"] = signed.prekey.secret.kem_seed
        for number, (_, once) in enumerate(vault.scan(ONE_TIME_PREKEYS)[:SOME]):
            found[f"one-time prekey {number} agreement key"] = once.secret.dh_secret
            found[f"one-time prekey {number} seed"] = once.secret.kem_seed
        for number, (_, invite) in enumerate(vault.scan(INVITES)):
            if invite.secret:
                found[f"invite {number} secret"] = invite.secret
    with closing(sqlite3.connect(profile.directory / location.DATABASE_NAME)) as database:
        (header,) = database.execute("SELECT content FROM header WHERE name = ?", (VAULT_TAG,)).fetchone()
    found["vault key"], _ = Header.decode(header).open(VAULT_TAG, prepare_passphrase(passphrase))
    return found
