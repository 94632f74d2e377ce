"""What the vault keeps of this device's prekeys: one-time secrets, first messages that were seen, the ledger."""

from dataclasses import dataclass, field
from typing import Final, Self

from secure_chat.client.vault.tables import Table
from secure_chat.directory.prekeys import PREKEY_ID_BYTES, PublishedOneTimePrekey
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret, PrekeySecret


@dataclass(frozen=True, slots=True)
class StoredOneTimePrekey:
    """A one-time prekey of this device, until the message that used it opens. The row id has its set before its id."""

    secret: PrekeySecret
    published: bytes = field(repr=False)  # OTP || signature, as the server has it

    @classmethod
    def of(cls, prekey: OneTimePrekeySecret) -> Self:
        """A new one, to be stored before it is published."""
        return cls(prekey.secret, prekey.published.encode())

    @property
    def prekey(self) -> OneTimePrekeySecret:
        """Secrets and publics together."""
        return OneTimePrekeySecret(self.secret, PublishedOneTimePrekey.parse(self.published))


@dataclass(frozen=True, slots=True)
class SeenFirstMessage:
    """A first message with this ephemeral key has opened under this signed prekey; another one is a replay."""

    at: int  # milliseconds since 1970 UTC


@dataclass(frozen=True, slots=True)
class Publication:
    """What the server was, or is about to be, told, and has not confirmed: it is told again, byte for byte."""

    signed_prekey: bytes = b""  # the id of a new signed prekey, or empty
    replace: bool = False  # all one-time prekeys that the server has are withdrawn first
    refused: bool = False  # the server would not have it: a new signed prekey takes its place


@dataclass(frozen=True, slots=True)
class WithdrawnSet:
    """A set of one-time prekeys that the server was told to withdraw; messages under way may still use them."""

    number: int
    at: int  # milliseconds since 1970 UTC: when the server confirmed it


@dataclass(frozen=True, slots=True)
class Made:
    """How many one-time prekeys were made at a time."""

    at: int  # milliseconds since 1970 UTC
    count: int


@dataclass(frozen=True, slots=True)
class PrekeyLedger:
    """How things stand with this device's prekeys; one row."""

    set_number: int = 1  # of the set that the server hands out
    set_since: int = 0  # when the server confirmed the first of it; 0: nothing yet
    live: int = 0  # secrets of that set in the vault, the fresh ones among them
    fresh: tuple[bytes, ...] = ()  # ids, in the order made, that the server has not confirmed
    replacing: bool = False  # the fresh ones are the beginning of the next set
    offered: Publication | None = None
    withdrawn: tuple[WithdrawnSet, ...] = ()
    made: tuple[Made, ...] = ()  # of the last 24 hours
    without_one_time_at: int = 0  # when a first message used the present signed prekey alone; 0: never
    early_rotation_at: int = 0  # the last one

    @property
    def fresh_set(self) -> int:
        """The set that the fresh ones belong to."""
        return self.set_number + 1 if self.replacing else self.set_number


ONE_TIME_PREKEYS: Final = Table("one_time_prekey", StoredOneTimePrekey)
FIRST_MESSAGES: Final = Table("first_message", SeenFirstMessage)
LEDGER: Final = Table("prekey_ledger", PrekeyLedger)

_SET_DIGITS: Final = 8


def set_prefix(number: int) -> str:
    """What the row ids of a set of one-time prekeys begin with."""
    return f"{number:0{_SET_DIGITS}}-"


def one_time_row(number: int, prekey_id: bytes) -> str:
    """The row id of a one-time prekey."""
    return set_prefix(number) + prekey_id.hex()


def prekey_id_of(row_id: str) -> bytes:
    """The id of the one-time prekey in a row."""
    return bytes.fromhex(row_id[-2 * PREKEY_ID_BYTES :])


def first_message_row(signed_prekey_id: bytes, ephemeral_key: bytes) -> str:
    """The row id of a first message: what PROTOCOL.md's replay cache is looked up by."""
    return f"{signed_prekey_id.hex()}-{ephemeral_key.hex()}"
