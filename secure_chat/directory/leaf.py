"""One row of the append-only table of device lists and account changes: row i is leaf i of the key log."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from secure_chat.directory.device_list import DIGEST_BYTES, NAME_FIELD, VERSION_FIELD
from secure_chat.directory.keys import USER_ID_FIELD, UserId
from secure_chat.encoding import U64, Encoded, choice_field, identifier_field


class LeafType(IntEnum):
    """What happened to an account."""

    IDENTITY = 1  # a device list under an identity key that is new to the account
    DEVICE_LIST = 2  # a further device list under the same identity key
    DISABLE = 3
    DELETE = 4
    ENABLE = 5


_TYPE: Final = choice_field(*LeafType, first=1)
_DIGEST: Final = identifier_field(DIGEST_BYTES)  # a digest is never all zero


@dataclass(frozen=True, slots=True)
class Leaf(Encoded):
    """A leaf: 65 bytes and the name. Of a change of the account: version and digest of its newest device list."""

    layout = (_TYPE, USER_ID_FIELD, NAME_FIELD, VERSION_FIELD, _DIGEST, U64)
    type: LeafType
    user_id: UserId
    name: str  # in its mapped form
    version: int  # of the device list, from 1
    digest: bytes  # 32 bytes: DLH of the signed device list
    time: int  # milliseconds since 1970 UTC: when the server accepted it
