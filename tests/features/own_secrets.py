"""What a person's vault holds that nobody else may ever see: opened as the person does, and noted to be looked for."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from secure_chat.client.direct.invites import INVITES
from secure_chat.client.direct.prekey_records import ONE_TIME_PREKEYS
from secure_chat.client.direct.records import PEER_DEVICES
from secure_chat.client.profiles import Profile, Profiles
from secure_chat.client.vault import location, login_state
from secure_chat.client.vault.records import SIGNED_PREKEYS
from secure_chat.client.vault.wraps import VAULT_TAG, Header
from secure_chat.e2ee.envelope import SESSION_TAG_BYTES
from secure_chat.e2ee.key_schedule import chain_step
from secure_chat.e2ee.session import Session
from secure_chat.names import prepare_passphrase
from tests.features.machine import Machine
from tests.support.cheap_client import vaults_below_the_floor

SOME: Final = 1  # of a hundred one-time prekeys, all made alike


def secrets_of(machine: Machine, passphrase: str) -> dict[str, bytes]:
    """By what they are: vault key, identity, device keys, prekeys, secrets of invites, sessions as they are now."""
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
        for _, peer in vault.scan(PEER_DEVICES):
            for session in peer.sessions:
                found |= {f"session {session.sid8.hex()} {what}": key for what, key in _keys_of(session)}
    with closing(sqlite3.connect(profile.directory / location.DATABASE_NAME)) as database:
        (header,) = database.execute("SELECT content FROM header WHERE name = ?", (VAULT_TAG,)).fetchone()
    found["vault key"], _ = Header.decode(header).open(VAULT_TAG, prepare_passphrase(passphrase))
    return found


def _keys_of(session: Session) -> Iterator[tuple[str, bytes]]:
    """What opens the session's messages from now on, the next one of each chain by its own key."""
    yield "identifier", session.sid[SESSION_TAG_BYTES:]  # what stands before it is public
    yield "root key", session.root_key
    if session.ratchet_secret:
        yield "ratchet secret", session.ratchet_secret
    if session.sending is not None:
        yield "sending chain key", session.sending.chain_key
        yield "key of the next message sent", chain_step(session.sending.chain_key)[1]
    for number, chain in enumerate(session.receiving):
        if chain.chain_key:
            yield f"receiving chain {number} key", chain.chain_key
            yield f"key of the next message of receiving chain {number}", chain_step(chain.chain_key)[1]
        for skipped in chain.skipped:
            yield f"key of message {skipped.n} of receiving chain {number}", skipped.message_key
