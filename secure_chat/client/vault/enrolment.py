"""All that a new vault holds before anything is sent: keys, device list, signed prekey, and the server's facts."""

from dataclasses import dataclass
from typing import Final

from secure_chat.client.vault.records import (
    ACCOUNT,
    LOGIN_COUNTER,
    OWN_DEVICE,
    SIGNED_PREKEYS,
    Account,
    Enrolment,
    LoginCounter,
    OwnDevice,
    StoredSignedPrekey,
)
from secure_chat.client.vault.tables import SELF
from secure_chat.client.vault.transaction import Transaction
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.e2ee.device_keys import (
    DeviceSecrets,
    IdentitySecret,
    Randomness,
    first_device_list,
    generate_user_id,
    recovered_device_list,
    reset_device_list,
)
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret

NEW_LOGIN_KDF: Final = 1  # no row has been used yet


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server that a profile belongs to, as its connection was verified."""

    host: str  # canonical
    port: int
    authority: bytes  # 33: the key that this connection was verified under
    server_id: bytes  # 32
    log_key: bytes  # 32: from hello, compared with the link's pin


@dataclass(frozen=True, slots=True)
class NewVault:
    """What is committed first and registered then."""

    account: Account
    device: OwnDevice
    prekey: SignedPrekeySecret
    identity: IdentitySecret  # its seed goes under wraps of its own

    def write(self, transaction: Transaction) -> None:
        """Write the first rows."""
        transaction.put(ACCOUNT, SELF, self.account)
        transaction.put(OWN_DEVICE, SELF, self.device)
        prekey_id = self.prekey.published.prekey.prekey_id
        transaction.put(SIGNED_PREKEYS, prekey_id.hex(), StoredSignedPrekey.of(self.prekey))
        transaction.put(LOGIN_COUNTER, SELF, LoginCounter())


def register(server: ServerFacts, name: str, random: Randomness, now_ms: int) -> NewVault:
    """A new account: number, identity, device, version 1. `name`: mapped; `now_ms`: milliseconds since 1970 UTC."""
    identity, device = IdentitySecret.generate(random), DeviceSecrets.generate(random)
    devices = first_device_list(identity, device, generate_user_id(random), name, now_ms)
    return _new_vault(server, devices, identity, device, Enrolment.REGISTRATION, random)


def recover(server: ServerFacts, seed: bytes, newest: AcceptedDeviceList, random: Randomness, now_ms: int) -> NewVault:
    """The account of a recovery key on a new device. `newest`: the list that the server shows, checked for its name.

    Raises `RecoveryKeyOther` when the key belongs to another identity.
    """
    identity, device = IdentitySecret(seed), DeviceSecrets.generate(random)
    devices = recovered_device_list(identity, device, newest, now_ms)
    return _new_vault(server, devices, identity, device, Enrolment.RECOVERY, random)


def reset(server: ServerFacts, newest: AcceptedDeviceList, random: Randomness, now_ms: int) -> NewVault:
    """The account under a new identity, without its recovery key: a key change for every contact."""
    identity, device = IdentitySecret.generate(random), DeviceSecrets.generate(random)
    devices = reset_device_list(identity, device, newest, now_ms)
    return _new_vault(server, devices, identity, device, Enrolment.RESET, random)


def _new_vault(
    server: ServerFacts,
    devices: AcceptedDeviceList,
    identity: IdentitySecret,
    device: DeviceSecrets,
    enrolment: Enrolment,
    random: Randomness,
) -> NewVault:
    own = devices.device_list
    account = Account(
        user_id=own.user_id,
        name=own.name,
        host=server.host,
        port=server.port,
        authority=server.authority,
        server_id=server.server_id,
        log_key=server.log_key,
        login_kdf=NEW_LOGIN_KDF,
    )
    prekey = SignedPrekeySecret.generate(device, own.user_id, random, own.created)
    return NewVault(account, OwnDevice(device, devices.signed.encode(), enrolment), prekey, identity)
