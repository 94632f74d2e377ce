"""What the vault keeps for an account: whose it is, the device's keys, tokens and counters, where the person was."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Self

from secure_chat.client.vault.tables import Table
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.keys import UserId
from secure_chat.directory.prekeys import PublishedSignedPrekey
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.e2ee.prekey_secrets import PrekeySecret, SignedPrekeySecret


@dataclass(frozen=True, slots=True)
class Account:
    """Whose vault this is, and the only server that it trusts."""

    user_id: UserId
    name: str  # PRECIS-mapped
    host: str  # canonical
    port: int
    authority: bytes  # 33: the present authority's key, root of every connection
    server_id: bytes  # 32: from the installation's first authority; never changes
    log_key: bytes  # 32: the key log's Ed25519 key, as hello carries it; no other is taken without a person's word
    login_kdf: int = 1  # the row last used to derive the login secret; a lower one is refused


class Enrolment(Enum):
    """By which request this device became the account's."""

    REGISTRATION = "registration"
    RECOVERY = "recovery"  # a new version of the list under the same identity
    RESET = "reset"  # a new identity: a key change for every contact


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """This device's keys, the device list that holds it, and how it got there."""

    keys: DeviceSecrets
    signed_device_list: bytes = field(repr=False)  # DL || signature: the newest own list
    enrolment: Enrolment = Enrolment.REGISTRATION

    @property
    def device_list(self) -> AcceptedDeviceList:
        """The newest own list."""
        return AcceptedDeviceList.from_own_store(self.signed_device_list)


@dataclass(frozen=True, slots=True)
class StoredSignedPrekey:
    """A signed prekey of this device. The row id is its number in hexadecimal."""

    secret: PrekeySecret
    published: bytes = field(repr=False)  # SPK || signature, as the server has it
    superseded_at: int | None = None  # ms since 1970: when the server confirmed the next one; kept 40 days from then

    @classmethod
    def of(cls, prekey: SignedPrekeySecret) -> Self:
        """A new one, to be stored before it is published."""
        return cls(prekey.secret, prekey.published.encode())

    @property
    def prekey(self) -> SignedPrekeySecret:
        """Secrets and publics together."""
        return SignedPrekeySecret(self.secret, PublishedSignedPrekey.parse(self.published))


@dataclass(frozen=True, slots=True)
class ResumeTokens:
    """The token that logs this device in without the passphrase, and its successor until that is confirmed."""

    current: bytes | None = field(default=None, repr=False)  # 32
    pending: bytes | None = field(default=None, repr=False)  # 32


@dataclass(frozen=True, slots=True)
class LoginCounter:
    """How often this device has begun a login or resume: one that falls behind shows a restored or cloned vault."""

    value: int = 0


@dataclass(frozen=True, slots=True)
class InputLine:
    """One line that was typed."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadMarker:
    """The highest number of a room's log that the person has seen: the unread divider stands after it."""

    room: str
    number: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed in a room and not sent."""

    room: str
    text: str = field(repr=False)


ACCOUNT: Final = Table("account", Account)
OWN_DEVICE: Final = Table("own_device", OwnDevice)
SIGNED_PREKEYS: Final = Table("signed_prekey", StoredSignedPrekey)
RESUME_TOKENS: Final = Table("resume_token", ResumeTokens)
LOGIN_COUNTER: Final = Table("login_counter", LoginCounter)
INPUT_HISTORY: Final = Table("input_history", InputLine)
READ_MARKERS: Final = Table("read_marker", ReadMarker)
DRAFTS: Final = Table("draft", Draft)
